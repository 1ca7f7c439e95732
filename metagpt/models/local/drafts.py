"""Answers drafted by rules beside the ones a model samples: what its folder's phrase table makes of a goal.

A small model misses some readings of a goal that rules find, and the other way round. Drafts join the model's candidates:
the first few with a vote of their own, the others without, so that they count only where examples rule out the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import ModelUnavailableError
from metagpt.models.interface import Candidate

if TYPE_CHECKING:
    from metagpt.models.local.phrases import Chain, Phrases

__all__ = ["PHRASES_FILE", "Drafts"]

PHRASES_FILE = "phrases.json"
"""Of a model folder: `steps`, `nouns` and `arguments`; see `Phrases`."""
NUM_DRAFTS = 24
VOTES = (2, 1)
"""Of the first drafts, where a sample of the model has one; set on the validation goals."""

_NAMED = re.compile(r"\bdef\s+([A-Za-z_]\w*)|\b(?:called|named|name it|call it|function)\s+[`'\"]?([A-Za-z_]\w*_\w+)|\b([a-z]\w*_\w+)\s*\(")


@dataclass(frozen=True)
class Drafts:
    """The drafts for some calls of a model folder."""

    folder: Path
    keys: Mapping[str, str]
    """From the call to the key of its context that is parsed."""

    def of(self, call: str, context: Mapping[str, Any]) -> tuple[Candidate, ...]:  # Any: JSON values
        """The drafts of an answer, the best first; none for a call that has none.

        Raises:
            ModelUnavailableError: the folder lacks the table, or it cannot be read.
        """
        key = self.keys.get(call)
        if key is None:
            return ()
        goal = str(context[key])
        chains = self._phrases.parse(goal, NUM_DRAFTS)
        votes = (*VOTES, *(0 for _ in chains))
        return tuple(Candidate(text=self._spec(chain, goal), votes=vote) for chain, vote in zip(chains, votes, strict=False))

    def _spec(self, chain: Chain, goal: str) -> str:
        named = _NAMED.search(goal)
        name = next(filter(None, named.groups())) if named else chain.phrases[-1].name
        takes = chain.phrases[0].takes
        signature = f"{name}({self._table['arguments'][takes]}: {takes}) -> {chain.phrases[-1].gives}"
        return json.dumps({"in_scope": True, "summary": chain.summary, "signature": signature, "examples": []}, ensure_ascii=False)

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
    def _phrases(self) -> Phrases:
        from metagpt.models.local.phrases import Phrase, Phrases  # loads numpy

        steps = [{**step, "wordings": tuple(step["wordings"])} for step in self._table["steps"]]
        return Phrases([Phrase(**step) for step in steps], self._table["nouns"])
