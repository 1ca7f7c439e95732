"""How figures, messages and commands are written for people."""

from __future__ import annotations

import json
import shlex
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from metagpt.events import MessagePublishedEvent
from metagpt.message import Message, tag_of
from metagpt.runtime.budget import Usage
from metagpt.runtime.differences import whole
from metagpt.runtime.ticks import Approve, Pending, Reject

__all__ = [
    "ago",
    "amount",
    "counted",
    "first_line",
    "money",
    "plainly",
    "print_difference",
    "proposed",
    "published",
    "resume_command",
    "said",
    "seconds",
    "shown_path",
    "until_when",
    "visible",
]

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def visible(text: str) -> str:
    """The text without characters that a terminal would obey: a model's answer must not move the cursor."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t" else c for c in text)


def first_line(text: str, width: int = 90) -> str:
    """The text's beginning on one line."""
    line = " ".join(visible(text[: 4 * width]).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def seconds(value: float) -> str:
    """`4.2 s`, `3 min 5 s`."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def ago(value: float) -> str:
    """How long ago, in one unit: `3 h`."""
    for unit, size in _UNITS:
        if value >= size:
            return f"{int(value // size)} {unit}"
    return f"{max(int(value), 0)} s"


def money(usd: float, *, unpriced: int = 0) -> str:
    """`$0.0031`; a price that nobody knows is said."""
    text = "$0" if usd == 0 else f"${usd:.4f}" if usd < 1 else f"${usd:.2f}"
    if not unpriced:
        return text
    return "price unknown" if usd == 0 else f"{text} and {counted(unpriced, 'call')} of unknown price"


def counted(number: int, noun: str) -> str:
    """`1 role`, `2 roles`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plainly(error: Exception) -> str:
    """What is wrong with a value, without the addresses of pages that pydantic adds."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = ((".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_url=False))
    return "; ".join(f"{place}: {problem}" if place else problem for place, problem in found)


def amount(usage: Usage) -> str:
    """What was spent, in one line."""
    return f"{counted(usage.calls, 'call')}, {usage.tokens:,} tokens, {money(usage.usd, unpriced=usage.unpriced_calls)}"


def said(message: Message) -> str:
    """A message for people: a line for each field, long texts as blocks, what is nested cut short."""
    lines = [f"{tag_of(type(message))}:"]
    for name, value in message.model_dump(mode="json").items():
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            lines += [f"  {name}:", *(f"    - {first_line(item, 200)}" for item in value)]
        elif isinstance(value, str) and "\n" in value.strip():
            lines += [f"  {name}:", *(f"    {line}" for line in visible(value).strip("\n").splitlines())]
        else:
            lines.append(f"  {name}: {first_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 400)}")
    return "\n".join(lines)


def published(event: MessagePublishedEvent) -> str:
    """`engineer -> Program: def f(...)`."""
    envelope = event.envelope
    content = next((value for value in envelope.message.model_dump(mode="json").values() if isinstance(value, str) and value.strip()), "")
    beginning = f": {first_line(content)}" if content else ""
    return f"{envelope.sender} -> {tag_of(type(envelope.message))}{beginning}"


def proposed(pending: Pending, difference: str) -> str:
    """All that a person would let through, nothing of it cut short.

    Args:
        pending: What is asked.
        difference: As `run.difference` tells it; empty where there is no run to ask.
    """
    return visible(difference or "\n".join(whole(message) for message in pending.proposed)).rstrip("\n")


def print_difference(difference: str, *, file: TextIO | None = None) -> None:
    """A unified diff that is visible already, in colours on a terminal."""
    out = file or sys.stdout
    if not out.isatty():
        print(difference, file=out)
        return
    from rich.console import Console
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    console = Console(file=out)
    for line in difference.split("\n"):
        style = "bold" if line.startswith(("+++ ", "--- ")) else styles.get(line[:1], "")
        console.print(Text(line, style=style), soft_wrap=True)


def until_when(pending: Pending) -> str:
    """When nobody's answer is waited for any longer, and what is taken then."""
    assert pending.until is not None, "asked of what has an end"
    ends = ", and the run ends" if pending.kind == "approval" else ""
    at = datetime.fromtimestamp(pending.until).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    match pending.default:
        case Approve():
            taken = "it is approved"
        case Reject(note):
            taken = "it is rejected" + (f" ({first_line(note)})" if note else "") + ends
        case str(text) if pending.kind == "approval":
            taken = f"it is rejected ({first_line(text)}){ends}"
        case str(text):
            taken = f"the answer is {first_line(text)!r}"
        case _:
            taken = "a message given beforehand takes its place"
    return f"without an answer by {at}: {taken}"


def shown_path(path: str | Path) -> str:
    """The path as one would type it from here."""
    try:
        relative = Path(path).resolve().relative_to(Path.cwd())
    except ValueError:
        return str(path)
    return f"./{relative}" if relative.parts else "."


def resume_command(
    run_id: str, *, team: str | None = None, journal: str | None = None, answers: Sequence[str] = (), options: Sequence[str] = ()
) -> str:
    """The line that goes on with a run.

    Args:
        run_id: The run.
        team: Where it must be named.
        journal: Where it is not the default one.
        answers: `ID=ANSWER` texts.
        options: Further words, as they were typed.
    """
    words = ["metagpt", "resume", run_id]
    if team is not None:
        words += ["--team", team]
    if journal is not None:
        words += ["--journal", journal]
    for answer in answers:
        words += ["--answer", answer]
    words += options
    return shlex.join(words)
