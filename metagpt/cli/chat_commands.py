"""What a person types in a chat that is no talk: `/help`, `/history`, `/model`, `/session`, `/exit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from metagpt.cli.chat_display import spoken
from metagpt.cli.chat_session import ChatSession
from metagpt.cli.wording import visible
from metagpt.errors import ConfigError, MetaGPTError, did_you_mean

__all__ = ["is_command", "obey"]

_TURNS_SHOWN = 10


def is_command(line: str) -> bool:
    """Whether the line is for the program; `//` begins a line of talk that starts with a stroke."""
    return line.startswith("/") and not line.startswith("//")


def obey(line: str, chat: ChatSession) -> bool:
    """Do what a command says; whether the chat goes on."""
    word, _, rest = line[1:].strip().partition(" ")
    if word in ("exit", "quit"):
        return False
    command = _COMMANDS.get(word)
    if command is None:
        print(f"There is no /{visible(word)}. {did_you_mean(word, [*_COMMANDS, 'exit'])} /help lists all.")
        return True
    try:
        command(chat, rest.strip())
    except MetaGPTError as error:
        print(f"error: {visible(str(error))}")
    return True


def _help(_: ChatSession, __: str) -> None:
    print(
        "/history [N]     what was said, the last N turns\n"
        "/model [REF]     which model answers; or let another one\n"
        "/session [NAME]  this talk's name; or begin or go on with another one\n"
        "/exit            leave (also Ctrl-D); everything is kept\n"
        "Ctrl-C stops a reply. A line that ends with \\ goes on in the next one; // begins one that starts with a stroke."
    )


def _history(chat: ChatSession, rest: str) -> None:
    if rest and not rest.isdecimal():
        raise ConfigError(f"/history: found {rest!r}; expected a number of turns. Write /history 5.")
    turns = chat.turns()[-(int(rest) if rest else _TURNS_SHOWN) :]
    for header in turns:
        print(f"> {visible(header.goal)}")
        reply = chat.reply_to(header)
        print(f"[{header.status}]" if reply is None else spoken(reply))
    if not turns:
        print("Nothing has been said yet.")


def _model(chat: ChatSession, rest: str) -> None:
    if rest:
        chat.use_model(rest)
    print(f"model {chat.model or 'of its own'}")


def _session(chat: ChatSession, rest: str) -> None:
    if rest:
        chat.name = rest
    number = len(chat.turns())
    print(f"session {chat.name}, {number} turn" + ("" if number == 1 else "s"))


_COMMANDS: Mapping[str, Callable[[ChatSession, str], None]] = {
    "help": _help,
    "history": _history,
    "model": _model,
    "session": _session,
}
