"""The job `improve`: gather, train, compare with what is in service, and promote what is better.

Every stage leaves its result in the run's folder; a run that was cut goes on with the first stage that is not done.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub import Card, ModelHub
from metagpt.hub.data import TextData, load_splits
from metagpt.journal.trajectories import Trajectory
from metagpt.lab.alignment.bases import Base, open_base
from metagpt.lab.alignment.weights import save_tuned
from metagpt.lab.from_runs import HELD_OUT, TRAIN, CompactPrompts, call_of, gather, push_runs, read_runs, record_models
from metagpt.lab.improvement.decision import Decision, decide
from metagpt.lab.improvement.exam import Conditions, Mark, sit
from metagpt.lab.improvement.learning import compact_card, learn
from metagpt.lab.improvement.report import report
from metagpt.lab.improvement.service import in_service, promote
from metagpt.lab.improvement.settings import Settings
from metagpt.lab.improvement.tasks import GENERATED_SETS, Task, generated_tasks, recorded_tasks
from metagpt.lab.improvement.team_exam import held_out_goals, others_model, sit_in_team
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]

_SERVICE, _CANDIDATE = "in service", "candidate"


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What the stages share."""

    settings: Settings
    folder: RunFolder
    hub: ModelHub
    runs: list[Trajectory]
    service: Base
    """What is to be beaten."""
    base: Base
    """What is trained from."""
    sets: dict[str, str]
    """The sets from the runs, each with its version in the hub."""

    def part(self, name: str, wanted: str) -> TextData:
        """A part of a set; an empty one where the runs gave no such set."""
        if name not in self.sets:
            return TextData((), name=wanted)
        found = load_splits(f"hub:{self.sets[name]}", hub=self.hub)
        return found.get(wanted) or TextData((), name=wanted)

    @property
    def calls(self) -> list[str]:
        """The role's calls that the runs tell anything of."""
        return sorted({call_of(name) for name in self.sets})


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Improve a role's model, or say why it was not.

    Raises:
        LabError: a journal without runs to learn from, no held-out tasks, or a loss that is no number; nothing is promoted then.
        HubError: a model or set that the hub lacks.
    """
    work = _gathered(settings, folder)
    exam = _exam(work)  # before the training: without tasks it would be in vain
    candidate = _candidate(work, exam.asked)
    marks = {
        _SERVICE: _marks(folder, _SERVICE, len(exam.kinds), lambda start, told: exam.sit(work.service.folder, start, told)),
        _CANDIDATE: _marks(folder, _CANDIDATE, len(exam.kinds), lambda start, told: exam.sit(candidate, start, told)),
    }
    first = {name: [mark.first for mark in each] for name, each in marks.items()}
    decision = decide(first[_CANDIDATE], first[_SERVICE], level=settings.level)
    text = report(f"{settings.role}: candidate and model in service", decision, marks, exam.kinds, _facts(work))
    folder.write_text("report.md", text)
    results = {"promoted": False, "why": decision.why, **asdict(decision), "model": str(candidate), "service": work.service.summary}
    if decision.is_better:
        results |= {"promoted": True, "reference": _promote(work, candidate, decision, text)}
    return results


def _gathered(settings: Settings, folder: RunFolder) -> _Work:
    """The runs as sets in the hub; those of the first try, where the run goes on."""
    runs = read_runs(settings.runs, team=settings.team, owner="improve")
    hub = ModelHub(settings.hub)
    known = folder.path / "gathered.json"
    if known.is_file():
        said = json.loads(known.read_text(encoding="utf-8"))
        service, base = (open_base(said[name], hub) for name in ("service", "base"))
        return _Work(settings=settings, folder=folder, hub=hub, runs=runs, service=service, base=base, sets=said["sets"])
    service = in_service(settings.role, hub, runs, settings.base)
    base = open_base(settings.base, hub) if settings.base else service
    found = gather(runs, CompactPrompts(base.folder), role=settings.role)
    if not found:
        raise LabError(
            f"improve: found no answers of the role {settings.role!r} that passed or were sent back in {len(runs)} run(s) of the team"
            f" {settings.team!r} in {settings.runs}; expected some to learn from. Let the team do more runs: metagpt run GOAL"
        )
    record_models(hub, runs)
    sets = {name: entry.reference for name, entry in push_runs(hub, found).items()}
    folder.write_json("gathered.json", {"service": service.reference, "base": base.reference, "sets": sets, "runs": len(runs)})
    return _Work(settings=settings, folder=folder, hub=hub, runs=runs, service=service, base=base, sets=sets)


# the exam


@dataclass(frozen=True)
class _Exam:
    kinds: list[str]
    sit: Callable[[Path, int, Callable[[int, Mark], None]], None]
    asked: frozenset[str] = frozenset()
    """Prompts of its tasks."""


def _exam(work: _Work) -> _Exam:
    settings = work.settings
    conditions = Conditions(samples=settings.samples, max_tokens=settings.max_tokens, seed=settings.seed, device=settings.device)
    tasks = [] if settings.exam == "team" else _tasks(work)
    if tasks:

        def sit_calls(folder: Path, start: int, told: Callable[[int, Mark], None]) -> None:
            asyncio.run(sit(folder, tasks, conditions, told=told, start=start))

        prompts = CompactPrompts(work.base.folder)
        return _Exam([task.call for task in tasks], sit_calls, frozenset(prompts(task.call, task.context) for task in tasks))
    goals = [] if settings.exam == "calls" else held_out_goals(work.runs, settings.sets, count=settings.count, seed=settings.seed)
    if not goals:
        raise LabError(
            f"improve: found no held-out task with tests for {', '.join(work.calls) or settings.role}; expected some to compare on."
            " Let the team do more runs, or name sets of generated goals: --set 'sets=[\"seen\"]' --count 100"
        )
    others = others_model(work.runs, settings.role)

    def sit_team(folder: Path, start: int, told: Callable[[int, Mark], None]) -> None:
        asyncio.run(sit_in_team(folder, settings.role, goals, conditions, team=settings.team, others=others, told=told, start=start))

    return _Exam(["goal"] * len(goals), sit_team)


def _tasks(work: _Work) -> list[Task]:
    """Held-out prompts of the runs with tests, and generated ones; none of them is trained on."""
    settings = work.settings
    recorded = [task for call in work.calls for task in recorded_tasks(work.part(call, HELD_OUT))]
    names = [name for name in settings.sets if name in GENERATED_SETS] if settings.team == "software" else []
    generated = [task for name in names for task in generated_tasks(name, work.calls, count=settings.count, seed=settings.seed)]
    prompts = CompactPrompts(work.base.folder)
    trained = {row.text for name in work.sets for row in work.part(name, TRAIN)}
    tasks = {prompts(task.call, task.context): task for task in [*recorded, *generated]}
    return [task for prompt, task in tasks.items() if prompt not in trained]


def _marks(folder: RunFolder, who: str, count: int, sit_exam: Callable[[int, Callable[[int, Mark], None]], None]) -> list[Mark]:
    """The marks of one model, those in the log of a run that was cut first."""
    done = {line["task"]: Mark(line["first"], line["right"]) for line in folder.logged() if line.get("model") == who}
    start = next(number for number in range(count + 1) if number not in done)
    if start < count:

        def told(number: int, mark: Mark) -> None:
            done[number] = mark
            folder.log(model=who, task=number, first=mark.first, right=mark.right)

        sit_exam(start, told)
    return [done[number] for number in range(count)]


# the candidate


def _candidate(work: _Work, asked: Collection[str]) -> Path:
    """The folder of the candidate; that of the first try, where the run goes on."""
    settings = work.settings
    if settings.candidate is not None:
        return open_base(settings.candidate, work.hub).folder
    folder = work.folder.path / "candidate"
    if folder.is_dir():
        return folder
    _check_calls(work)
    lessons = {name: work.part(name, TRAIN) for name in work.sets}
    model, figures = learn(work.base, lessons, settings, work.folder, asked=asked)
    work.folder.write_json("training.json", figures)
    prompts = CompactPrompts(work.base.folder)
    card = Card(
        summary=f"The model of the role {settings.role}, trained from {work.base.summary} by {settings.method} on {len(work.runs)} runs.",
        task="text-generation",
        base_models=work.base.parents,
        datasets=tuple(work.sets.values()),
        extra=compact_card(work.base.folder, {call: _keys(work, call, prompts) for call in work.calls if call in work.sets}),
        text=f"# {settings.role}\n",
    )
    saved = save_tuned(model, work.base.folder, folder, card)
    shutil.rmtree(work.folder.checkpoint, ignore_errors=True)
    return saved


def _check_calls(work: _Work) -> None:
    """A base that was trained for no calls answers only those that it learns: they must be all that the role makes."""
    made = {call.call.partition("#")[0] for run in work.runs for call in run.calls if call.role == work.settings.role}
    missing = sorted(made - set(work.sets))
    if missing and not CompactPrompts(work.base.folder).card.calls:
        raise LabError(
            f"improve: found no passed answer to {', '.join(missing)}, which the role makes too; expected some for every call of it."
            " Let the team do more runs, or train from a model that knows the calls: --base embedded"
        )


def _keys(work: _Work, call: str, prompts: CompactPrompts) -> Sequence[str]:
    if call in prompts.card.reads:
        return prompts.card.reads[call]
    rows = [*work.part(call, TRAIN), *work.part(call, HELD_OUT)]
    return list(json.loads(rows[0].fields["context"]))


def _promote(work: _Work, candidate: Path, decision: Decision, text: str) -> str:
    settings = work.settings
    card = Card(
        summary=f"The model of the role {settings.role}: {decision.why}",
        metrics={"held_out_right": decision.candidate_right / decision.tasks, "before": decision.service_right / decision.tasks},
        text=text,
    )
    parents = [*work.sets.values(), *work.base.parents] if settings.candidate is None else []
    return promote(work.hub, settings.role, candidate, replaced=work.service, parents=parents, card=card).reference


def _facts(work: _Work) -> dict[str, object]:
    settings = work.settings
    return {
        "trained from": work.base.summary if settings.candidate is None else "elsewhere",
        "method": settings.method,
        "runs": len(work.runs),
        "sets": ", ".join(work.sets.values()),
        "in service": work.service.summary,
        "conditions": f"{settings.samples} answers a task, at most {settings.max_tokens} tokens, seed {settings.seed}",
    }
