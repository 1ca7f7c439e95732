"""What a person agrees to: all that is proposed, as a diff where something earlier is there, else whole."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from metagpt.actions.workspace import Workspace
from metagpt.errors import SandboxError
from metagpt.message import Message, tag_of
from metagpt.runtime.ticks import Pending

__all__ = ["difference", "lines_of", "whole"]

_PATHS = ("path", "file", "filename")
_TEXTS = ("text", "content", "contents", "code", "source")

_NOTHING: Any = object()
"""What is left of a value that the diffs of its files show whole."""


def difference(pending: Pending, messages: Sequence[Message], folder: str | None) -> str:
    """Everything that agreeing would let through: unified diffs, and whole what they do not cover.

    A value that names a file and its text (`{"path": …, "text": …}`, or `{"files": {path: text}}`) is compared with that
    file in the run's folder; what else the message says, with the last message of its type, if there is one.

    Args:
        pending: What is asked. Of an action only its files are compared: its arguments stand in what is asked.
        messages: Those published so far.
        folder: The run's folder; None if nothing has used it.
    """
    workspace = None if folder is None else Workspace(Path(folder))
    if pending.kind == "action":
        files: list[tuple[str, str]] = []
        _without_files(_arguments(pending), files)
        return "".join(_file_difference(path, text, workspace) for path, text in files)
    return "".join(part for message in pending.proposed for part in _of_message(message, messages, workspace))


def whole(message: Message) -> str:
    """The message's type, and a line for each value; nothing of it is cut short."""
    return _listed(tag_of(type(message)), message.model_dump(mode="json")).rstrip("\n")


def _arguments(pending: Pending) -> Any:  # Any: JSON
    try:
        return from_json(pending.arguments or "{}")
    except ValueError:  # as a model sent them
        return {}


def _of_message(message: Message, messages: Sequence[Message], workspace: Workspace | None) -> Iterator[str]:
    files: list[tuple[str, str]] = []
    said = _without_files(message.model_dump(mode="json"), files)
    for path, text in files:
        yield _file_difference(path, text, workspace)
    if said is _NOTHING:
        return
    tag = tag_of(type(message))
    earlier = next((each for each in reversed(messages) if type(each) is type(message)), None)
    if earlier is None:
        yield _listed(tag, said)
        return
    before = _without_files(earlier.model_dump(mode="json"), [])
    known = {} if before is _NOTHING else before
    same = {key: value for key, value in said.items() if key in known and known[key] == value}
    changed = [key for key in said if key not in same]
    if changed:
        old, new = ({key: each[key] for key in changed if key in each} for each in (known, said))
        yield _unified(f"{tag} (last)", f"{tag} (proposed)", list(_lines(old, "")), list(_lines(new, "")))
    if same or not changed:
        yield _listed(f"{tag}, as in the last one", same)


# files


def _without_files(value: Any, files: list[tuple[str, str]]) -> Any:
    """A JSON value without the files that it speaks of, which are added to the list as path and text."""
    if isinstance(value, list):
        items = [left for item in value if (left := _without_files(item, files)) is not _NOTHING]
        return items if items or not value else _NOTHING
    if not isinstance(value, dict):
        return value
    rest = dict(value)
    path = next((key for key in _PATHS if isinstance(value.get(key), str) and value[key]), None)
    text = next((key for key in _TEXTS if isinstance(value.get(key), str)), None)
    if path is not None and text is not None:
        files.append((rest.pop(path), rest.pop(text)))
    if isinstance(rest.get("files"), dict):
        named = rest["files"]
        files += [(name, item) for name, item in named.items() if isinstance(item, str)]
        others = {name: item for name, item in named.items() if not isinstance(item, str)}
        if named and not others:
            del rest["files"]
        else:
            rest["files"] = others
    found = {key: left for key, item in rest.items() if (left := _without_files(item, files)) is not _NOTHING}
    return found if found or not value else _NOTHING


def _file_difference(path: str, text: str, workspace: Workspace | None) -> str:
    name = _one_line(path)
    try:
        before = _text_there(workspace, path)
    except (SandboxError, UnicodeDecodeError, OSError) as error:
        return _unified(f"{name} (what is there cannot be read: {_reason(error)})", name, [], text.splitlines())
    return _unified("/dev/null" if before is None else name, name, (before or "").splitlines(), text.splitlines())


def _text_there(workspace: Workspace | None, path: str) -> str | None:
    if workspace is None or not workspace.exists:
        return None
    try:
        return workspace.read_text(path)
    except FileNotFoundError:
        return None


def _reason(error: SandboxError | UnicodeDecodeError | OSError) -> str:
    if isinstance(error, SandboxError):
        return "it is no plain file of the run's folder, or a huge one"
    return "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror or type(error).__name__


# lines


def _unified(before_name: str, after_name: str, before: Sequence[str], after: Sequence[str]) -> str:
    lines = list(difflib.unified_diff(before, after, before_name, after_name, lineterm=""))
    if not lines:  # said all the same: it is a part of what is proposed
        lines = [f"--- {before_name}", f"+++ {after_name}", "(no line differs)" if before else "(empty)"]
    return "".join(f"{line}\n" for line in lines)


def _listed(title: str, values: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in (f"{title}:", *_lines(values, "  ")))


def lines_of(message: Message) -> list[str]:
    """A message as text: a line for each value, texts of several lines as blocks."""
    return list(_lines(message.model_dump(mode="json"), ""))


def _lines(value: Any, indent: str) -> Iterator[str]:
    is_table = isinstance(value, Mapping)
    items = [(f"{_one_line(key)}:", item) for key, item in value.items()] if is_table else [("-", item) for item in value]
    for head, item in items:
        if isinstance(item, dict | list) and item:
            yield f"{indent}{head}"
            yield from _lines(item, indent + "  ")
        elif isinstance(item, str) and "\n" in item:
            yield f"{indent}{head}"
            yield from (f"{indent}  {line}" for line in item.splitlines())
        else:
            yield f"{indent}{head} {item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)}"


def _one_line(name: str) -> str:
    """A name that heads a line, and cannot pass for another one."""
    return name if name.isprintable() else repr(name)
