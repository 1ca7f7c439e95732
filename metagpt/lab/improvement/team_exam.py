"""Two models of one role, compared by whole runs: the team works on every held-out goal, once with each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.journal.trajectories import Trajectory
from metagpt.lab.embedded.goal_sets import SETS, Goal, goals_of
from metagpt.lab.embedded.in_service import serve_goals
from metagpt.lab.from_runs import is_held_out
from metagpt.lab.improvement.exam import Conditions, Mark
from metagpt.lab.progress import progress_bar
from metagpt.plugins import open_model
from metagpt.team import Team

__all__ = ["held_out_goals", "others_model", "sit_in_team"]

_AT_ONCE = 2


def held_out_goals(runs: Iterable[Trajectory], sets: Sequence[str], *, count: int, seed: int) -> list[Goal]:
    """Held-out goals of the journal, whose verdict is the team's own, and generated ones, whose programs are run on tests.

    Raises:
        LabError: there is no such set.
    """
    unknown = [name for name in sets if name not in SETS or name.startswith("test")]
    if unknown:
        known = [name for name in SETS if not name.startswith("test")]
        raise LabError(f"improve: found the set {unknown[0]!r}; expected some of {', '.join(known)}. Correct sets.")
    recorded = dict.fromkeys(run.goal for run in runs if is_held_out(run.goal))
    return [*map(Goal, recorded), *(goal for name in sets for goal in goals_of(name, count=count, seed=seed))]


async def sit_in_team(
    folder: Path,
    role: str,
    goals: Sequence[Goal],
    conditions: Conditions,
    *,
    team: str,
    others: str,
    told: Callable[[int, Mark], None],
    start: int = 0,
) -> None:
    """Let the team work on the goals with the model of a folder for one role.

    Args:
        folder: The model.
        role: Whose model it is.
        goals: What is asked.
        conditions: Seed and device of the drawing.
        team: Name of an installed team.
        others: Reference of the model that answers all other roles.
        told: Called with number and mark of each goal, in order.
        start: The first goal to do.
    """
    settings: dict[str, Any] = {"seed": conditions.seed} | ({} if conditions.device == "auto" else {"device": conditions.device})
    models = [open_model(f"local:{folder}", settings), open_model(others, settings)]
    try:
        made = Team.load(team, model=models[1], models={role: models[0]})
        with progress_bar(len(goals), folder.name, done=start, unit="goal") as bar:
            for first in range(start, len(goals), _AT_ONCE):
                batch = goals[first : first + _AT_ONCE]
                for number, served in enumerate(await serve_goals(made, batch, at_once=_AT_ONCE), start=first):
                    right = served.is_right if goals[number].tests else served.passed
                    told(number, Mark(first=right, right=int(right)))
                bar.update(len(batch))
    finally:
        for model in models:
            await model.close()


def others_model(runs: Sequence[Trajectory], role: str) -> str:
    """What answered the other roles in the latest run that had any."""
    found = (call.model for run in reversed(runs) for call in run.calls if call.role != role)
    return next(found, "embedded")
