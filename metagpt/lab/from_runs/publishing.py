"""What runs teach, as versions in the hub: lineage leads from the runs to the sets, and from models to the runs they answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from metagpt.errors import HubError, LabError
from metagpt.hub import Card, ModelHub
from metagpt.hub.builtin import EMBEDDED
from metagpt.hub.data import Splits, TextData, load_splits, push_data
from metagpt.hub.entry import Entry
from metagpt.journal.interface import Journal
from metagpt.journal.trajectories import Trajectory
from metagpt.lab.from_runs.gathering import CallData, gather
from metagpt.lab.from_runs.prompts import CompactPrompts
from metagpt.lab.from_runs.reading import read_runs

__all__ = ["data_from_runs", "push_runs", "record_models"]


def data_from_runs(
    journal: Journal | Path | str,
    *,
    hub: ModelHub | None = None,
    role: str | None = None,
    team: str | None = None,
    model: Path | str | None = None,
) -> dict[str, Entry]:
    """What a journal's runs teach, as sets in the hub: `CALL`, `CALL.pairs`, `CALL.rewards` and `CALL.agreed`, as far as there are any.

    Args:
        journal: The file, `NAME:REST` of an installed journal, or a journal.
        hub: Where to; the default hub if left out.
        role: Only its calls.
        team: Only its runs.
        model: `embedded`, `hub:NAME` or the folder of a model; prompts are as its card says that it reads them. Whole contexts if
            left out.

    Returns:
        The newest version of every set, by name; one whose content has not changed is not pushed again.

    Raises:
        LabError: no such journal, nothing to learn from in its runs, or a context that lacks what the model reads.
    """
    from metagpt.lab.alignment.bases import open_base  # which reads answers as this package does

    runs = read_runs(journal, team=team)
    opened = hub or ModelHub()
    folder = open_base(model, opened).folder if isinstance(model, str) else model
    found = gather(runs, CompactPrompts(folder), role=role)
    if not found:
        raise LabError(
            f"from runs: found nothing that passed or was sent back in {len(runs)} run(s) of {journal}; expected some. Do more runs."
        )
    record_models(opened, runs)
    return push_runs(opened, found)


def push_runs(hub: ModelHub, data: Mapping[str, CallData]) -> dict[str, Entry]:
    """The newest version of every set, by name; one whose content has not changed is not pushed again."""
    return {
        f"{call}{ending}": _push(hub, f"{call}{ending}", parts, found.runs)
        for call, found in data.items()
        for ending, parts in found.sets.items()
    }


def _push(hub: ModelHub, name: str, parts: Mapping[str, TextData], runs: tuple[str, ...]) -> Entry:
    known = hub.versions(name)
    if known:
        stored = load_splits(f"hub:{known[-1].reference}", hub=hub)
        if {part: each.digest for part, each in stored.items()} == {part: each.digest for part, each in parts.items()}:
            return known[-1]
    return push_data(hub, name, Splits(dict(parts)), parents=[f"run:{run_id}" for run_id in runs], card=_card(name, parts, runs))


_KINDS = {"pairs": "preference pairs", "rewards": "answers with rewards", "agreed": "prompts with the answers agreed on"}


def _card(name: str, parts: Mapping[str, TextData], runs: tuple[str, ...]) -> Card:
    kind = _KINDS.get(name.rpartition(".")[2], "prompts with passed answers")
    sizes = ", ".join(f"{len(data)} {part}" for part, data in parts.items())
    rows = "\n".join(f"| {part} | {len(data)} | {data.digest} |" for part, data in parts.items())
    return Card(
        summary=f"{sizes} {kind}, from {len(runs)} runs.",
        task="text-generation",
        tags=("dataset", "training", "from-runs"),
        text=f"# {name}\n\n| part | examples | sha256 of the content |\n|---|---|---|\n{rows}\n\nGoals of `held_out` are none of `train`.",
    )


def record_models(hub: ModelHub, trajectories: Iterable[Trajectory]) -> None:
    """Note for the lineage which versions of the hub answered in each run."""
    for trajectory in trajectories:
        used = {_version(call.model) for call in trajectory.calls} - {None}
        known = [each for each in sorted(filter(None, used)) if _is_here(hub, each)]
        if known and not set(known) <= set(hub.registry.runs().get(trajectory.run_id, ())):
            hub.record_run(trajectory.run_id, known)


def _version(reference: str) -> str | None:
    if reference == EMBEDDED:
        return f"{EMBEDDED}@1"
    return reference.removeprefix("hub:") if reference.startswith("hub:") else None


def _is_here(hub: ModelHub, reference: str) -> bool:
    try:
        return bool(hub.get(reference))
    except HubError:
        return False
