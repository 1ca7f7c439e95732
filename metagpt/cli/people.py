"""Asking the person at the terminal what a run waits for, and reading answers from flags."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from metagpt.cli.wording import said, visible
from metagpt.errors import ConfigError, did_you_mean
from metagpt.message import Message
from metagpt.runtime.ticks import Answer, Approve, Edit, Pending, Reject

__all__ = ["ask_person", "is_person_here", "read_answers"]


def is_person_here() -> bool:
    """Whether somebody can be asked: both ends are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_person(pending: Pending, *, read: Callable[[str], str] = input, edit: Callable[[str], str] | None = None) -> Answer:
    """Ask until the answer can be understood.

    Args:
        pending: What is asked.
        read: Shows a prompt and returns a line.
        edit: Lets the person change a text; the editor of $VISUAL or $EDITOR if left out.
    """
    print(f"\n{visible(pending.text)}")
    for message in pending.proposed:
        print(said(message))
    if pending.kind == "question":
        return read("answer: ").strip()
    choices = _choices(pending)
    while True:
        word, _, rest = read(f"[{'/'.join(choices)}]: ").strip().partition(" ")
        word = next((choice for choice in choices if word and choice.startswith(word.lower())), "")
        if word == "approve":
            return Approve()
        if word == "reject":
            return Reject(rest or read("note, what to do differently: ").strip())
        if word == "result":
            return rest or read("the result as JSON: ").strip()
        edited = _edited(pending.proposed[0], edit or _edit_text) if word == "edit" else None
        if edited is not None:
            return edited


def _choices(pending: Pending) -> list[str]:
    if pending.kind == "action":
        return ["approve", "reject", "result"]
    return ["approve", "reject", "edit"] if len(pending.proposed) == 1 else ["approve", "reject"]


def _edited(message: Message, edit: Callable[[str], str]) -> Edit | None:
    """The message as the person changed it; None if it no longer fits its type, which is said."""
    try:
        return Edit(type(message).model_validate_json(edit(message.model_dump_json(indent=2))))
    except (ValidationError, ConfigError) as error:
        print(f"That does not fit: {error}")
        return None


def _edit_text(text: str) -> str:
    """The text after the person's editor was closed.

    Raises:
        ConfigError: there is no editor, or it failed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if sys.platform == "win32" else "vi")
    with tempfile.TemporaryDirectory(prefix="metagpt-edit-") as folder:
        file = Path(folder) / "message.json"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ConfigError(f"editor {editor!r}: {error}; expected an editor. Set EDITOR, or reject with a note.") from error
        return file.read_text(encoding="utf-8")


def read_answers(given: Sequence[str], pending: Sequence[Pending]) -> dict[str, Answer]:
    """`--answer ID=approve|reject:NOTE|edit:JSON|TEXT` texts as answers.

    Raises:
        ConfigError: a text without an id, an id that is not pending, or an answer that its question does not take.
    """
    known = {each.id: each for each in pending}
    answers: dict[str, Answer] = {}
    for text in given:
        identity, equals, answer = text.partition("=")
        if not equals:
            raise ConfigError(f"--answer: found {text!r}; expected ID=approve, ID=reject:NOTE or ID=TEXT. Write the question's id first.")
        if identity not in known:
            raise ConfigError(f"--answer: found id {identity!r}; expected something the run waits for. {did_you_mean(identity, known)}")
        answers[identity] = _answer(known[identity], answer)
    return answers


def _answer(pending: Pending, text: str) -> Answer:
    if pending.kind == "question":
        return text
    word, _, note = text.partition(":")
    if text == "approve":
        return Approve()
    if word == "reject":
        return Reject(note)
    if pending.kind == "action":
        return text
    if word == "edit" and len(pending.proposed) == 1:
        try:
            return Edit(type(pending.proposed[0]).model_validate_json(note))
        except ValidationError as error:
            raise ConfigError(f"--answer: found an edit that does not fit ({error}); expected the message as JSON. Mend it.") from error
    raise ConfigError(
        f"--answer: found {text!r} for {pending.id!r}; expected approve, reject:NOTE or edit:JSON. Write reject: before a note."
    )
