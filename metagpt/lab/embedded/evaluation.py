"""Scores of the model alone, by execution: is the first program right, is any of the sampled ones.

What a user gets, the choice among the samples and its verdict, is scored in service: see `in_service`.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from metagpt.actions.sandbox import Sandbox, open_sandbox
from metagpt.behaviour import observe
from metagpt.lab.embedded.goal_sets import SETS, Goal, goals_of
from metagpt.lab.embedded.speak import SmallModel, Spec
from metagpt.lab.evaluation.intervals import wilson_interval

__all__ = ["EvaluationConfig", "Trial", "evaluate", "run_trials", "score"]

_AT_ONCE = 12
"""Goals whose specs and programs are made in one batch."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """One evaluation; the same values give the same scores."""

    model: Path
    out: Path
    sets: tuple[str, ...] = ()
    """All but those of the test goals where it is empty."""
    count: int = 100
    """Goals of each generated set."""
    candidates: int = 16
    temperature: float = 0.7
    seed: int = 7


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the model made of one goal."""

    goal: Goal
    is_declined: bool
    """Whether the first spec says that the goal is out of scope."""
    first: str
    """The program of the first, greedy spec; empty where there is none."""
    is_first_right: bool
    num_right: int
    """How many of the samples led to a right program."""
    seconds: float
    """The batch's time divided by its goals."""


async def run_trials(model: SmallModel, goals: Sequence[Goal], config: EvaluationConfig) -> list[Trial]:
    """Specs and programs for some goals together; each program is run in the sandbox on the tests of its goal."""
    started = time.monotonic()
    found = model.specs([goal.text for goal in goals], candidates=config.candidates, temperature=config.temperature, seed=config.seed)
    model.programs([spec for specs in found for spec in specs if spec is not None and spec.in_scope])
    seconds = (time.monotonic() - started) / len(goals)
    sandbox = await asyncio.to_thread(open_sandbox)
    return list(await asyncio.gather(*(_trial(sandbox, model, *each, seconds) for each in zip(goals, found, strict=True))))


async def _trial(sandbox: Sandbox, model: SmallModel, goal: Goal, specs: Sequence[Spec | None], seconds: float) -> Trial:
    inside = [spec for spec in specs if spec is not None and spec.in_scope]
    programs = dict(zip(map(id, inside), zip(inside, model.programs(inside), strict=True), strict=True))
    distinct = {code: spec for spec, code in programs.values()}
    verdicts = {code: await _is_right(sandbox, code, spec, goal) for code, spec in distinct.items()}
    first = specs[0]
    code = programs[id(first)][1] if first is not None and id(first) in programs else ""
    return Trial(
        goal=goal,
        is_declined=first is not None and not first.in_scope,
        first=code,
        is_first_right=verdicts.get(code, False),
        num_right=sum(verdicts[code] for _, code in programs.values()),
        seconds=seconds,
    )


async def _is_right(sandbox: Sandbox, code: str, spec: Spec, goal: Goal) -> bool:
    if not goal.tests:
        return False
    inputs = [[argument] for argument, _ in goal.tests]
    outcomes = await observe(sandbox, {"program.py": code}, file="program.py", function=spec.signature.partition("(")[0], inputs=inputs)
    return all(outcome.same_as(expected) for outcome, (_, expected) in zip(outcomes, goal.tests, strict=True))


def score(trials: Sequence[Trial]) -> dict[str, float]:
    """Shares of the goals, and seconds for each."""
    total = len(trials)
    return {
        "goals": total,
        "first_right": sum(trial.is_first_right for trial in trials) / total,
        "any_right": sum(trial.num_right > 0 for trial in trials) / total,
        "declined": sum(trial.is_declined for trial in trials) / total,
        "seconds": sum(trial.seconds for trial in trials) / total,
    }


def evaluate(config: EvaluationConfig) -> str:
    """Score the sets, write scores.json and scores.md into `config.out`, and return the Markdown."""
    model = SmallModel(config.model)
    names = config.sets or tuple(name for name in SETS if not name.startswith("test"))
    scores: dict[str, dict[str, float]] = {}
    config.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        goals = goals_of(name, count=config.count, seed=config.seed)
        batches = [goals[start : start + _AT_ONCE] for start in range(0, len(goals), _AT_ONCE)]
        trials = [trial for batch in batches for trial in asyncio.run(run_trials(model, batch, config))]
        scores[name] = score(trials)
        _write_trials(trials, config, name)
        report = {"config": {**asdict(config), "model": config.model.name, "out": ""}, "sets": scores}
        (config.out / "scores.json").write_text(json.dumps(report, indent=1, default=str) + "\n")
    text = markdown(scores, config.candidates)
    (config.out / "scores.md").write_text(text)
    return text


def _write_trials(trials: Sequence[Trial], config: EvaluationConfig, name: str) -> None:
    """One line for each goal; of the test goals only the scores are kept, so that nobody looks at single ones."""
    if name.startswith("test"):
        return
    with (config.out / f"{name}.jsonl").open("w") as file:
        for trial in trials:
            shown = {"goal": trial.goal.text, "right": trial.is_first_right, "num_right": trial.num_right}
            shown |= {"declined": trial.is_declined, "program": trial.first}
            file.write(json.dumps(shown, ensure_ascii=False) + "\n")


def markdown(scores: Mapping[str, Mapping[str, float]], candidates: int) -> str:
    """The scores as a table, in per cent, with the 95 % interval of the first number."""
    lines = [
        f"| set | goals | first sample right | any of {candidates} samples right | declined | s per goal |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in scores.items():
        within = wilson_interval(round(found["first_right"] * found["goals"]), int(found["goals"]))
        cells = [name.replace("_", " "), f"{found['goals']:.0f}", f"{found['first_right']:.0%} ({within.low:.0%} to {within.high:.0%})"]
        cells += [f"{found[key]:.0%}" for key in ("any_right", "declined")] + [f"{found['seconds']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
