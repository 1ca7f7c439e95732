"""The examples that stand in a goal, found by rules: `'hello' gives 2`, `f([3, 1]) == [1, 3]`, `for 7 the answer is True`.

A wrong example rules out right programs, so a pair of values counts only where the words between them, before and behind
them say that it is one, and where both are of the signature's types. What no rule knows is not found.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from metagpt.roles.software.annotations import UnfitError, as_argument, as_result, says
from metagpt.roles.software.example_pairs import Pair, find_pairs
from metagpt.roles.software.goal_tokens import read_tokens
from metagpt.roles.software.literals import Literal
from metagpt.roles.software.messages import Example
from metagpt.roles.software.signatures import Signature
from metagpt.roles.software.unquoted_texts import unquoted_texts

__all__ = ["stated_examples"]

MOST_EXAMPLES = 20

MOST_CHARS = 20_000
"""What of a goal is read; examples stand among its first words."""


def stated_examples(goal: str, signatures: Sequence[Signature]) -> list[Example]:
    """The examples of the goal, in its order; of several possible signatures the first that fits any counts.

    Texts without quotes are looked for only if nothing else is found. Results that contradict each other are left out.
    """
    for is_lenient in (False, True):
        for signature in signatures:
            examples = _consistent(list(_examples(goal[:MOST_CHARS], signature, is_lenient)))
            if examples:
                return examples[:MOST_EXAMPLES]
    return []


def _key(value: Any) -> str:  # Any: a JSON value
    return json.dumps(value, sort_keys=True)


def _examples(goal: str, signature: Signature, is_lenient: bool) -> Iterator[Example]:
    has_text = says(signature.returns, "str") or any(says(annotation, "str") for _, annotation in signature.parameters)
    if is_lenient and not has_text:
        return
    tokens = read_tokens(goal, booleans=says(signature.returns, "bool"), unquoted=unquoted_texts(goal) if is_lenient else None)
    pairs = find_pairs(tokens, [name for name, _ in signature.parameters])
    for pair in _of_the_function(pairs, signature.name):
        try:
            yield _typed(pair, signature, is_lenient)
        except UnfitError:
            continue


def _of_the_function(pairs: Sequence[Pair], name: str) -> list[Pair]:
    """Without calls of functions that others are: not the one wanted, where that is called too, and none of Python's own."""
    called = {pair.function for pair in pairs if pair.function}
    wanted = {name} if name in called else {each for each in called if not hasattr(builtins, each)}
    return [pair for pair in pairs if not pair.function or (pair.function in wanted and len(wanted) == 1)]


def _typed(pair: Pair, signature: Signature, is_lenient: bool) -> Example:
    if not signature.required <= len(pair.arguments) <= len(signature.parameters):
        raise UnfitError
    arguments = _ordered(pair, [name for name, _ in signature.parameters])
    annotations = [annotation for _, annotation in signature.parameters]
    values = [_value(each, annotation, as_argument, is_lenient) for each, annotation in zip(arguments, annotations, strict=False)]
    result = _value(pair.result, signature.returns, as_result, is_lenient)
    return (values[0] if len(signature.parameters) == 1 else values), result


def _ordered(pair: Pair, parameters: Sequence[str]) -> Sequence[Literal]:
    """The arguments in the order of the parameters, if they are named."""
    if set(pair.names) != set(parameters[: len(pair.names)]) or len(set(pair.names)) < len(pair.arguments):
        return pair.arguments
    by_name = dict(zip(pair.names, pair.arguments, strict=True))
    return [by_name[name] for name in parameters[: len(pair.names)]]


def _value(literal: Literal, annotation: str, fit: Callable[[Any, str], Any], is_lenient: bool) -> Any:  # Any: a JSON value
    if literal.has_bare_words and not says(annotation, "str"):
        raise UnfitError
    try:
        return fit(literal.value, annotation)
    except UnfitError:
        is_number = isinstance(literal.value, int | float) and not isinstance(literal.value, bool)
        if is_lenient and is_number and annotation == "str":
            return literal.source
        raise


def _consistent(examples: Sequence[Example]) -> list[Example]:
    """Each example once, without those whose argument is stated to have several results."""
    results: dict[str, dict[str, Example]] = {}
    for example in examples:
        results.setdefault(_key(example[0]), {}).setdefault(_key(example[1]), example)
    return [next(iter(found.values())) for found in results.values() if len(found) == 1]
