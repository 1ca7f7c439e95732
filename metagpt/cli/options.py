"""The flags that several commands share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from metagpt.errors import ConfigError

__all__ = [
    "CallsOption",
    "Flags",
    "FreshOption",
    "JournalOption",
    "JsonOption",
    "ModelOption",
    "RoleModelOption",
    "SandboxName",
    "SandboxOption",
    "SecondsOption",
    "TeamArgument",
    "TokensOption",
    "UsdOption",
    "parse_role_models",
    "typed_again",
]


class SandboxName(StrEnum):
    """Where generated code runs."""

    AUTO = "auto"
    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    PROCESS = "process"


TeamArgument = Annotated[
    str, typer.Argument(metavar="TEAM", help="An installed team's NAME, FILE.py:team, FILE.toml or FILE.md.", show_default=False)
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="REF", show_default=False,
        help="What answers roles without a model of their own: openai:NAME, openai:NAME@URL, local:PATH_OR_HUB_ID, embedded.",
    ),
]  # fmt: skip
RoleModelOption = Annotated[
    list[str] | None, typer.Option("--role-model", metavar="ROLE=REF", show_default=False, help="The model of one role; may be repeated.")
]
JournalOption = Annotated[
    str | None,
    typer.Option(
        "--journal", metavar="PATH|NAME:REST", show_default=False,
        help="The file that keeps runs, or an installed journal's NAME:REST; .metagpt/journal.db if left out.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines for programs instead of text for people.")]
UsdOption = Annotated[float | None, typer.Option("--usd", metavar="X", show_default=False, help="Spend at most X US dollars.")]
TokensOption = Annotated[int | None, typer.Option("--tokens", metavar="N", show_default=False, help="Use at most N tokens, both ways.")]
CallsOption = Annotated[int | None, typer.Option("--calls", metavar="N", show_default=False, help="Make at most N model calls.")]
SecondsOption = Annotated[float | None, typer.Option("--seconds", metavar="S", show_default=False, help="Take at most S seconds.")]
SandboxOption = Annotated[
    SandboxName | None,
    typer.Option("--sandbox", show_default=False, help="Where generated code runs; process is without isolation, at your own risk."),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Ask the models anew where their recorded replies made a role fail.")]


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What the flags of `run` and `resume` say; None where a flag was left out."""

    team: str | None = None
    model: str | None = None
    role_models: dict[str, str] = field(default_factory=dict)
    out: Path | None = None
    journal: str | None = None
    budget: dict[str, float | int] = field(default_factory=dict)
    """Fields of `Budget` by name, those that were given."""
    seed: int | None = None
    sandbox: str | None = None
    json: bool = False


def typed_again(flags: Flags, *, fresh: bool) -> list[str]:
    """The words of a `resume` that say the same, but for its team, journal and answers."""
    words = [] if flags.model is None else ["--model", flags.model]
    for role, reference in flags.role_models.items():
        words += ["--role-model", f"{role}={reference}"]
    for bound, value in flags.budget.items():
        words += [f"--{bound}", str(value)]
    if flags.sandbox is not None:
        words += ["--sandbox", flags.sandbox]
    return words + ["--fresh"] * fresh + ["--json"] * flags.json


def parse_role_models(given: list[str] | None) -> dict[str, str]:
    """ROLE=REF texts as a table.

    Raises:
        ConfigError: a text without both halves.
    """
    table = {}
    for text in given or []:
        role, equals, reference = text.partition("=")
        if not (role and equals and reference):
            raise ConfigError(f"--role-model: found {text!r}; expected ROLE=REF, such as engineer=openai:gpt-5-mini. Write both halves.")
        table[role] = reference
    return table
