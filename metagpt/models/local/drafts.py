"""Answers drafted by rules beside the ones a model samples: what its folder's phrase table makes of a goal.

A small model misses some readings of a goal that rules find, in the wordings of the table or in goals that are like this one,
and rules cannot tell which of theirs is meant. So the model weighs the drafts: their votes are shared out by the likelihood that
it gives to each, and by their place among them. A draft without a vote counts only where evidence, such as an example in the
goal, rules out the rest.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import ModelUnavailableError
from metagpt.models.interface import Candidate, ModelRequest

if TYPE_CHECKING:
    from metagpt.models.local.job import Draw
    from metagpt.models.local.neighbours import Neighbours
    from metagpt.models.local.phrases import Chain, Phrase, Phrases
    from metagpt.models.local.weights import Weights

__all__ = ["DECLINED", "PHRASES_FILE", "Drafts", "shared_votes"]

PHRASES_FILE = "phrases.json"
"""Of a model folder: `steps`, `nouns` and `arguments`; see `Phrases`. `goals`, if there, see `Neighbours`: each with the numbers and
slots of its steps."""
NUM_PARSED = 24
NUM_NEIGHBOURS = 16
VOTES = 2
"""Votes of all drafts of a kind together, where those of all samples are 1; set on the validation goals, like PLACE."""
PLACE = 0.3
"""Exponent of a draft's place among the drafts: the likelihood is divided by place ** PLACE."""
DECLINED = '{"in_scope": false, "summary": "", "signature": "", "examples": []}'
"""How the model says that a goal is out of its scope."""

_NAMED = re.compile(r"\bdef\s+([A-Za-z_]\w*)|\b(?:called|named|name it|call it|function)\s+[`'\"]?([A-Za-z_]\w*_\w+)|\b([a-z]\w*_\w+)\s*\(")


@dataclass(frozen=True)
class Drafts:
    """The drafts for some calls of a model folder."""

    folder: Path
    keys: Mapping[str, str]
    """From the call to the key of its context that is parsed."""

    def weighed(self, request: ModelRequest, draw: Draw, weights: Weights) -> tuple[Candidate, ...]:
        """The drafts of an answer, the best first, with their votes; none for a call that has none.

        Raises:
            ModelUnavailableError: the folder lacks the table, or it cannot be read.
        """
        key = self.keys.get(request.call)
        if key is None:
            return ()
        goal = str(request.context[key])
        kinds = [self._phrases.parse(goal, NUM_PARSED), self._neighbours.of(goal, NUM_NEIGHBOURS) if self._neighbours else []]
        texts = [self._spec(chain, goal) for chains in kinds for chain in chains]
        answers = [weights.tokenizer(part, add_special_tokens=False)["input_ids"] for part in (*map(_scored, texts), DECLINED)]
        *likelihoods, declined = weights.log_likelihoods([(draw.prompt, answer) for answer in answers])
        votes: list[int] = []
        for chains in kinds:
            of_kind = likelihoods[len(votes) : len(votes) + len(chains)]
            votes += shared_votes([*of_kind, declined], VOTES * draw.num_candidates)
        return tuple(Candidate(text=text, votes=count) for text, count in zip(texts, votes, strict=True))

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
    def _steps(self) -> list[Phrase]:
        from metagpt.models.local.phrases import Phrase  # loads numpy

        return [Phrase(**{**step, "wordings": tuple(step["wordings"])}) for step in self._table["steps"]]

    @cached_property
    def _phrases(self) -> Phrases:
        from metagpt.models.local.phrases import Phrases

        return Phrases(self._steps, self._table["nouns"])

    @cached_property
    def _neighbours(self) -> Neighbours | None:
        from metagpt.models.local.neighbours import Neighbours, ReadGoal

        goals = [
            ReadGoal(goal=goal, phrases=tuple(self._steps[number] for number, _ in steps), values=tuple(values for _, values in steps))
            for goal, steps in self._table.get("goals", ())
        ]
        return Neighbours(goals) if goals else None


def _scored(text: str) -> str:
    """Of a draft what the model weighs: its steps, not how the function is called."""
    mark = '", "signature": "'
    return text.partition(mark)[0] + mark


def shared_votes(likelihoods: Sequence[float], votes: int) -> list[int]:
    """Whole votes for each draft.

    Args:
        likelihoods: Log-likelihoods (nats) of the drafts in their order, and last of declining the goal, whose share nobody gets.
        votes: How many there are to share.
    """
    *drafts, declined = likelihoods
    placed = [likelihood - PLACE * math.log(place) for place, likelihood in enumerate(drafts, 1)]
    highest = max((*placed, declined))
    shares = [math.exp(each - highest) for each in placed]
    total = sum(shares) + math.exp(declined - highest)
    return [round(votes * share / total) for share in shares]
