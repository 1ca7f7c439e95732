"""What a candidate learns from, and how: answers that passed or were agreed on, repaired and broken ones, drawn ones that pass tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from metagpt.actions.sandbox import open_sandbox
from metagpt.errors import LabError
from metagpt.hub.data import TextData
from metagpt.lab.alignment.bases import Base
from metagpt.lab.alignment.rewards import passed_share
from metagpt.lab.alignment.rows import pair_rows, prompt_rows
from metagpt.lab.alignment.tuning import tune_by_preferences, tune_by_rewards
from metagpt.lab.from_runs import CompactPrompts, call_of
from metagpt.lab.from_runs.answers import trained_form
from metagpt.lab.improvement.broken import repairs
from metagpt.lab.improvement.exam import Conditions, answers_to, open_candidate
from metagpt.lab.improvement.rehearsal import rehearsed
from metagpt.lab.improvement.settings import Settings
from metagpt.lab.improvement.supervised import tune_on_answers
from metagpt.lab.improvement.tasks import recorded_tasks
from metagpt.lab.jobs import RunFolder

__all__ = ["Lessons", "learn"]

Lessons = Mapping[str, TextData]
"""The training parts of the sets from runs, by name."""


def learn(
    base: Base, lessons: Lessons, settings: Settings, folder: RunFolder, *, asked: Collection[str] = ()
) -> tuple[Any, dict[str, float]]:
    """The trained model and its last figures; `asked` are prompts that it will be judged by, which are not rehearsed.

    Raises:
        LabError: the runs hold nothing that the method learns from, or a loss that is no number.
    """
    settings = settings.model_copy(update={"lora": settings.lora or settings.method == "lora"})
    if settings.method == "dpo":
        pairs = pair_rows(_joined(lessons, ".pairs"))
        if settings.shuffle_labels:
            pairs = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in pairs]
        return tune_by_preferences(base.folder, pairs, settings, folder)
    if settings.method == "grpo":
        prompts = prompt_rows(_joined(lessons, "", ".rewards"), needs_tests=settings.tests_weight > 0)
        if settings.shuffle_labels:
            prompts = _shuffled_tests(prompts, settings.seed)
        return tune_by_rewards(base.folder, prompts, settings, folder)
    rows = _answers(base, lessons, settings)
    if settings.rehearse is not None:
        rows = rows * max(1, round(settings.epochs)) + rehearsed(
            settings.rehearse, settings.role, count=settings.rehearsed, seed=settings.seed, asked=asked
        )
        settings = settings.model_copy(update={"epochs": 1.0})
    return tune_on_answers(base.folder, rows, settings, folder)


def _answers(base: Base, lessons: Lessons, settings: Settings) -> list[tuple[str, str]]:
    """Prompts with the answers that passed, were agreed on, mended, broken on purpose, or drawn and pass their tests."""
    agreed = [(row.text, str(row.fields["answer"])) for row in _joined(lessons, ".agreed")] if settings.agreed else []
    passed = [(row.text, str(row.fields["answer"])) for row in _joined(lessons, "")]
    mended = [(row.text, str(row.fields["chosen"])) for row in _joined(lessons, ".pairs")]
    drawn = asyncio.run(_explored(base, lessons, settings)) if settings.explore else []
    broken = asyncio.run(repairs(_joined(lessons, ""), CompactPrompts(base.folder), tries=settings.breaks, seed=settings.seed))
    rows = list(dict.fromkeys([*passed, *mended, *broken, *drawn, *agreed]))
    if not rows:
        raise LabError("improve: found no passed answer in the runs; expected some to learn from. Let the team do more runs.")
    if settings.shuffle_labels:
        answers = [answer for _, answer in rows]
        random.Random(settings.seed).shuffle(answers)
        rows = [(prompt, answer) for (prompt, _), answer in zip(rows, answers, strict=True)]
    return rows


def _joined(lessons: Lessons, *endings: str) -> TextData:
    """The examples of all calls' sets of these endings."""
    return TextData((row for name, data in lessons.items() if name.removeprefix(call_of(name)) in endings for row in data), name="runs")


def _shuffled_tests(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    tests = [row["tests"] for row in rows]
    random.Random(seed).shuffle(tests)
    return [{**row, "tests": each} for row, each in zip(rows, tests, strict=True)]


async def _explored(base: Base, lessons: Lessons, settings: Settings) -> list[tuple[str, str]]:
    """Rejection sampling: answers of the base itself that pass all tests of their prompt, each once.

    Source: Zelikman et al. 2022, STaR, arXiv:2203.14465; Gulcehre et al. 2023, ReST, arXiv:2308.08998.
    """
    tasks = recorded_tasks(_joined(lessons, "", ".rewards"))
    conditions = Conditions(
        samples=settings.explore, temperature=settings.temperature, max_tokens=settings.max_tokens, seed=settings.seed + 1_000_003,
        device=settings.device,
    )  # fmt: skip
    prompts, sandbox = CompactPrompts(base.folder), await asyncio.to_thread(open_sandbox)
    model = open_candidate(base.folder, conditions)
    found: dict[tuple[str, str], None] = {}
    try:
        for number, task in enumerate(tasks):
            for answer in dict.fromkeys(await answers_to(model, task, conditions, number)):
                if await passed_share(sandbox, answer, task.function, task.tests) == 1.0:
                    found[prompts(task.call, task.context), trained_form(answer)] = None
    finally:
        await model.close()
    return list(found)


def compact_card(folder: Path, calls: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What a base that was trained for no calls must say once it is: the calls, each with the keys that it reads."""
    return {} if CompactPrompts(folder).card.calls else {"prompt_format": "compact", "calls": {c: list(k) for c, k in calls.items()}}
