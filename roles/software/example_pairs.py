"""Which values of a goal belong together as an argument and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.roles.software.example_tables import table_rows
from metagpt.roles.software.example_wording import (
    MOST_BETWEEN,
    NEVER_BEFORE_CALL,
    VALUE,
    Place,
    Strength,
    is_end,
    is_order_to_turn,
    is_reversed_link,
    lead_of,
    result_verb,
    strength_of,
    tells_of_a_fault,
)
from metagpt.roles.software.goal_tokens import ARROW, LINE, Token
from metagpt.roles.software.literals import Literal

__all__ = ["Pair", "find_pairs"]

_SEPARATORS = {",", "and", ";"}
_EQUALS = {"=", ":"}
_STATES = {"is", "was", "are", "were"}
_DETERMINERS = {"the", "a", "an", "my", "our", "your"}
_ASSERTIONS = {"assertequal", "assertequals", "assert_equal", "assertlistequal", "assertdictequal"}
_REMARKS = {"#", "//", ARROW}
_NUMBER_NAMES = {"n", "x", "input", "number", "it", "value", "argument", "i", "num", "year"}
_NO_NAMES = {
    "result",
    "output",
    "answer",
    "length",
    "sum",
    "total",
    "remainder",
    "index",
    "count",
    "average",
    "size",
    "returns",
    "expected",
}
_LONGEST_LEAD = 8
_SHORT = 2
"""Characters of a text that is more often a part of the task than an example."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An example as it is written."""

    arguments: tuple[Literal, ...]
    names: tuple[str, ...]
    """The parameters that it names, one for each argument; empty where it names none."""
    function: str
    """What it calls; empty for an example without a call."""
    result: Literal


@dataclass(frozen=True, slots=True)
class _Group:
    """The arguments of a pair, and the tokens they take up."""

    arguments: tuple[Literal, ...]
    names: tuple[str, ...]
    function: str
    start: int
    stop: int
    is_told: bool = False
    """Whether the words before say that it is the input: `if the input is 5`."""


def find_pairs(tokens: Sequence[Token], parameters: Sequence[str]) -> list[Pair]:
    """The examples among the tokens, in their order, for a function of these parameters."""
    return _Finder(tokens, parameters).pairs()


class _Finder:
    def __init__(self, tokens: Sequence[Token], parameters: Sequence[str]) -> None:
        self._tokens = tokens
        self._words = [VALUE if token.values or token.function else token.word for token in tokens]
        self._parameters = parameters
        self._values = [index for index, word in enumerate(self._words) if word == VALUE]
        self._order = {index: number for number, index in enumerate(self._values)}
        self._links = self._find_links()
        self._found: dict[int, Pair] = {}
        self._results: set[int] = set()
        self._used: set[int] = set()

    def pairs(self) -> list[Pair]:
        for index, (result, strength) in self._links.items():
            if index in self._results:
                self._drop_chain(index)
                continue
            self._try(self._group(index), result, strength)
        for index in self._values:
            self._try_reversed(index)
        self._read_tables()
        return [self._found[index] for index in sorted(self._found)]

    def _find_links(self) -> Mapping[int, tuple[int, Strength]]:
        """By each value that words lead on from to another: that other, and how clear the words are."""
        links = {}
        for index, result in zip(self._values, self._values[1:], strict=False):
            if result - index <= MOST_BETWEEN + 1 and not self._tokens[result].function:
                strength = self._strength(index, result)
                if strength:
                    links[index] = (result, strength)
        return links

    def _strength(self, index: int, result: int) -> Strength:
        between = self._words[index + 1 : result]
        before = self._words[max(0, index - 3) : index]
        if self._tokens[index].function:
            if between == [LINE] and before[-1:] == [">>>"]:
                return Strength.STRONG
            if between == [","] and before[-1:] == ["("] and before[-2:-1] and before[-2] in _ASSERTIONS:
                return Strength.STRONG
            if set(between) <= {*_REMARKS, ")"} and set(between) & _REMARKS:
                return Strength.STRONG
        if not between:
            return Strength.STRONG if before[-1:] == ["for"] and _is_rich(self._tokens[result].values[0].value) else Strength.NONE
        if between == [":"] and not self._is_line(index, result):
            return Strength.NONE
        if is_order_to_turn(between) and self._turns(index):
            return Strength.STRONG
        return strength_of(between)

    def _is_line(self, index: int, result: int) -> bool:
        """Whether nothing but the two values stands in the line."""
        before = [word for word in self._words[max(0, index - 2) : index] if word not in {"-", "*", "\u2022"}]
        return (not before or before[-1] == LINE) and self._words[result + 1 : result + 2] in ([], [LINE], [","], [";"])

    def _turns(self, index: int) -> bool:
        """Whether it says `it should turn`, which is of an example, and not `turn`, which may be a part of the task."""
        before = self._words[max(0, index - 6) : index]
        said = {"should", "must", "would", "will", "eg", "example", "instance", "so", "turns", "("}
        return (
            bool(before) and before[-1] in {"turn", "turns", "convert", "converts", "transform", "transforms"} and bool(said & set(before))
        )

    def _group(self, index: int) -> _Group | None:
        """The arguments that end with a value."""
        token = self._tokens[index]
        if token.function:
            return _Group(token.values, token.names, token.function, index, index + 1)
        wanted = max(1, len(self._parameters))
        value = token.values[0].value
        if wanted > 1 and isinstance(value, tuple):
            return self._named(_Group(_items(token.values[0]), (), "", index, index + 1))
        group = self._named(_Group(token.values, (), "", index, index + 1))
        while len(group.arguments) < wanted:
            before = self._previous(group.start)
            if before is None:
                return None
            group = self._joined(before, group)
        return group

    def _previous(self, start: int) -> _Group | None:
        """The argument before another, with its name."""
        place = start
        while place > 0 and self._words[place - 1] in _SEPARATORS:
            place -= 1
        if place in {start, 0} or not self._tokens[place - 1].is_value or place - 1 in self._results:
            return None
        return self._named(_Group(self._tokens[place - 1].values, (), "", place - 1, place))

    def _joined(self, first: _Group, second: _Group) -> _Group:
        names = (*first.names, *second.names) if first.names and second.names else ()
        return _Group((*first.arguments, *second.arguments), names, "", first.start, second.stop, first.is_told)

    def _named(self, group: _Group) -> _Group:
        """With the words that name the argument: `n = 10`, `the input is 5`."""
        start, words = group.start, self._words
        if start < 2 or words[start - 1] not in _EQUALS | _STATES or not words[start - 2].isidentifier():
            return group
        name, link = words[start - 2], words[start - 1]
        is_number = isinstance(group.arguments[0].value, int | float)
        known = _NUMBER_NAMES | set(map(str.lower, self._parameters))
        if name in _NO_NAMES or (link == ":" and name not in known) or (is_number and link in _STATES and name not in known):
            return group
        start -= 2
        while start > 0 and words[start - 1] in _DETERMINERS:
            start -= 1
        exact = next((each for each in self._parameters if each.lower() == name), name)
        return _Group(group.arguments, (exact,), "", start, group.stop, is_told=name in {"input", "inputs", "argument"})

    def _try(self, group: _Group | None, result: int, strength: Strength) -> None:
        if group is None or not self._is_argument(group, self._tokens[result].values[0], strength):
            return
        if self._ends(result) and not tells_of_a_fault(self._words[max(0, group.start - 25) : result + 1]):
            self._keep(group, result)

    def _keep(self, group: _Group, result: int) -> None:
        self._found[group.start] = Pair(group.arguments, group.names, group.function, self._tokens[result].values[0])
        self._results.add(result)
        self._used |= {result, *range(group.start, group.stop)}

    def _drop_chain(self, index: int) -> None:
        """Steps, `1 -> 2 -> 4`, are no examples."""
        self._results |= {self._links[index][0]}
        for start in [start for start, pair in self._found.items() if pair.result is self._tokens[index].values[0]]:
            del self._found[start]

    def _is_argument(self, group: _Group, result: Literal, strength: Strength) -> bool:
        first = group.arguments[0].value
        if _is_doubtful(group, result):
            return False
        if group.function:
            return not NEVER_BEFORE_CALL & set(self._words[max(0, group.start - 1) : group.start])
        if group.is_told:
            return True
        place = self._place(group)
        if _is_rule(first, result.value) or (isinstance(first, str) and len(first) <= _SHORT and strength == Strength.WEAK):
            return place == Place.ANNOUNCED
        if isinstance(first, int | float) or first is None or strength == Strength.WEAK:
            is_loose = self._words[group.start - 1 : group.start] == [","] and strength == Strength.WEAK
            return place >= Place.START and not (place == Place.START and is_loose)
        return place > Place.DENIED

    def _place(self, group: _Group) -> Place:
        start = group.start
        before = start
        while before > 0 and self._words[before - 1] in _SEPARATORS:
            before -= 1
        if before < start and before > 0 and self._words[before - 1] == VALUE:
            if before - 1 in self._results:
                return Place.ANNOUNCED
            same = type(self._last_value(before - 1)) is type(group.arguments[0].value)
            return Place.DENIED if same or isinstance(group.arguments[0].value, int | float) else Place.START
        return lead_of(self._words[max(0, start - _LONGEST_LEAD) : start])

    def _last_value(self, index: int) -> Any:  # Any: whatever stands in the goal
        values = self._tokens[index].values
        return values[-1].value if values else None

    def _ends(self, index: int) -> bool:
        """Whether a pair may end here: what follows is no part of the result, nor of a list of values."""
        place = index + 1
        while place < len(self._words) and self._words[place] in _SEPARATORS:
            place += 1
        if place < len(self._words) and self._words[place] == VALUE:
            return place > index + 1 and self._begins(place)
        after = self._words[index + 1 : index + 7]
        if after[:1] in (["for"], ["with"]) and after[1:2] == [VALUE] and self._begins(index + 2):
            return True
        value = self._tokens[index].values[0].value
        return is_end(after, is_rich=_is_rich(value))

    def _begins(self, index: int) -> bool:
        """Whether words lead on from the value, or from the last of the arguments that it is the first of, or back from it."""
        number = self._order[index]
        wanted = 1 if self._tokens[index].function else max(1, len(self._parameters))
        last = self._values[min(number + wanted - 1, len(self._values) - 1)]
        return index in self._links or last in self._links or self._reversed_group(index) is not None

    def _read_tables(self) -> None:
        """Keep the rows of tables of arguments and results."""
        for row in table_rows(self._words, max(1, len(self._parameters)) + 1):
            if not self._used & set(row) and all(self._tokens[index].is_value for index in row):
                arguments = tuple(self._tokens[index].values[0] for index in row[:-1])
                self._keep(_Group(arguments, (), "", row[0], row[-1]), row[-1])

    def _try_reversed(self, index: int) -> None:
        """Keep `6 for [1, 2, 3]` behind a verb, or behind another such pair."""
        if index in self._used or self._tokens[index].function:
            return
        strength = result_verb(self._words[max(0, index - 8) : index])
        is_series = self._words[max(0, index - 1)] in _SEPARATORS and any(
            place in self._used for place in range(max(0, index - 3), index) if self._words[place] == VALUE
        )
        group = self._reversed_group(index)
        if group is None or not (strength or is_series) or set(range(group.start, group.stop)) & self._used:
            return
        first, result = group.arguments[0].value, self._tokens[index].values[0]
        if _is_doubtful(group, result) or (strength < Strength.STRONG and _is_rule(first, result.value)):
            return
        if self._ends(group.stop - 1) and not tells_of_a_fault(self._words[max(0, index - 25) : group.stop]):
            self._keep(group, index)

    def _reversed_group(self, index: int) -> _Group | None:
        """The arguments that follow a result: `for [1, 2, 3]`."""
        number = self._order[index]
        if number + 1 >= len(self._values):
            return None
        first = self._values[number + 1]
        wanted = 1 if self._tokens[first].function else max(1, len(self._parameters))
        last = self._values[min(number + wanted, len(self._values) - 1)]
        group = self._group(last)
        if group is None and isinstance(self._tokens[first].values[0].value, tuple):
            group = self._group(first)
        if group is None or group.start <= index or group.start > first:
            return None
        return group if is_reversed_link(self._words[index + 1 : group.start]) else None


def _is_rich(value: Any) -> bool:  # Any: whatever stands in the goal
    """Whether the value stands out among words."""
    return isinstance(value, list | dict | tuple | frozenset)


def _is_rule(argument: Any, result: Any) -> bool:  # Any: whatever stands in the goal
    """Whether both are so short that they may well be a rule: `',' becomes ';'`."""
    return isinstance(argument, str) and isinstance(result, str) and len(argument) <= _SHORT and len(result) <= 2 * _SHORT


def _items(literal: Literal) -> tuple[Literal, ...]:
    """The items of a tuple as arguments."""
    return tuple(Literal(item, repr(item), literal.end, literal.has_bare_words) for item in literal.value)


def _is_doubtful(group: _Group, result: Literal) -> bool:
    """Whether a result without quotes stands beside an argument that has them: `'hello' -> uppercase`."""
    first = group.arguments[0] if group.arguments else None
    is_word = result.has_bare_words and isinstance(result.value, str)
    return is_word and first is not None and not first.has_bare_words and isinstance(first.value, str)
