"""What became of each answer: the verdict of a run, credited to the answers that its output was made of.

A run of several readings, samples and repairs holds many answers, and most had no part in its end. An answer *passed* if the
run succeeded and its content stands in the output, or in what a passed answer was made from. An answer that its own role was
given back, to work on again, was *sent back*. All others are *open*: nobody knows whether they were right. Of a call whose answers
are all open, the one with three votes in four is *agreed* on, if there was another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from metagpt.journal.trajectories import RecordedCall, Trajectory
from metagpt.lab.from_runs.answers import as_json, nodes, pieces, read_json

__all__ = ["Attempt", "Outcome", "credit"]

_LONG = 20
"""Characters of an answer that a text does not hold by chance."""
_AGREED = 0.75
"""Of the votes of a call; what a model says alike every time, it need not learn."""

Outcome: TypeAlias = Literal["passed", "sent_back", "agreed", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One answer to one call."""

    run_id: str
    goal: str
    call: RecordedCall
    answer: str
    outcome: Outcome
    mended: str | None = None
    """Of one that was sent back in a run that passed: the answer that took its place in the end."""


def credit(trajectory: Trajectory) -> list[Attempt]:
    """The run's attempts, in the order of their calls."""
    return_of = {place: _sent_back_by(trajectory, *place) for place in _places(trajectory)}
    sent_back = {place for place, by in return_of.items() if by is not None}
    passed = _passed(trajectory, sent_back)
    outcomes: dict[_Place, Outcome] = {**dict.fromkeys(passed, "passed"), **dict.fromkeys(sent_back, "sent_back")}
    known = {number for number, _ in outcomes}
    for number, call in enumerate(trajectory.calls):
        agreed = None if number in known else _agreed(call)
        if agreed is not None:
            outcomes[number, agreed] = "agreed"
    attempts = []
    for place, returned in return_of.items():
        call, answer = trajectory.calls[place[0]], trajectory.calls[place[0]].answers[place[1]]
        outcome = outcomes.get(place, "open")
        mended = None if returned is None else _mended(trajectory, returned, return_of, passed)
        attempts.append(Attempt(run_id=trajectory.run_id, goal=trajectory.goal, call=call, answer=answer, outcome=outcome, mended=mended))
    return attempts


_Place: TypeAlias = tuple[int, int]
"""Number of the call, and of the candidate in it."""


def _places(trajectory: Trajectory) -> Iterator[_Place]:
    """Every different answer of every call."""
    for number, call in enumerate(trajectory.calls):
        seen = set()
        for candidate, answer in enumerate(call.answers):
            if answer not in seen:
                seen.add(answer)
                yield number, candidate


def _agreed(call: RecordedCall) -> int | None:
    """The answer that most votes are for, though not all of them."""
    votes: Counter[str] = Counter()
    for answer, count in zip(call.answers, call.votes, strict=True):
        votes[answer] += count
    answer, count = votes.most_common(1)[0]
    return call.answers.index(answer) if len(votes) > 1 and count >= _AGREED * votes.total() > 0 else None


def _sent_back_by(trajectory: Trajectory, number: int, candidate: int) -> int | None:
    """The later call of the same role that was given the answer to work on."""
    call = trajectory.calls[number]
    if read_json(call.answers[candidate]) is not None:
        return None
    parts = pieces(call.answers[candidate])
    for later in range(number + 1, len(trajectory.calls)):
        other = trajectory.calls[later]
        if other.role == call.role and any(_holds(text, part) for text in nodes(dict(other.context)) for part in parts):
            return later
    return None


def _holds(text: str, part: str) -> bool:
    """Whether the text is the answer, or quotes it; a short answer stands in many texts by chance."""
    return text == part or (len(part) >= _LONG and part in text)


def _passed(trajectory: Trajectory, sent_back: set[_Place]) -> set[_Place]:
    """The answers that the output was made of, found from the last call to the first."""
    if not trajectory.success or trajectory.output is None:
        return set()
    reached = set(nodes(trajectory.output["body"]))
    found = set()
    for number in reversed(range(len(trajectory.calls))):
        call = trajectory.calls[number]
        used = next(
            (place for place in _candidates(call, number) if place not in sent_back and _stands_in(call.answers[place[1]], reached)), None
        )
        if used is not None:
            found.add(used)
            reached.update(nodes(dict(call.context)))
    return found


def _candidates(call: RecordedCall, number: int) -> list[_Place]:
    return [(number, candidate) for candidate in range(len(call.answers))]


def _stands_in(answer: str, reached: set[str]) -> bool:
    value = read_json(answer)
    if value is None:
        return any(part in reached for part in pieces(answer))
    texts = [text for text in nodes(value) if text and not text.startswith("{")]
    return as_json(value) in reached or (bool(texts) and all(text in reached for text in texts))


def _mended(trajectory: Trajectory, returned: int, return_of: dict[_Place, int | None], passed: set[_Place]) -> str | None:
    """The passed answer at the end of the chain of returns, if it comes to one."""
    while True:
        places = _candidates(trajectory.calls[returned], returned)
        right = next((place for place in places if place in passed), None)
        if right is not None:
            return trajectory.calls[right[0]].answers[right[1]]
        again = next((by for place in places if (by := return_of.get(place)) is not None), None)
        if again is None:
            return None
        returned = again
