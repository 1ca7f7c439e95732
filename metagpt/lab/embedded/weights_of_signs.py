"""How much each sign of a reading should count: the weights of `metagpt.models.local.weighing`, fitted to goals whose meaning is known.

`python -m metagpt.lab.embedded weigh --model FOLDER` draws readings of the validation goals and of generated ones of the training's
own wordings, runs what each reading says on the goal's tests, and fits two things by maximum likelihood: the odds among readings
(a conditional logit, McFadden 1974), and whether any of them is right (a logistic regression). What is held out is not looked at.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from metagpt.behaviour import Outcome
from metagpt.lab.embedded.corpus import specify_prompt
from metagpt.lab.embedded.goal_sets import Goal, goals_of
from metagpt.lab.embedded.loading import run_briefly
from metagpt.lab.embedded.speak import SmallModel
from metagpt.lab.embedded.written import find_chain
from metagpt.models.interface import Candidate, ModelRequest
from metagpt.models.local.drafts import DECLINED, Drafts
from metagpt.models.local.retelling import FOLDER, Retelling
from metagpt.models.local.sign_weights import SignWeights
from metagpt.models.local.weighing import FAR, OPENING, UNPARSED, Reading, Signs, likelier_to_decline, readings_of, scored_text, signs_of
from metagpt.models.local.weights import Source, Weights, load_weights

__all__ = ["SETS", "Weighed", "fit", "gather"]

CALL = "product_manager.specify"
SETS = ("validation", "validation_outside", "validation_with_example", "seen", "seen_with_example")
SAMPLES, TEMPERATURE = 16, 0.7
AT_ONCE = 6
"""Goals whose readings are drawn together."""
MOST_DIGITS = 4
"""Of a number in a reading whose steps are run."""
PENALTY = 3e-3
"""Of the squared weights; the signs are scaled to about 1."""
NATS = 5.0
"""Nats that count as 1 while fitting."""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The readings of one goal with their signs, and which of them do what the goal asks for."""

    signs: tuple[Signs, ...]
    right: tuple[bool, ...]
    declined: float
    read_declined: float
    goal_tokens: int


def gather(model: Path, *, count: int, seed: int, sets: Sequence[str] = SETS) -> Iterator[Weighed]:
    """The goals of the sets, `count` of each that is generated; some seconds for each of them. Those without any reading are left out."""
    drawing, reader = SmallModel(model), load_weights(Source(str(model), "cpu", torch.float32))
    drafts = Drafts(model, {CALL: "goal"})
    retelling = Retelling({CALL: "goal"}, lambda: load_weights(Source(str(model / FOLDER), "cpu", torch.float32)))
    goals = [goal for name in sets for goal in goals_of(name, count=count, seed=seed)]
    torch.manual_seed(seed)
    with tqdm(total=len(goals), unit="goal") as bar:
        for start in range(0, len(goals), AT_ONCE):
            part = goals[start : start + AT_ONCE]
            answers = drawing.answers([specify_prompt(goal.text) for goal in part], samples=SAMPLES, temperature=TEMPERATURE)
            for place, goal in enumerate(part):
                drawn = [Candidate(text=text) for text in answers[place * SAMPLES : (place + 1) * SAMPLES]]
                if weighed := _weighed(goal, drawn, drafts, reader, retelling):
                    yield weighed
                bar.update()


def _weighed(goal: Goal, drawn: Sequence[Candidate], drafts: Drafts, reader: Weights, retelling: Retelling) -> Weighed | None:
    found = drafts.of(ModelRequest(call=CALL, chat=(), context={"goal": goal.text}))
    readings = readings_of(drawn, found)
    if not readings:
        return None
    prompt, *texts = (
        reader.tokenizer(text, add_special_tokens=False)["input_ids"]
        for text in (specify_prompt(goal.text), *map(scored_text, readings), DECLINED)
    )
    *read, read_declined = reader.log_likelihoods([(prompt, text) for text in texts])
    retold, goal_tokens = retelling.log_likelihoods(goal.text, readings)
    return Weighed(
        signs=tuple(signs_of(readings, drawn, found, read, retold)),
        right=tuple(does(reading, goal) for reading in readings),
        declined=sum(candidate.text == DECLINED for candidate in drawn) / len(drawn),
        read_declined=read_declined,
        goal_tokens=goal_tokens,
    )


def does(reading: Reading, goal: Goal) -> bool:
    """Whether the steps of a reading give the expected result on every test of the goal; steps that are not in the catalogue do not.

    The steps are run as the project's own code. A model may have put values into them: one that could end a text in the code, with a
    backslash, or let a step count far, is not run.
    """
    summary, takes = reading
    if "\\" in summary or any(len(digits) > MOST_DIGITS for digits in re.findall(r"\d+", summary)):
        return False
    try:
        chain = find_chain(summary.split("; "), takes)
    except ValueError:
        return False
    given = [_gives(chain.run, argument, expected) for argument, expected in goal.tests]
    return True in given and False not in given


def _gives(run: Callable[[Any], Any], argument: Any, expected: Any) -> bool | None:  # Any: the values of every type of the catalogue
    """Whether the steps give what is expected; None where the argument is too large for them to be tried."""
    try:
        return Outcome(value=run_briefly(run, copy.deepcopy(argument))).same_as(expected)
    except OverflowError:
        return None
    except Exception:  # noqa: BLE001  an argument unfit for the chain, or a step that does not end
        return False


def fit(rows: Sequence[Weighed]) -> SignWeights:
    """The weights under which the right readings are likeliest, and whether there is one."""
    among = [(_features(row), torch.tensor(row.right)) for row in rows if any(row.right)]
    weights = _minimum(5, lambda w: torch.stack([_surprise(features @ w, right) for features, right in among]).mean())
    signs = torch.tensor([_signs_of_none(row, weights) for row in rows], dtype=torch.float64)
    is_none = torch.tensor([not any(row.right) for row in rows], dtype=torch.float64)
    none = _minimum(5, lambda w: binary_cross_entropy_with_logits(signs @ w, is_none))
    samples, read, retold, parsed, near = weights.tolist()
    constant, declined, likelier, told, share = none.tolist()
    return SignWeights(
        samples=samples,
        read=read / NATS,
        retold=retold / NATS,
        parsed=-parsed,
        near=-near,
        none=(constant, declined, likelier / NATS, told, share),
    )


def _features(row: Weighed) -> Tensor:
    return torch.tensor(
        [
            [
                math.log(each.samples + 0.25),
                each.read / NATS,
                each.retold / NATS,
                math.log(each.parsed or UNPARSED),
                math.log(each.near or FAR),
            ]
            for each in row.signs
        ],
        dtype=torch.float64,
    )


def _surprise(weights: Tensor, right: Tensor) -> Tensor:
    return torch.logsumexp(weights, 0) - torch.logsumexp(weights[right], 0)


def _signs_of_none(row: Weighed, weights: Tensor) -> list[float]:
    shared = torch.softmax(_features(row) @ weights, 0)
    told = row.signs[int(shared.argmax())].retold / (row.goal_tokens + OPENING)
    return [1.0, row.declined, likelier_to_decline(row.signs, row.read_declined) / NATS, told, float(shared.max())]


def _minimum(size: int, loss: Any) -> Tensor:  # Any: from weights to a scalar
    weights = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(weights) + PENALTY * (weights**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return weights.detach()
