"""The product manager: from a goal in anybody's words to requirements."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from metagpt import Goal, Role, on, template
from metagpt.roles.software.messages import Declined, Example, Reading, Requirements, Specification
from metagpt.roles.software.signatures import read_signature

__all__ = ["ProductManager"]

MOST_READINGS = 8
"""More than that many different readings of one goal say that it is not understood; the rest is not worth writing."""

OUT_OF_SCOPE_SHARE = 0.5
"""From this share of the candidates on, the goal is declined."""

WAYS_OUT = [
    "use a general model: set OPENAI_API_KEY, or pass --model openai:NAME@http://HOST/v1 for a server of your own",
    "use a general model in this process: pass --model local:PATH_OR_HUB_ID",
]


class ProductManager(Role):
    """You are a product manager who turns a goal into requirements that an engineer can build from and an evaluator can test."""

    @on(Goal)
    async def specify(self, goal: Goal) -> Requirements | Declined:
        """Read the goal, in as many ways as the model sees."""
        answers = await self.ask_many(Specification, template("product_manager/specify"), name="specify", goal=goal.text)
        outside = sum(not answer.in_scope for answer in answers)
        readings = merge_readings([answer for answer in answers if answer.in_scope], goal.text)
        if not readings or outside / len(answers) >= OUT_OF_SCOPE_SHARE:
            return Declined(
                reason=f"the goal is outside what this model writes: {outside} of {len(answers)} readings say so", ways_out=WAYS_OUT
            )
        return Requirements(goal=goal.text, readings=readings[:MOST_READINGS], drawn=len(answers))


def merge_readings(answers: Sequence[Specification], goal: str) -> list[Reading]:
    """The different readings among the answers, the most frequent first; those without a usable signature are dropped."""
    votes: Counter[tuple[str, ...]] = Counter()
    first: dict[tuple[str, ...], Specification] = {}
    examples: Counter[str] = Counter()
    for answer in answers:
        signature = read_signature(answer.signature)
        if answer.signature and signature is None:
            continue
        key = (answer.summary, *(signature.shape if signature else ()))
        votes[key] += 1
        first.setdefault(key, answer)
        for example in answer.examples:
            if stands_in(goal, example):
                examples[json.dumps(example)] += 1
    given = [tuple(json.loads(text)) for text, count in examples.items() if 2 * count >= sum(votes.values())]
    return [Reading(specification=first[key], votes=count, given=given) for key, count in votes.most_common()]


def stands_in(goal: str, example: Example) -> bool:
    """Whether every word and number of an example can be found in the goal: it was copied, not made up."""
    words = re.findall(r"\w+", json.dumps(example, ensure_ascii=False).replace("\\n", " "))
    text = goal.lower()
    return all(word.lower() in text or word in {"true", "false", "null"} for word in words)
