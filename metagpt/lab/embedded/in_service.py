"""The embedded model scored in service: the software team itself works on every goal, and its deliveries are run.

What counts is what a user gets: the program that the team chose, its verdict, and the time from goal to verdict.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metagpt.actions.sandbox import Sandbox, open_sandbox
from metagpt.behaviour import observe
from metagpt.errors import MetaGPTError
from metagpt.lab.embedded.goal_sets import Goal, goals_of
from metagpt.lab.evaluation.intervals import wilson_interval
from metagpt.team import Team

__all__ = ["Served", "serve_goals", "serve_sets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the team made of one goal."""

    goal: str
    in_scope: bool
    passed: bool
    """Whether the team called its program passed."""
    is_right: bool
    """Whether the program that it delivered passes every test of the goal."""
    seconds: float
    """From goal to verdict, the model being loaded."""
    verdict: str
    """The evidence, the reason for declining, or the error."""


async def serve_goals(team: Team[Any, Any], goals: Sequence[Goal], *, at_once: int = 2) -> list[Served]:
    """Have the team work on each goal, a few at once, in the goals' order."""
    sandbox = await asyncio.to_thread(open_sandbox)
    room = asyncio.Semaphore(at_once)

    async def serve(goal: Goal) -> Served:
        async with room:
            return await _serve(team, goal, sandbox)

    return list(await asyncio.gather(*(serve(goal) for goal in goals)))


async def _serve(team: Team[Any, Any], goal: Goal, sandbox: Sandbox) -> Served:
    started = time.monotonic()
    try:
        run = await team.run(goal.text)
    except MetaGPTError as error:
        seconds = time.monotonic() - started
        return Served(
            goal=goal.text,
            in_scope=goal.in_scope,
            passed=False,
            is_right=False,
            seconds=seconds,
            verdict=f"{type(error).__name__}: {error}",
        )
    seconds = time.monotonic() - started
    output = run.output
    program = getattr(output, "program", None)
    if program is None:
        return Served(goal=goal.text, in_scope=goal.in_scope, passed=False, is_right=False, seconds=seconds, verdict=output.reason)
    outcomes = await observe(
        sandbox,
        program.files,
        file=program.entry,
        function=output.signature.split("(")[0],
        inputs=[[argument] for argument, _ in goal.tests],
    )
    is_right = bool(goal.tests) and all(o.same_as(expected) for o, (_, expected) in zip(outcomes, goal.tests, strict=True))
    return Served(
        goal=goal.text,
        in_scope=goal.in_scope,
        passed=output.passed,
        is_right=is_right,
        seconds=seconds,
        verdict=f"{output.evidence} {output.failures or ''}",
    )


def summary(served: Sequence[Served]) -> dict[str, float]:
    """Shares of the goals, and times."""
    total = len(served)
    seconds = sorted(each.seconds for each in served)
    return {
        "goals": total,
        "right_passed": sum(each.is_right and each.passed for each in served) / total,
        "right_delivered": sum(each.is_right for each in served) / total,
        "wrong_passed": sum(each.passed and not each.is_right for each in served) / total,
        "not_passed": sum(not each.passed for each in served) / total,
        "seconds_median": statistics.median(seconds),
        "seconds_95": seconds[min(total - 1, int(total * 0.95))],
    }


def serve_sets(names: Sequence[str], *, model: str, out: Path, count: int, seed: int) -> str:
    """Score the sets, write served.json and served.md into `out`, and return the Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    scores: dict[str, dict[str, float]] = {}

    async def score() -> None:
        team = Team.load("software", model=model)
        await team.run("double a number")  # loads the model, which is no part of any goal's time
        for name in names:
            served = await serve_goals(team, goals_of(name, count=count, seed=seed))
            scores[name] = summary(served)
            if not name.startswith("test"):  # nobody is to look at single test goals
                (out / f"served_{name}.json").write_text(json.dumps([asdict(each) for each in served], indent=1, ensure_ascii=False) + "\n")
            (out / "served.json").write_text(json.dumps(scores, indent=1) + "\n")
            (out / "served.md").write_text(markdown(scores))
        await team.close()

    asyncio.run(score())
    return markdown(scores)


def markdown(scores: dict[str, dict[str, float]]) -> str:
    """The scores as a table, with the 95 % interval of the first."""
    lines = [
        "| set | goals | right, passed | right, delivered | wrong, passed | not passed | s, median | s, 95 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in scores.items():
        within = wilson_interval(round(found["right_passed"] * found["goals"]), int(found["goals"]))
        cells = [name.replace("_", " "), f"{found['goals']:.0f}", f"{found['right_passed']:.0%} ({within.low:.0%} to {within.high:.0%})"]
        cells += [f"{found[key]:.0%}" for key in ("right_delivered", "wrong_passed", "not_passed")]
        cells += [f"{found[key]:.1f}" for key in ("seconds_median", "seconds_95")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
