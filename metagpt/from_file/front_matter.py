"""The YAML between the `---` lines of a Markdown file, with the line of every key.

Plain data only: tags, anchors and aliases are refused, for no role needs them and a small file could stand for a huge one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metagpt.errors import ConfigError
from metagpt.from_file.source import KeyPath, Table

__all__ = ["FrontMatter"]

_NO_DATA = ("AliasToken", "AnchorToken", "TagToken", "DirectiveToken")
_KEY_OF_MAP = "tag:yaml.org,2002:str"


class FrontMatter:
    """Reads it when made.

    Args:
        file: For errors.
        text: What stands between the lines.
        above: Lines of the file above the text.

    Raises:
        ConfigError: it is no YAML, or more than plain data; the error names the line.
    """

    def __init__(self, file: Path, text: str, *, above: int) -> None:
        self._file, self._above = file, above
        self.lines: dict[KeyPath, int] = {}
        self.texts: dict[KeyPath, int] = {}
        self.table: Table = {}
        root = self._compose(text)
        if root is not None:
            self.table = self._value(root, ())
            if not isinstance(self.table, dict):
                raise self._wrong(root.start_mark.line, "found no keys; expected lines such as `name: reviewer`")

    def _compose(self, text: str) -> Any:  # Any: PyYAML is untyped
        import yaml

        try:
            for token in yaml.scan(text, Loader=yaml.SafeLoader):
                if type(token).__name__ in _NO_DATA:
                    raise self._wrong(token.start_mark.line, "found a tag, an anchor or an alias; expected plain values")
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or error
            raise self._wrong(mark.line if mark else 0, f"found text that is no YAML ({problem}); expected keys and values") from error
        except RecursionError as error:
            raise self._wrong(0, "found brackets nested too deeply; expected keys and values") from error

    def _wrong(self, line: int, problem: str) -> ConfigError:
        return ConfigError(f"{self._file}:{self._above + line + 1}: {problem}. Mend the lines between the two `---`.")

    def _value(self, node: Any, path: KeyPath) -> Any:
        import yaml

        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, path) for item in node.value]
        if node.style in ("|", ">"):
            self.texts[path] = self._above + node.start_mark.line + 2
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError) as error:  # a date that is none
            raise self._wrong(node.start_mark.line, f"found {node.value!r}, which cannot be read; expected plain values") from error

    def _mapping(self, node: Any, path: KeyPath) -> Table:
        table: Table = {}
        for key, value in node.value:
            if key.tag != _KEY_OF_MAP:
                raise self._wrong(key.start_mark.line, f"found the key {key.value!r}, which is no text; expected a name. Put it in quotes")
            if key.value in table:
                raise self._wrong(key.start_mark.line, f"found the key {key.value!r} twice; expected it once")
            below = (*path, key.value)
            self.lines[below] = self._above + key.start_mark.line + 1
            table[key.value] = self._value(value, below)
        return table
