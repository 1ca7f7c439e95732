"""`metagpt chat`: talk with a role or a team over many turns."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Callable
from typing import Annotated

import typer

from metagpt.cli import options as o
from metagpt.cli.chat_commands import is_command, obey
from metagpt.cli.chat_partner import ASSISTANT, find_partner
from metagpt.cli.chat_session import ChatSession
from metagpt.cli.interruption import Interruption
from metagpt.cli.people import is_person_here
from metagpt.cli.statuses import FAILURE, INTERRUPTED, SUCCESS
from metagpt.cli.wording import visible
from metagpt.errors import ConfigError

__all__ = ["chat"]

Read = Callable[[str], str]


def chat(
    partner: Annotated[
        str,
        typer.Argument(
            metavar="ROLE|TEAM",
            show_default=False,
            help="An installed role's or team's NAME, FILE.py:NAME, FILE.md or FILE.toml; a plain assistant if left out.",
        ),
    ] = ASSISTANT,
    model: o.ModelOption = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session", metavar="NAME", show_default=False, help="Go on with the talk of that name, or begin it; else a new one."
        ),
    ] = None,
    journal: o.JournalOption = None,
) -> None:
    """Talk with a role or a team in the terminal.

    A team takes every line as a goal. A role answers as its persona, through its model, with its memory and its actions.

    Everything said is kept: `--session` goes on with it. /help lists what else can be typed; Ctrl-C stops a reply, Ctrl-D leaves.

    Lines may be piped in: then the replies alone are written to standard output.

    Exit status: 0, or 1 if a reply to piped lines failed; 2 wrong command or configuration.
    """  # fmt: skip
    name = session if session is not None else f"chat-{uuid.uuid4().hex[:6]}"
    if not name.strip():
        raise ConfigError("--session: found an empty name; expected one. Write --session NAME.")
    flags = o.Flags(model=model, journal=journal)
    read = None if is_person_here() else _read_piped
    with Interruption() as interruption:
        try:
            talk = ChatSession(partner, find_partner(partner), flags, name, interruption, read)
            _greet(talk)
            is_fine = asyncio.run(_converse(talk, read or _read_typed))
        except KeyboardInterrupt:  # a second Ctrl-C while a reply is being stopped
            raise typer.Exit(INTERRUPTED) from None
    if read is None:
        print(f"Go on with: metagpt chat {partner} --session {talk.name}")
    raise typer.Exit(SUCCESS if is_fine or read is None else FAILURE)


def _greet(talk: ChatSession) -> None:
    number = len(talk.turns())
    so_far = f", {number} turns so far" if number else ""
    print(f"{talk.prepared.choice.line}; {talk.spec}, session {talk.name}{so_far}", file=sys.stderr)
    if is_person_here():
        _fill_line_history(talk)
        print("/help lists what can be typed beside talk; Ctrl-D leaves.", file=sys.stderr)


def _fill_line_history(talk: ChatSession) -> None:
    """What was said before can be fetched with the arrow keys, where the terminal has line editing."""
    try:
        import readline
    except ImportError:  # Windows
        return
    for header in talk.turns():
        readline.add_history(header.goal)


async def _converse(talk: ChatSession, read: Read) -> bool:
    """Turn after turn until the person leaves; whether no reply failed."""
    is_fine = True
    try:
        await talk.settle()
        while (line := _next_line(read)) is not None:
            if is_command(line):
                if not obey(line, talk):
                    break
            elif text := line.removeprefix("/").strip() if line.startswith("//") else line.strip():
                try:
                    is_fine &= await talk.say(text)
                except ConfigError as error:  # a goal that this team does not take
                    print(f"error: {visible(str(error))}", file=sys.stderr)
                    is_fine = False
    finally:
        await talk.close()
    return is_fine


def _next_line(read: Read) -> str | None:
    """What the person types, with the lines that it goes on in; None when they leave."""
    lines: list[str] = []
    while True:
        try:
            line = read("... " if lines else "> ")
        except EOFError:
            return "\n".join(lines) if lines else None
        if not line.endswith("\\"):
            return "\n".join([*lines, line])
        lines.append(line[:-1])


def _read_typed(prompt: str) -> str:
    while True:
        try:
            return input(prompt)
        except KeyboardInterrupt:
            print("\n(Ctrl-D or /exit leaves)", file=sys.stderr)


def _read_piped(_: str) -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
