"""How figures, messages and commands are written for people."""

from __future__ import annotations

import json
import shlex
import sys
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import TextIO

from metagpt.events import MessagePublishedEvent
from metagpt.message import Message, tag_of
from metagpt.runtime.budget import Usage
from metagpt.runtime.ticks import Approve, Pending, Reject

__all__ = [
    "ago",
    "amount",
    "first_line",
    "money",
    "print_difference",
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
    return "price unknown" if usd == 0 else f"{text} and {unpriced} calls of unknown price"


def amount(usage: Usage) -> str:
    """What was spent, in one line."""
    calls = f"{usage.calls} call" + ("" if usage.calls == 1 else "s")
    return f"{calls}, {usage.tokens:,} tokens, {money(usage.usd, unpriced=usage.unpriced_calls)}"


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


def print_difference(difference: str, *, file: TextIO | None = None) -> None:
    """A unified diff, in colours on a terminal."""
    out = file or sys.stdout
    if not out.isatty():
        print(visible(difference).rstrip("\n"), file=out)
        return
    from rich.console import Console
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    console = Console(file=out)
    for line in visible(difference).splitlines():
        style = "bold" if line.startswith(("+++ ", "--- ")) else styles.get(line[:1], "")
        console.print(Text(line, style=style), soft_wrap=True)


def until_when(pending: Pending) -> str:
    """When nobody's answer is waited for any longer, and what is taken then."""
    assert pending.until is not None, "asked of what has an end"
    at = datetime.fromtimestamp(pending.until).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    match pending.default:
        case Approve():
            taken = "it is approved"
        case Reject(note):
            taken = "it is rejected" + (f" ({first_line(note)})" if note else "")
        case str(text):
            taken = f"the answer is {first_line(text)!r}"
        case _:
            taken = "a message given beforehand takes its place"
    return f"without an answer by {at}: {taken}"


def shown_path(path: str | Path) -> str:
    """The path as one would type it from here."""
    try:
        return f"./{Path(path).resolve().relative_to(Path.cwd())}"
    except ValueError:
        return str(path)


def resume_command(run_id: str, *, team: str | None = None, journal: str | None = None, answers: tuple[str, ...] = ()) -> str:
    """The line that goes on with a run."""
    words = ["metagpt", "resume", run_id]
    if team is not None:
        words += ["--team", team]
    if journal is not None:
        words += ["--journal", journal]
    for answer in answers:
        words += ["--answer", answer]
    return shlex.join(words)
