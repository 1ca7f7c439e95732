"""Models, memories and actions that a file names: what is installed, and no more than a file may ask for.

A file may come from a stranger. So a reference names no server (the user's key would be sent there), a memory gets numbers
and no paths, and an action is one that an installed package registers: never a source of actions, such as an MCP server. Those that Python
code gives beside the file are the code's own affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagpt.actions.interface import Action, as_action
from metagpt.actions.sources import ActionSource
from metagpt.errors import ConfigError
from metagpt.from_file.section import Section
from metagpt.memory.interface import Memory
from metagpt.plugins import open_action, open_memory

__all__ = ["read_actions", "read_memory", "read_model"]


def read_model(body: Section, key: str = "model") -> str | None:
    """A model's reference."""
    reference = body.text(key)
    if reference is not None and ("@" in reference and not reference.startswith("hub:")):
        body.wrong(
            key,
            f"found {reference!r}, which names a server; expected a model alone, for a file must not choose where your key is sent."
            " Name the server in metagpt.toml, or with --model.",
        )
        return None
    return reference


def read_memory(body: Section) -> Memory | str | None:
    """A memory's name, or a table of its name under `use` and of numbers."""
    given = body.table.get("memory")
    if given is None:
        return None
    if isinstance(given, dict):
        table = body.section("memory")
        name = table.text("use")
        settings = {key: value for key, value in given.items() if key != "use"}
        for key, value in settings.items():
            if not isinstance(value, bool | int | float):
                table.wrong(key, f"found {key} = {value!r}; expected a number or true or false: a file names no paths. Set it in Python.")
                return None
        if name is None:
            table.wrong(None, 'found no use; expected the memory\'s name. Add use = "window".')
            return None
    else:
        name, settings = body.text("memory"), {}
    try:
        return open_memory(name, settings) if name and settings else _known_memory(name)
    except ConfigError as error:
        body.wrong("memory", str(error))
        return None


def _known_memory(name: str | None) -> str | None:
    """The name, where there is a memory of it: the team then opens it once for all roles that name it."""
    if name is not None:
        open_memory(name)
    return name


def read_actions(body: Section, given: Sequence[Any]) -> tuple[Action | ActionSource, ...]:
    """The actions that a role may perform: of those given to it in Python, and of the installed ones; sources given are always its own."""
    opened = [open_action(each) if isinstance(each, str) else each for each in given]
    sources = [each for each in opened if isinstance(each, ActionSource)]
    named = {action.name: action for action in (as_action(each) for each in opened if not isinstance(each, ActionSource))}
    wanted = body.texts("actions")
    if wanted is None:
        return (*named.values(), *sources)
    found: list[Action | ActionSource] = [*sources]
    for name in wanted:
        if name in wanted[: wanted.index(name)] or ":" in name:
            problem = "a file starts no server. Give it in Python: Role.from_file(path, actions=[…])" if ":" in name else "Name it once"
            body.wrong("actions", f"found action {name!r}; expected the name of an installed one. {problem}.")
            continue
        try:
            action = named.get(name) or open_action(name)
        except ConfigError as error:
            body.wrong("actions", str(error))
            continue
        if isinstance(action, Action) and not isinstance(action, type):
            found.append(action)
        else:
            body.wrong("actions", f"found {name!r}, which offers several actions; expected one. Give it in Python.")
    return tuple(found)
