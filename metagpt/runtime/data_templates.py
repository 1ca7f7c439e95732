"""Prompts and conditions that stand in a data file: text that the user may have from a stranger.

They see plain JSON values and nothing else. There is no call, no attribute of a Python object and no other file, so the
most that such a text can do is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import to_jsonable_python

from metagpt.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import nodes

    from metagpt.runtime.data_environment import DataEnvironment

__all__ = ["MOST_CHARS", "DataCondition", "DataTemplate", "TemplateFaultError"]

T = TypeVar("T")

MOST_CHARS = 1_000_000
"""Longest text that a template renders to."""


class TemplateFaultError(ValueError):
    """A text that is no template; `.row` is the row of it, from 1."""

    def __init__(self, text: str, row: int) -> None:
        super().__init__(text)
        self.row = row


class DataTemplate:
    """A prompt of a data file.

    Args:
        text: The Jinja text.
        where: `FILE:LINE`, for errors.

    Raises:
        TemplateFaultError: it is no template, or uses what data files may not.
    """

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.tree: nodes.Template = _read(lambda environment: _parsed(environment, text))
        self._compiled = _read(lambda environment: environment.from_string(text))

    def render(self, context: Mapping[str, Any], *, owner: str) -> str:  # Any: whatever JSON can hold
        """The text with the context's values in their places.

        Raises:
            ConfigError: a value is missing, or what comes out is too long.
        """
        import jinja2

        pieces, length = [], 0
        try:
            for piece in self._compiled.generate(to_jsonable_python(dict(context))):
                pieces.append(piece)
                length += len(piece)
                if length > MOST_CHARS:
                    raise ConfigError(f"{owner}: found a prompt of more than {MOST_CHARS} characters; expected less. Mend {self.where}.")
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ConfigError(
                f"{owner}: found a prompt that does not render ({error}); expected only the names {sorted(context)}. Mend {self.where}."
            ) from error
        return "".join(pieces).strip()


class DataCondition:
    """A condition of a data file, such as `not review.approved`; read and bounded like a template."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.tree: nodes.Template = _read(lambda environment: _parsed_expression(environment, text))
        self._compiled = _read(lambda environment: environment.compile_expression(text, undefined_to_none=False))

    def holds(self, context: Mapping[str, Any]) -> bool:  # Any: whatever JSON can hold
        """Whether it is true of these values.

        Raises:
            ConfigError: a value is missing, or values that cannot be compared.
        """
        import jinja2

        try:
            return bool(self._compiled(to_jsonable_python(dict(context))))
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ConfigError(f"{self.where}: found {self.text!r} failing ({error}); expected it to be true or false. Mend it.") from error


def _parsed(environment: DataEnvironment, text: str) -> nodes.Template:
    tree = environment.parse(text)
    environment.check(tree)
    return tree


def _parsed_expression(environment: DataEnvironment, text: str) -> nodes.Template:
    from jinja2 import nodes
    from jinja2.parser import Parser

    tree = nodes.Template([nodes.Output([Parser(environment, text, state="variable").parse_expression()])])
    environment.check(tree)
    return tree


def _read(make: Callable[[DataEnvironment], T]) -> T:
    import jinja2

    try:
        return make(_environment())
    except jinja2.TemplateSyntaxError as error:
        raise TemplateFaultError(str(error.message), error.lineno) from error
    except (jinja2.TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        raise TemplateFaultError(str(error) or type(error).__name__, 1) from error


@cache
def _environment() -> DataEnvironment:
    from metagpt.runtime.data_environment import DataEnvironment

    return DataEnvironment()
