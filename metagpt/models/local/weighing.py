"""Which of several readings of a goal is meant: answers weighed by two models, and by where they come from.

A small model that reads goals overlooks parts of them; one that tells goals from readings cannot, for every word of the goal must
come from the reading. Rules find readings that the model does not draw, and know nothing of likelihood. So a reading's weight is
log-linear in all of these, as in Och & Ney 2002 (P02-1038), section 2:

    ln w = samples ln(n + 1/4) + read ln p(reading | goal) + retold ln p(goal | reading) - parsed ln i - near ln j

with n the answers drawn that say so, and i and j its places among the drafts of the two kinds. That none of the readings is meant
is a logistic regression on four signs. The weights stand in the model folder (`sign_weights`); those of the embedded model were
fitted to the validation goals and to generated goals of the training's own wordings, none to what is held out
(`metagpt.lab.embedded.weights_of_signs`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from metagpt.models.interface import Candidate
from metagpt.models.local.drafts import DECLINED, Draft
from metagpt.models.local.sign_weights import SignWeights

__all__ = [
    "VOTES",
    "Reading",
    "Signs",
    "likelier_to_decline",
    "reading_of",
    "readings_of",
    "scored_text",
    "shares",
    "signs_of",
    "voted",
    "weight_of",
]

VOTES = 100
"""Of all answers together."""
UNPARSED, FAR = math.exp(3.5), math.exp(3.0)
"""Places of a reading that is none of the drafts."""
OPENING = 8
"""Tokens that count beside the goal's own: how a goal begins is not told by any reading, and short ones are little else."""
_MOST_NATS = 30.0
"""By which declining is likelier than a reading, or less likely."""

Reading: TypeAlias = tuple[str, str]
"""Steps and argument type of a spec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What speaks for a reading."""

    samples: int
    """Drawn answers that say so."""
    parsed: int | None
    """Its place among the parser's drafts, the first being 1."""
    near: int | None
    """Its place among the readings of goals like this one."""
    read: float
    """Log-likelihood of the reading, given the goal (nats)."""
    retold: float
    """Log-likelihood of the goal, given the reading (nats)."""


def readings_of(candidates: Sequence[Candidate], drafts: Sequence[Draft]) -> list[Reading]:
    """The different readings of drawn answers and drafts, in their order."""
    found = [_reading(candidate.text) for candidate in candidates] + [_reading(draft.text) for draft in drafts]
    return list(dict.fromkeys(reading for reading in found if reading is not None))


def scored_text(reading: Reading) -> str:
    """Of a spec what the reader weighs: its steps, not how the function is called."""
    return f'{{"in_scope": true, "summary": {json.dumps(reading[0], ensure_ascii=False)}, "signature": "'


def shares(
    signs: Sequence[Signs], weights: SignWeights, *, declined: float, read_declined: float, goal_tokens: int
) -> tuple[list[float], float]:
    """The probability of each reading, and of none of them; together 1.

    Args:
        signs: Of each reading, at least one.
        weights: How much each sign counts.
        declined: Share of the drawn answers that decline the goal.
        read_declined: Log-likelihood of declining it (nats).
        goal_tokens: Tokens of the goal.
    """
    weighed = [weight_of(each, weights) for each in signs]
    highest = max(weighed)
    odds = [math.exp(weight - highest) for weight in weighed]
    best = signs[weighed.index(highest)]
    told = best.retold / (goal_tokens + OPENING)
    of_none = (1.0, declined, likelier_to_decline(signs, read_declined), told, 1 / sum(odds))
    none = 1 / (1 + math.exp(-sum(weight * sign for weight, sign in zip(weights.none, of_none, strict=True))))
    return [(1 - none) * each / sum(odds) for each in odds], none


def weight_of(signs: Signs, weights: SignWeights) -> float:
    """The logarithm of a reading's weight."""
    return (
        weights.samples * math.log(signs.samples + 0.25)
        + weights.read * signs.read
        + weights.retold * signs.retold
        - weights.parsed * math.log(signs.parsed or UNPARSED)
        - weights.near * math.log(signs.near or FAR)
    )


def likelier_to_decline(signs: Sequence[Signs], read_declined: float) -> float:
    """How much likelier it is to decline than the likeliest reading (nats); bounded, so that no sign alone decides."""
    return max(-_MOST_NATS, min(_MOST_NATS, read_declined - max(each.read for each in signs)))


def signs_of(
    readings: Sequence[Reading], candidates: Sequence[Candidate], drafts: Sequence[Draft], read: Sequence[float], retold: Sequence[float]
) -> list[Signs]:
    """What speaks for each reading, from its two log-likelihoods and where it is found."""
    drawn = [_reading(candidate.text) for candidate in candidates]
    places: dict[tuple[Reading | None, str], int] = {}
    for draft in drafts:
        places.setdefault((_reading(draft.text), draft.kind), draft.place)
    return [
        Signs(
            samples=drawn.count(reading),
            parsed=places.get((reading, "parsed")),
            near=places.get((reading, "near")),
            read=of_reading,
            retold=of_goal,
        )
        for reading, of_reading, of_goal in zip(readings, read, retold, strict=True)
    ]


def voted(
    readings: Sequence[Reading], shared: Sequence[float], none: float, candidates: Sequence[Candidate], drafts: Sequence[Draft]
) -> tuple[Candidate, ...]:
    """The drawn answers and, behind them, the drafts that say something else, the likeliest first; VOTES in all.

    Drawn answers of one reading share its votes; what declines has the votes for none of the readings, and what is no spec has none.
    """
    *votes, declining = _whole([*shared, none])
    drawn = [_reading(candidate.text) for candidate in candidates]
    left = dict(zip(readings, votes, strict=True))
    answers = []
    for place, (reading, candidate) in enumerate(zip(drawn, candidates, strict=True)):
        count = 0 if reading is None else math.ceil(left[reading] / drawn[place:].count(reading))
        if reading is not None:
            left[reading] -= count
        answers.append(replace(candidate, votes=count))
    share = dict(zip(readings, shared, strict=True))
    others = sorted((reading for reading in readings if reading not in drawn), key=lambda reading: -share[reading])
    first = {_reading(draft.text): draft for draft in reversed(drafts)}
    answers += [Candidate(text=first[reading].text, votes=left[reading]) for reading in others]
    return (*answers, Candidate(text=DECLINED, votes=declining)) if declining else tuple(answers)


def _whole(parts: Sequence[float]) -> list[int]:
    """VOTES shared out in whole votes, by the largest remainders."""
    exact = [VOTES * part for part in parts]
    whole = [int(each) for each in exact]
    for place in sorted(range(len(exact)), key=lambda place: whole[place] - exact[place])[: VOTES - sum(whole)]:
        whole[place] += 1
    return whole


def _reading(answer: str) -> Reading | None:
    """Steps and argument type of an answer; None for what declines, or is no spec."""
    try:
        return reading_of(json.loads(answer))
    except (ValueError, TypeError, KeyError):
        return None


def reading_of(spec: Mapping[str, Any]) -> Reading | None:  # Any: JSON values
    """Steps and argument type of a spec; None where it says neither.

    Raises:
        KeyError: it has no `summary` or `signature`.
    """
    takes = str(spec["signature"]).partition(": ")[2].partition(") -> ")[0]
    return (str(spec["summary"]), takes) if spec["summary"] and takes else None
