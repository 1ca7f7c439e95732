"""From flags and settings to a team that is ready to run."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from metagpt.cli.folders import check_output_folder, slug
from metagpt.cli.journals import open_journal
from metagpt.cli.models import Choice, choose_models
from metagpt.cli.options import Flags
from metagpt.cli.remembered import Remembered
from metagpt.cli.teams import make_team, takes_sandbox
from metagpt.errors import ConfigError
from metagpt.runtime.budget import Budget
from metagpt.runtime.policy import Policy
from metagpt.runtime.ticks import Approve, Reject, WaitLimit
from metagpt.settings import BudgetSettings, PeopleSettings, read_settings
from metagpt.team import Team

__all__ = ["Prepared", "named_journal", "prepare"]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A team with models, budget, journal and folder, and what was chosen for it."""

    team: Team[Any, Any]
    choice: Choice
    spec: str
    """How the user named the team."""
    workspace: Path | None
    """None where the team decides itself."""
    remembered: Remembered

    async def close(self) -> None:
        """Close the models."""
        await self.team.close()
        for model in self.choice.opened:
            await model.close()


def prepare(spec: str, found: Any, flags: Flags, *, goal: str | None = None) -> Prepared:  # Any: a Team, or a function that makes one
    """The team as the user wants it run; nothing is written or spent yet.

    Args:
        spec: The team, as the user names it.
        found: What stands there under that name.
        flags: What else they say.
        goal: Of a new run, to name its folder by; None for one that is resumed.

    Raises:
        ConfigError: a flag, a setting, a model or a folder that cannot work.
        TeamError: the team's graph cannot work.
    """
    settings = read_settings()
    sandbox = {} if flags.sandbox is None else {"sandbox": flags.sandbox}
    if flags.sandbox is not None and not takes_sandbox(found):
        raise ConfigError(f"--sandbox: found team {spec!r}, which takes none; expected no such flag. Set it where the team is made.")
    journal = open_journal(flags.journal)
    team = make_team(spec, found, journal=journal, workspace=flags.out, **sandbox)
    changes: dict[str, Any] = {} if team.journal.durable and flags.journal is None else {"journal": journal}
    choice = choose_models(team, settings, model=flags.model, role_models=flags.role_models)
    if choice.team is not None:
        changes["model"] = choice.team
    if choice.roles:
        changes["models"] = {**(team._keywords["models"] or {}), **choice.roles}
    workspace = _workspace(team, flags.out, goal)
    if workspace is not None:
        changes["workspace"] = workspace
    if flags.seed is not None:
        changes["seed"] = flags.seed
    if team._keywords["wait_limit"] is None and settings.people.seconds is not None:
        changes["wait_limit"] = _wait_limit(settings.people, settings.people.seconds)
    if settings.policy:
        changes["policy"] = _policy(team._keywords["policy"] or Policy(), Policy.from_table(f"{settings.file}: [policy]", settings.policy))
    changes["budget"] = _budget(team.budget, settings.budget, flags.budget)
    remembered = Remembered(
        team=spec, model=flags.model, role_models=flags.role_models, budget=flags.budget, sandbox=flags.sandbox,
        workspace=str(workspace.resolve()) if workspace is not None else None,
    )  # fmt: skip
    return Prepared(team=team.with_(**changes), choice=choice, spec=spec, workspace=workspace, remembered=remembered)


def _workspace(team: Team[Any, Any], out: Path | None, goal: str | None) -> Path | None:
    """The folder for the products: `--out`, the team's own, or one named after the goal."""
    if goal is None:
        return out
    if out is not None:
        return check_output_folder(out)
    if team._workspace is not None:
        return None
    return check_output_folder(Path(slug(goal)))


def _policy(own: Policy, users: Policy) -> Policy:
    """The team's own, and that of the user's settings as well."""
    return replace(own, also=replace(users, also=own.also))


def _budget(own: Budget, settings: BudgetSettings, flags: dict[str, float | int]) -> Budget:
    """Each bound from the flags, else from the settings, else the team's own."""
    bounds: dict[str, Any] = {}
    for bound in fields(Budget):
        for given in (flags.get(bound.name), getattr(settings, bound.name), getattr(own, bound.name)):
            if given is not None:
                bounds[bound.name] = given
                break
    try:
        return Budget(**bounds)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _wait_limit(people: PeopleSettings, seconds: float) -> WaitLimit:
    word, _, note = people.default.partition(":")
    return WaitLimit(seconds=seconds, default=Approve() if word.strip() == "approve" else Reject(note.strip()))


def named_journal(flags: Flags) -> str | None:
    """The journal as a resuming command must name it."""
    return None if flags.journal is None else str(flags.journal)
