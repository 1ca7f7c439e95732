"""The product manager: from a goal in anybody's words to requirements."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from metagpt import Goal, Role, on, template
from metagpt.roles.software.annotations import UnfitError, as_argument, as_result
from metagpt.roles.software.judging import is_telling
from metagpt.roles.software.messages import Declined, Example, Reading, Requirements, Specification
from metagpt.roles.software.signatures import Signature, read_signature
from metagpt.roles.software.stated_examples import stated_examples

__all__ = ["ProductManager"]

MOST_READINGS = 8
"""More than that many different readings of one goal say that it is not understood; the rest is not worth writing."""

MOST_WITH_EXAMPLES = 12
"""Readings that are tried where the goal states examples; the likeliest of those without a vote fill them up.

On the validation goals the right reading was among the eight likeliest wherever it was there at all; one that is far behind and fits
an example does so by chance.
"""

OUT_OF_SCOPE_SHARE = 0.5
"""From this share of the votes on, the goal is declined."""

OUT_OF_SCOPE_SHARE_WITH_EXAMPLES = 0.8
"""The same where the goal states examples that say more than True or False: no wrong program gets by them easily.

Of 120 validation goals with an example 9 were declined by 0.55 to 0.62, and one by more; of 90 outside the scope none has an example.
"""

EXAMPLE_SHARE = 0.5
"""An example counts as the goal's own if it stands in the goal and this share of the readings copied it."""

WAYS_OUT = [
    "use a general model behind a key or a server: set OPENAI_API_KEY, or pass --model openai:NAME@http://HOST:PORT/v1",
    "use a general model from the hub in this process: pass --model local:PATH_OR_HUB_ID, for example local:Qwen/Qwen3-4B",
]

STATE_AN_EXAMPLE = "if it is a short function, state an example in the goal, such as: for 'banana' that is 3; readings are chosen by it"
"""A third way for a goal without examples, with a model that is not believed by itself."""


class ProductManager(Role):
    """You are a product manager who turns a goal into requirements that an engineer can build from and an evaluator can test."""

    @on(Goal)
    async def specify(self, goal: Goal) -> Requirements | Declined:
        """Read the goal, in as many ways as the model sees."""
        prompt = template("product_manager/specify")
        answers = await self.ask_many(Specification, prompt, name="specify", goal=goal.text)
        drawn = answers.drawn
        if drawn == 1 and answers[0].in_scope and not _is_usable(answers[0]):
            answers[0] = await self.ask(UsableSpecification, prompt, name="specify", goal=goal.text)  # refused with the reason
        outside = sum(count for answer, count in zip(answers, answers.votes, strict=True) if not answer.in_scope)
        readings = merge_readings(answers, answers.votes)
        voted = [answer for answer, count in zip(answers, answers.votes, strict=True) if count]
        given = given_examples(voted, goal.text, _signatures(readings))
        share = OUT_OF_SCOPE_SHARE_WITH_EXAMPLES if is_telling(given) and drawn > 1 else OUT_OF_SCOPE_SHARE
        if outside / drawn >= share or not readings:
            return Declined(reason=_reason(outside, drawn), ways_out=[*WAYS_OUT, *([STATE_AN_EXAMPLE] if drawn > 1 and not given else [])])
        return Requirements(goal=goal.text, readings=_worth_writing(readings, given), given=given, drawn=drawn)


def _worth_writing(readings: Sequence[Reading], given: Sequence[Example]) -> list[Reading]:
    """The readings to write programs for: of the types of the examples; drafts without a vote only where these can choose among them."""
    readings = [reading for reading in readings if _is_of_types(reading, given)] or readings
    voted = [reading for reading in readings if reading.votes][:MOST_READINGS]
    drafts = [reading for reading in readings if not reading.votes] if given or not voted else []
    return [*voted, *drafts][:MOST_WITH_EXAMPLES]


def _is_of_types(reading: Reading, examples: Sequence[Example]) -> bool:
    """Whether a function of one argument can take the examples' arguments and give their results."""
    signature = read_signature(reading.specification.signature)
    if signature is None or len(signature.parameters) != 1:
        return True
    try:
        for argument, result in examples:
            as_argument(argument, signature.parameters[0][1])
            as_result(result, signature.returns)
    except UnfitError:
        return False
    return True


def _reason(outside: int, drawn: int) -> str:
    if drawn == 1:
        return "The model says that the goal does not ask for a program that can be written in Python with the standard library."
    return (
        f"The goal is outside what this small model can write, or it does not understand it: {outside} of its {drawn} readings say so."
        " It writes short Python functions over numbers, texts, lists and dictionaries."
    )


def _is_usable(answer: Specification) -> bool:
    return not answer.signature or read_signature(answer.signature) is not None


def _usable(answer: Specification) -> Specification:
    if not _is_usable(answer):
        raise ValueError(
            f"signature: found {answer.signature!r}; expected one to call by position, as `count_vowels(text: str) -> int`, or an empty one"
        )
    return answer


UsableSpecification = Annotated[Specification, AfterValidator(_usable)]
"""A specification whose signature can be worked with."""


def merge_readings(answers: Sequence[Specification], votes: Sequence[int] = ()) -> list[Reading]:
    """The different readings among the answers, those of most votes first; those without a usable signature are dropped."""
    counted: Counter[tuple[str, ...]] = Counter()
    first: dict[tuple[str, ...], Specification] = {}
    for answer, count in zip(answers, votes or [1] * len(answers), strict=True):
        if not answer.in_scope or not _is_usable(answer):
            continue
        signature = read_signature(answer.signature)
        key = (answer.summary, *(signature.shape if signature else ()))
        counted[key] += count
        first.setdefault(key, answer)
    return [Reading(specification=first[key], votes=count) for key, count in counted.most_common()]


def _signatures(readings: Sequence[Reading]) -> list[Signature]:
    """The different ones, the likeliest first; none where the likeliest reading is an application."""
    found = [read_signature(reading.specification.signature) for reading in readings]
    return list({signature.shape: signature for signature in reversed(found) if signature}.values())[::-1] if found and found[0] else []


def given_examples(answers: Sequence[Specification], goal: str, signatures: Sequence[Signature] = ()) -> list[Example]:
    """The examples of the goal: those that rules find in it; where they find none, those that enough of the answers copied."""
    return stated_examples(goal, signatures) or _copied_examples(answers, goal)


def _copied_examples(answers: Sequence[Specification], goal: str) -> list[Example]:
    copied = Counter(text for answer in answers if answer.in_scope for text in {json.dumps(example) for example in answer.examples})
    enough = EXAMPLE_SHARE * sum(answer.in_scope for answer in answers)
    examples: list[Example] = [tuple(json.loads(text)) for text, count in copied.most_common() if count >= enough]
    by_argument = {json.dumps(example[0]): example for example in reversed(examples) if stands_in(goal, example)}
    return list(reversed(by_argument.values()))


def stands_in(goal: str, example: Example) -> bool:
    """Whether argument and result can be read off the goal, each in its own place: copied, not made up."""
    text = _words(goal)
    places = [[range(start, start + len(words)) for start in _starts(words, text)] for words in map(_words, example)]
    apart = any(one.stop <= other.start or other.stop <= one.start for one in places[0] for other in places[1])
    return apart and all(part in goal for part in _texts(example))


def _words(value: Any) -> list[str]:
    """Words and numbers of a text, or of a JSON value in their order."""
    if isinstance(value, dict):
        return [word for pair in value.items() for part in pair for word in _words(part)]
    if isinstance(value, list | tuple):
        return [word for item in value for word in _words(item)]
    return re.findall(r"\w+", str(value).lower())


def _starts(words: Sequence[str], text: Sequence[str]) -> list[int]:
    """Where the words run in the text; nowhere if there are none."""
    return [start for start in range(len(text) - len(words) + 1) if words and list(text[start : start + len(words)]) == list(words)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
