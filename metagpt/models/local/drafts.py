"""Answers drafted by rules beside the ones a model samples: what its folder's phrase table makes of a goal.

A small model misses some readings of a goal that rules find, in the wordings of the table or in goals that are like this one,
and rules cannot tell which of theirs is meant. So two models weigh them (`metagpt.models.local.weighing`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from metagpt.errors import ModelUnavailableError
from metagpt.models.interface import ModelRequest
from metagpt.models.local.programs import Programs

if TYPE_CHECKING:
    from metagpt.models.local.neighbours import Neighbours
    from metagpt.models.local.phrases import Chain, Phrase, Phrases
    from metagpt.models.local.variations import Variations
    from metagpt.models.local.weighing import Reading

__all__ = ["DECLINED", "PHRASES_FILE", "Draft", "Drafts"]

PHRASES_FILE = "phrases.json"
"""Of a model folder: `steps`, `nouns` and `arguments`; see `Phrases`. `goals`, if there, see `Neighbours`: each with the numbers and
slots of its steps."""
NUM_PARSED = 24
NUM_NEIGHBOURS = 16
NUM_VARIED = 60
"""Of 120 validation goals and 120 of held-out wordings, more found no right one."""
DECLINED = '{"in_scope": false, "summary": "", "signature": "", "examples": []}'
"""How the model says that a goal is out of its scope."""

_NAMED = re.compile(r"\bdef\s+([A-Za-z_]\w*)|\b(?:called|named|name it|call it|function)\s+[`'\"]?([A-Za-z_]\w*_\w+)|\b([a-z]\w*_\w+)\s*\(")


Kind: TypeAlias = Literal["parsed", "near", "composed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer that no model drew."""

    text: str
    kind: Kind
    """A goal parsed by the wordings of the table, or read as one that is near; a program composed of the code of its steps."""
    place: int
    """Among those of its kind, the first being 1."""


@dataclass(frozen=True)
class Drafts:
    """The drafts for some calls of a model folder."""

    folder: Path
    keys: Mapping[str, str]
    """From the call to the key of its context that is parsed: a goal, or beside a signature the steps of a spec."""

    def of(self, request: ModelRequest) -> tuple[Draft, ...]:
        """The drafts of an answer, those of each kind from the best on; none for a call that has none.

        Raises:
            ModelUnavailableError: the folder lacks the table, or it cannot be read.
        """
        key = self.keys.get(request.call)
        if key is None:
            return ()
        if "signature" in request.context:
            program = self._programs.draft(str(request.context[key]), str(request.context["signature"]))
            return () if program is None else (Draft(text=program, kind="composed", place=1),)
        goal = str(request.context[key])
        kinds: dict[Kind, list[Chain]] = {
            "parsed": self._phrases.parse(goal, NUM_PARSED),
            "near": self._neighbours.of(goal, NUM_NEIGHBOURS) if self._neighbours else [],
        }
        return tuple(
            Draft(text=self._spec(chain, goal), kind=kind, place=place)
            for kind, chains in kinds.items()
            for place, chain in enumerate(chains, 1)
        )

    def varied(self, goal: str, readings: Sequence[Reading], examples: Sequence[Sequence[Any]]) -> list[dict[str, str]]:  # Any: JSON
        """Summary, signature and code of readings one step away from these; see `Variations.of`.

        Raises:
            ModelUnavailableError: the folder lacks the table, or it cannot be read.
        """
        chains = self._variations.of(goal, readings, examples, NUM_VARIED)
        specs = [(chain.summary, self._signature(chain, goal)) for chain in chains]
        return [
            {"summary": summary, "signature": signature, "code": code}
            for summary, signature in specs
            if (code := self._programs.draft(summary, signature))
        ]

    def _spec(self, chain: Chain, goal: str) -> str:
        spec = {"in_scope": True, "summary": chain.summary, "signature": self._signature(chain, goal), "examples": []}
        return json.dumps(spec, ensure_ascii=False)

    def _signature(self, chain: Chain, goal: str) -> str:
        named = _NAMED.search(goal)
        name = next(filter(None, named.groups())) if named else chain.phrases[-1].name
        takes = chain.phrases[0].takes
        return f"{name}({self._table['arguments'][takes]}: {takes}) -> {chain.phrases[-1].gives}"

    @cached_property
    def _table(self) -> dict[str, Any]:
        file = self.folder / PHRASES_FILE
        try:
            table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelUnavailableError(
                f"{file}: {error}; expected the table that the card speaks of. Get the files of the model anew."
            ) from error
        return table

    @cached_property
    def _steps(self) -> list[Phrase]:
        from metagpt.models.local.phrases import Phrase  # loads numpy

        tuples = ("wordings", "imports")
        return [Phrase(**{**step, **{name: tuple(step.get(name, ())) for name in tuples}}) for step in self._table["steps"]]

    @cached_property
    def _programs(self) -> Programs:
        return Programs(self._steps)

    @cached_property
    def _phrases(self) -> Phrases:
        from metagpt.models.local.phrases import Phrases

        return Phrases(self._steps, self._table["nouns"])

    @cached_property
    def _variations(self) -> Variations:
        from metagpt.models.local.variations import Variations

        return Variations(self._phrases, self._programs)

    @cached_property
    def _neighbours(self) -> Neighbours | None:
        from metagpt.models.local.neighbours import Neighbours, ReadGoal

        goals = [
            ReadGoal(goal=goal, phrases=tuple(self._steps[number] for number, _ in steps), values=tuple(values for _, values in steps))
            for goal, steps in self._table.get("goals", ())
        ]
        return Neighbours(goals) if goals else None
