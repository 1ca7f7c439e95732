"""From the runs of a journal to data for each call: examples, preference pairs and rewards."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.hub.data import Example, TextData, drop_leaks
from metagpt.journal.trajectories import Trajectory
from metagpt.lab.from_runs.answers import as_json, trained_form
from metagpt.lab.from_runs.credit import Attempt, Outcome, credit
from metagpt.lab.from_runs.prompts import CompactPrompts
from metagpt.lab.from_runs.seen import function_of, tests_for

__all__ = ["HELD_OUT", "TRAIN", "CallData", "call_of", "gather", "is_held_out"]

TRAIN, HELD_OUT = "train", "held_out"
_HELD_OUT_ONE_IN = 5
_ENDINGS = (".pairs", ".rewards", ".agreed")

Parts = Mapping[str, TextData]


def is_held_out(goal: str) -> bool:
    """Whether runs of the goal are kept from training: one goal in five, the same ones for ever."""
    return hashlib.blake2b(goal.strip().encode(), digest_size=4).digest()[0] % _HELD_OUT_ONE_IN == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallData:
    """What the runs teach of one call, in the parts `train` and `held_out`."""

    call: str
    examples: Parts
    """Prompt and passed answer, the field `answer`."""
    pairs: Parts
    """Prompt, the answer that was sent back (`rejected`) and the one that passed in the end (`chosen`)."""
    rewards: Parts
    """Prompt and an answer with what it earned: 1 if it passed, 0 if it was sent back."""
    agreed: Parts
    """Prompt and, as the field `answer`, what most votes were for, though not all: of calls that came to nothing."""
    runs: tuple[str, ...]
    """Ids of the runs that it comes from."""

    @property
    def sets(self) -> dict[str, Parts]:
        """The sets that are not empty, by the ending of their names."""
        named = {"": self.examples, **dict(zip(_ENDINGS, (self.pairs, self.rewards, self.agreed), strict=True))}
        return {ending: parts for ending, parts in named.items() if parts}


def call_of(name: str) -> str:
    """The call that a set from runs tells of."""
    return next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)


def gather(trajectories: Iterable[Trajectory], prompts: CompactPrompts, *, role: str | None = None) -> dict[str, CallData]:
    """What the runs teach, by call.

    Args:
        trajectories: The runs.
        prompts: How the model that will be trained is asked.
        role: Only its calls; those of all roles if left out.
    """
    told: dict[str, list[_Told]] = defaultdict(list)
    for trajectory in trajectories:
        for attempt in credit(trajectory):
            name = attempt.call.call.partition("#")[0]
            if role in (None, attempt.call.role) and (not prompts.card.calls or name in prompts.card.calls):
                told[name].append(_tell(trajectory, attempt, name, prompts))
    found = {name: _data(name, attempts) for name, attempts in sorted(told.items())}
    return {name: data for name, data in found.items() if data.sets}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An attempt with its prompt and what every row of it says."""

    attempt: Attempt
    prompt: str
    fields: Mapping[str, Any]  # Any: JSON values

    @property
    def part(self) -> str:
        return HELD_OUT if is_held_out(self.attempt.goal) else TRAIN


def _tell(trajectory: Trajectory, attempt: Attempt, name: str, prompts: CompactPrompts) -> _Told:
    context = prompts.facts(name, attempt.call.context)
    fields: dict[str, Any] = {"call": name, "context": as_json(context), "run": attempt.run_id}
    function, tests = function_of(context), tests_for(trajectory, attempt)
    if function and tests:
        fields |= {"function": function, "tests": as_json(tests)}
    if attempt.call.schema is not None:
        fields["schema"] = as_json(attempt.call.schema)
    return _Told(attempt=attempt, prompt=prompts(name, attempt.call.context), fields=fields)


def _data(name: str, told: Sequence[_Told]) -> CallData:
    def answered(each: _Told, outcome: Outcome) -> Example | None:
        if each.attempt.outcome != outcome:
            return None
        return Example(text=each.prompt, fields={**each.fields, "answer": trained_form(each.attempt.answer)})

    def pair(each: _Told) -> Example | None:
        rejected, chosen = trained_form(each.attempt.answer), trained_form(each.attempt.mended or "")
        if not chosen or chosen == rejected:
            return None
        return Example(text=each.prompt, fields={**each.fields, "chosen": chosen, "rejected": rejected})

    def reward(each: _Told) -> Example | None:
        if each.attempt.outcome in ("agreed", "open"):
            return None
        earned = 1.0 if each.attempt.outcome == "passed" else 0.0
        return Example(text=each.prompt, label=earned, fields={**each.fields, "answer": trained_form(each.attempt.answer)})

    runs = {each.attempt.run_id: None for each in told if each.attempt.outcome != "open"}
    return CallData(
        call=name,
        examples=_parts(told, lambda each: answered(each, "passed")),
        pairs=_parts(told, pair),
        rewards=_parts(told, reward),
        agreed=_parts(told, lambda each: answered(each, "agreed")),
        runs=tuple(runs),
    )


def _parts(told: Sequence[_Told], row: Callable[[_Told], Example | None]) -> Parts:
    """The rows, each once; what is asked in the held-out part is not asked in training."""
    rows: dict[str, dict[str, Example]] = {TRAIN: {}, HELD_OUT: {}}
    for each in told:
        found = row(each)
        if found is not None:
            said = {key: value for key, value in found.fields.items() if key in ("chosen", "rejected", "answer")}
            rows[each.part].setdefault(as_json([found.text, found.label, said]), found)
    parts, _ = drop_leaks({part: TextData(found.values(), name=part) for part, found in rows.items()})
    return {part: data for part, data in parts.items() if len(data)}
