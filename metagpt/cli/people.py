"""Asking the person at the terminal what a run waits for."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from metagpt.cli.answers import changed, editable
from metagpt.cli.editor import edit_text
from metagpt.cli.forms import Refused, fill_in
from metagpt.cli.wording import print_difference, proposed, until_when, visible
from metagpt.errors import ConfigError
from metagpt.message import Message
from metagpt.run import Run
from metagpt.runtime.differences import whole
from metagpt.runtime.ticks import Answer, Approve, Edit, Pending, Reject
from metagpt.team import Team

__all__ = ["TimeOverError", "ask_people", "ask_person", "is_person_here", "line_reader"]

Read = Callable[[str], str]


class TimeOverError(Exception):
    """The person took longer than the question waits."""


def is_person_here() -> bool:
    """Whether somebody can be asked: both ends are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def line_reader(until: float | None) -> Read:
    """Reads lines at the terminal, up to a time in seconds since 1970 UTC.

    On Windows, whose terminals cannot be waited for, the time is looked at when a line has been typed.
    """
    if until is None:
        return input

    def read(prompt: str) -> str:
        if sys.platform == "win32":
            line = input(prompt)
            if time.time() >= until:
                raise TimeOverError
            return line
        print(prompt, end="", flush=True)
        while not select.select([sys.stdin], [], [], max(0.0, min(until - time.time(), 3600.0)))[0]:
            if time.time() >= until:
                print()
                raise TimeOverError
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    return read


def ask_people(team: Team[Any, Any], run: Run[Any], *, read: Read | None = None) -> dict[str, Answer]:
    """The person's answers to all that the run waits for; what they took too long for is left out.

    Raises:
        EOFError: the person went away.
    """
    answers: dict[str, Answer] = {}
    for pending in run.pending:
        while pending.id not in answers:
            try:
                reader = read or line_reader(pending.until)
                answer = ask_person(pending, read=reader, types=team.answer_types(pending), difference=run.difference(pending))
                team.check_answer(pending, answer)
                answers[pending.id] = answer
            except TimeOverError:
                print("Nobody answered in time.")
                break
            except ConfigError as error:  # asked again, with what is wrong
                print(visible(str(error)))
    return answers


def ask_person(
    pending: Pending,
    *,
    read: Read = input,
    edit: Callable[[str], str] = edit_text,
    types: Sequence[type[Message]] = (),
    difference: str = "",
) -> Answer:
    """Ask until the answer can be understood.

    Args:
        pending: What is asked.
        read: Shows a prompt and returns a line.
        edit: Lets the person change a text; the editor of $VISUAL or $EDITOR if left out.
        types: The messages that answer it.
        difference: All that is proposed, as `run.difference` tells it; each message whole if left out.
    """
    _show(pending, difference)
    if pending.kind == "question":
        return _answer(pending, types, read, edit)
    choices = ["approve", "reject", "edit", "result"] if pending.kind == "action" else ["approve", "reject", "edit"]
    draft = editable(pending)
    while True:
        word, _, rest = read(f"[{'/'.join(choices)}]: ").strip().partition(" ")
        match next((choice for choice in choices if word and choice.startswith(word.lower())), ""):
            case "approve":
                return Approve()
            case "reject":
                return Reject(rest or read("note, what to do differently: ").strip())
            case "result":
                return rest or read("the result as JSON: ").strip()
            case "edit":
                try:
                    draft = edit(draft)  # what was typed is there again the next time
                    return changed(pending, draft)
                except ConfigError as error:
                    print(f"That does not fit: {visible(str(error))}")


def _show(pending: Pending, difference: str) -> None:
    print(f"\n{visible(pending.text)}")
    for message in pending.about:
        print(visible(whole(message)))
    if shown := proposed(pending, difference):
        print_difference(shown)
    if pending.until is not None:
        print(until_when(pending))


def _answer(pending: Pending, types: Sequence[type[Message]], read: Read, edit: Callable[[str], str]) -> Answer:
    try:
        if types:
            return Edit(fill_in(types, read, edit))
        prompt = "answer: " if pending.schema is None else "answer (text or JSON): "
        while not (text := read(prompt).strip()):
            pass
        return text
    except Refused as refused:
        return Reject(refused.note)
