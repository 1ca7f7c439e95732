"""What would change if a person agreed: proposed files and messages against what is there, as unified diffs."""

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

__all__ = ["difference", "lines_of"]

_PATHS = ("path", "file", "filename")
_TEXTS = ("text", "content", "contents", "code", "source")


def difference(pending: Pending, messages: Sequence[Message], folder: str | None) -> str:
    """The unified diff of all that is proposed; empty where there is nothing to compare with.

    A value that names a file and its text (`{"path": …, "text": …}`, or `{"files": {path: text}}`) is compared with that
    file in the run's folder, any other message with the last one of its type.

    Args:
        pending: What is asked.
        messages: Those published so far.
        folder: The run's folder; None if nothing has used it.
    """
    workspace = None if folder is None else Workspace(Path(folder))
    if pending.kind == "action":
        return "".join(_file_differences(_arguments(pending), workspace))
    parts: list[str] = []
    for message in pending.proposed:
        parts += _file_differences(message.model_dump(mode="json"), workspace) or [_message_difference(message, messages)]
    return "".join(parts)


def _arguments(pending: Pending) -> Any:  # Any: JSON
    try:
        return from_json(pending.arguments or "{}")
    except ValueError:  # as a model sent them
        return {}


def _file_differences(value: Any, workspace: Workspace | None) -> list[str]:
    found = []
    for path, text in _files_in(value):
        try:
            before = _text_there(workspace, path)
        except (SandboxError, UnicodeDecodeError, OSError):  # no file of ours, or no text: nothing to compare with
            continue
        found.append(_unified("/dev/null" if before is None else path, path, (before or "").splitlines(), text.splitlines()))
    return found


def _text_there(workspace: Workspace | None, path: str) -> str | None:
    if workspace is None or not workspace.exists:
        return None
    try:
        return workspace.read_text(path)
    except FileNotFoundError:
        return None


def _files_in(value: Any) -> Iterator[tuple[str, str]]:
    """Path and text of every file that a JSON value speaks of."""
    if isinstance(value, list):
        for item in value:
            yield from _files_in(item)
    elif isinstance(value, dict):
        path = next((value[key] for key in _PATHS if isinstance(value.get(key), str)), None)
        text = next((value[key] for key in _TEXTS if isinstance(value.get(key), str)), None)
        if path and text is not None:
            yield path, text
        for key, item in value.items():
            if key == "files" and isinstance(item, dict):
                yield from ((name, text) for name, text in item.items() if isinstance(text, str))
            else:
                yield from _files_in(item)


def _message_difference(message: Message, messages: Sequence[Message]) -> str:
    earlier = next((each for each in reversed(messages) if type(each) is type(message)), None)
    if earlier is None:
        return ""
    tag = tag_of(type(message))
    return _unified(f"{tag} (last)", f"{tag} (proposed)", lines_of(earlier), lines_of(message))


def _unified(before_name: str, after_name: str, before: Sequence[str], after: Sequence[str]) -> str:
    lines = list(difflib.unified_diff(before, after, before_name, after_name, lineterm=""))
    return "".join(f"{line}\n" for line in lines)


def lines_of(message: Message) -> list[str]:
    """A message as text: a line for each value, texts of several lines as blocks."""
    return list(_lines(message.model_dump(mode="json"), ""))


def _lines(value: Any, indent: str) -> Iterator[str]:
    is_table = isinstance(value, Mapping)
    items = [(f"{key}:", item) for key, item in value.items()] if is_table else [("-", item) for item in value]
    for head, item in items:
        if isinstance(item, dict | list) and item:
            yield f"{indent}{head}"
            yield from _lines(item, indent + "  ")
        elif isinstance(item, str) and "\n" in item:
            yield f"{indent}{head}"
            yield from (f"{indent}  {line}" for line in item.splitlines())
        else:
            yield f"{indent}{head} {item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)}"
