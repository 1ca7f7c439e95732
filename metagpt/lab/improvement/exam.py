"""Two models under the same conditions: the same tasks, as many answers, the same seeds, the same longest answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.actions.sandbox import Sandbox, open_sandbox
from metagpt.errors import ContextOverflowError
from metagpt.lab.alignment.rewards import passed_share
from metagpt.lab.improvement.tasks import Task
from metagpt.lab.progress import progress_bar
from metagpt.models.interface import Model, ModelOptions, ModelReply, ModelRequest
from metagpt.plugins import open_model

__all__ = ["Conditions", "Mark", "answers_to", "open_candidate", "sit"]

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What every model gets alike."""

    samples: int = 4
    temperature: float = 0.7
    """Of all answers but the first, which is drawn without chance."""
    max_tokens: int = 320
    seed: int = 7
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Mark:
    """How a model did on one task."""

    first: bool
    """Whether its first answer is right: what the paired test compares."""
    right: int
    """How many of its answers are right."""


async def sit(
    folder: Path, tasks: Sequence[Task], conditions: Conditions, *, told: Callable[[int, Mark], None] = lambda *_: None, start: int = 0
) -> list[Mark]:
    """Have the model of a folder answer the tasks, and run its answers on their tests.

    Args:
        folder: The model.
        tasks: What is asked.
        conditions: Of the answers.
        told: Called with number and mark of each task, in order, as soon as it is marked.
        start: The first task to do; those before it are done already.
    """
    sandbox = await asyncio.to_thread(open_sandbox)
    model = open_candidate(folder, conditions)
    marks: list[Mark] = []
    try:
        with progress_bar(len(tasks), folder.name, done=start, unit="task") as bar:
            for first in range(start, len(tasks), _AT_ONCE):
                batch = range(first, min(first + _AT_ONCE, len(tasks)))
                done = await asyncio.gather(*(_mark(sandbox, model, tasks[number], conditions, number) for number in batch))
                for number, mark in zip(batch, done, strict=True):
                    told(number, mark)
                marks += done
                bar.update(len(batch))
    finally:
        await model.close()
    return marks


def open_candidate(folder: Path, conditions: Conditions) -> Model:
    """The model of a folder, hosted as in service."""
    settings: dict[str, Any] = {} if conditions.device == "auto" else {"device": conditions.device}
    return open_model(f"local:{folder}", settings)


async def _mark(sandbox: Sandbox, model: Model, task: Task, conditions: Conditions, number: int) -> Mark:
    answers = (await answers_to(model, task, conditions, number))[: conditions.samples]  # drafts of a table stand behind the model's own
    distinct = list(dict.fromkeys(answers))
    shares = await asyncio.gather(*(passed_share(sandbox, answer, task.function, task.tests) for answer in distinct))
    right = {answer: share == 1.0 for answer, share in zip(distinct, shares, strict=True)}
    return Mark(first=bool(answers) and right[answers[0]], right=sum(right[answer] for answer in answers))


async def answers_to(model: Model, task: Task, conditions: Conditions, number: int) -> list[str]:
    """The first answer, the drawn ones, and behind them what a folder's table drafts; none where the prompt is too long for the model."""
    plain = ModelOptions(n=1, temperature=0.0, max_tokens=conditions.max_tokens)
    drawn = ModelOptions(
        n=conditions.samples - 1 or 1, temperature=conditions.temperature, max_tokens=conditions.max_tokens, seed=conditions.seed + number
    )
    wanted = [plain, *([drawn] if conditions.samples > 1 else [])]
    try:
        return [text for options in wanted for text in await _ask(model, task, options)]
    except ContextOverflowError:
        return []


async def _ask(model: Model, task: Task, options: ModelOptions) -> list[str]:
    request = ModelRequest(call=task.call, chat=(), context=dict(task.context), options=options)
    async with aclosing(model.stream(request)) as stream:  # type: ignore[type-var]  # an async generator
        async for item in stream:
            if isinstance(item, ModelReply):
                return [candidate.text for candidate in item.candidates]
    return []
