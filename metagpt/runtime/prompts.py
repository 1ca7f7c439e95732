"""Prompts: Jinja texts and files, rendered once and strictly.

Values are inserted as they are and never rendered again, so a goal with braces in it stays a goal. An undefined name is
an error. Jinja loads at the first prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import ConfigError
from metagpt.runtime.data_templates import DataTemplate

if TYPE_CHECKING:
    import jinja2

__all__ = ["PromptFile", "render", "template"]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt that stands in a file under prompts/."""

    name: str


def template(name: str) -> PromptFile:
    """The prompt `prompts/<name>.md.j2`: of the role's own project first, then of metagpt.

    Raises:
        ConfigError: the name leads out of prompts/, or names no file.
    """
    if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in name.split("/")):
        raise ConfigError(f"template: found {name!r}; expected a path under prompts/. Write it as 'role/handler'.")
    return PromptFile(name)


def render(prompt: str | PromptFile | DataTemplate, context: Mapping[str, Any], folders: tuple[Path, ...], *, owner: str) -> str:
    """The prompt's text with the context's values in their places.

    Raises:
        ConfigError: a name is undefined, a file is missing, or the text is no template.
    """
    if isinstance(prompt, DataTemplate):
        return prompt.render(context, owner=owner)
    import jinja2

    try:
        if isinstance(prompt, PromptFile):
            return _environment(folders).get_template(f"{prompt.name}.md.j2").render(context).strip()
        return _inline(prompt).render(context).strip()
    except jinja2.TemplateNotFound as error:
        where = ", ".join(str(folder) for folder in folders)
        raise ConfigError(f"{owner}: found no prompt file {error.name!r}; expected it under {where}. Write it there.") from error
    except jinja2.TemplateError as error:
        raise ConfigError(
            f"{owner}: found a prompt that does not render ({error}); expected only the names {sorted(context)}."
            " Pass it to ask, or mend the prompt."
        ) from error


@cache
def _environment(folders: tuple[Path, ...]) -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(folders), undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False
    )


@lru_cache(maxsize=1024)  # bounded: a prompt should be a literal, but nothing keeps a program from making them up
def _inline(text: str) -> jinja2.Template:
    return _environment(()).from_string(text)
