"""Work the values that a step names into its arguments: a step that looks for "cat" is to find one."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

from metagpt.lab.embedded.text_inputs import WORDS

__all__ = ["Hint", "read_hint", "weave"]

Hint = int | float | str

WOVEN = 0.8
"""How often a hint is worked in."""

TAKEN_OUT = 0.12
"""How often a hint that is there by chance is taken out instead, for steps that ask whether it is."""
LARGEST = 300
"""Beyond the hint itself: some steps count as far as a number says."""
LONGEST = 12
"""Numbers up to here may be wanted as lengths."""


@cache
def read_hint(value: str) -> Hint | None:
    """What a slot's value stands for: a number, a quoted text, or nothing known here."""
    if value.startswith('"'):
        return value.strip('"') or None
    try:
        return int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return None


def weave(takes: str, value: Any, hint: Hint, rng: random.Random) -> Any:
    """The argument, mostly with the hint in it; as it was where its type has no place for such a hint."""
    way = (_TEXTS if isinstance(hint, str) else _NUMBERS).get(takes)
    return value if way is None or rng.random() >= WOVEN else way(value, hint, rng)


def _near(number: float, rng: random.Random) -> Any:
    """The number, one about as large, a smaller one, a multiple or one that ends alike."""
    spread = max(2, abs(int(number)) // 2)
    other = number + rng.randint(-spread, spread)
    found = rng.choice((number, other, number - rng.randint(1, spread), number * rng.randint(2, 4), number + 10 * rng.randint(1, 3)))
    return _bounded(found, number)


def _bounded(found: float, hint: float) -> Any:
    most = max(LARGEST, abs(hint) + 20)
    return max(-most, min(most, found))


def _into_number(value: float, hint: float, rng: random.Random) -> Any:
    others = (value * hint, hint ** rng.randint(1, 3)) if abs(hint) > 1 else ()
    return rng.choice((*(_near(hint, rng) for _ in range(4)), *(each for each in others if abs(each) <= LARGEST)))


def _into_decimal(value: float, hint: float, rng: random.Random) -> float:
    return round(float(_near(hint, rng) + rng.choice((0, 0, 0.5, -0.25, value / 10))), 3)


def _into_numbers(values: list[Any], hint: float, rng: random.Random) -> list[Any]:
    whole = int(hint)
    way = rng.randrange(12)
    if 2 <= whole <= LONGEST and way < (4 if whole > 3 else 1):
        return _lengthened(values, whole, rng)
    if way in (4, 5):
        return [_bounded(hint + each, hint) for each in values]
    if way == 6:
        return [min(hint, each) for each in values]
    if way == 7 and 0 < abs(whole) <= 20:
        return [whole * int(each % 20) if rng.random() < 0.7 else each for each in values]
    mixed = _scattered(values, [_near(hint, rng), _near(hint, rng)], rng) if rng.random() < 0.7 else list(values)
    if mixed and rng.random() < 0.7:
        mixed = _scattered(mixed, [hint - rng.choice(mixed)], rng)
    place = rng.randint(0, len(mixed))
    return [*mixed[:place], *[hint] * rng.choice((0, 0, 1, 1, 2)), *mixed[place:]]


def _into_decimals(values: list[Any], hint: float, rng: random.Random) -> list[float]:
    return [float(each) for each in _into_numbers(values, hint, rng)]


def _scattered(values: list[Any], new: list[Any], rng: random.Random) -> list[Any]:
    mixed = list(values)
    for each in new:
        mixed.insert(rng.randint(0, len(mixed)), each)
    return mixed


def _lengthened(values: list[Any], length: int, rng: random.Random) -> list[Any]:
    return [*values, *(rng.choice(values) for _ in range(length + rng.randint(0, length) - len(values)))] if values else values


def _into_rows(rows: list[list[int]], hint: float, rng: random.Random) -> list[list[int]]:
    whole = int(hint)
    if 2 <= whole <= 5 and rng.random() < 0.5:
        return [_lengthened(row, whole, rng) for row in rows]
    return [[*row[:-1], _near(whole, rng)] if row and rng.random() < 0.6 else row for row in rows]


def _into_words(values: list[str], hint: str, rng: random.Random) -> list[str]:
    """As a word of its own, and at the start, at the end or inside of others; or gone from all."""
    if rng.random() < TAKEN_OUT and any(hint in each for each in values):
        return [each.replace(hint, "") for each in values if each != hint]
    mixed = list(values)
    if hint.isalnum() and rng.random() < 0.65:
        mixed = _scattered(mixed, [hint] * rng.choice((1, 1, 2)), rng)
    share = rng.choice((0.4, 1.0))
    for way in (_with_start, _with_end, _with_inside):
        if rng.random() < 0.4:
            mixed = [each if hint in each or rng.random() >= share else way(each, hint, rng) for each in mixed]
    return mixed


def _with_start(text: str, hint: str, rng: random.Random) -> str:
    return rng.choice([each for each in WORDS if each.startswith(hint)] or [hint + text])


def _with_end(text: str, hint: str, rng: random.Random) -> str:
    return rng.choice([each for each in WORDS if each.endswith(hint)] or [text + hint])


def _with_inside(text: str, hint: str, rng: random.Random) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + hint + text[place:]


def _into_word_lengths(values: list[str], hint: float, rng: random.Random) -> list[str]:
    """Some words as long as the number says, or as many words."""
    length = int(hint)
    if not 1 <= length <= LONGEST or not values:
        return values
    if length > 1 and rng.random() < 0.25:
        return _lengthened(values, length, rng)
    exact = [each for each in WORDS if len(each) == length] or [(rng.choice(WORDS) * length)[:length]]
    low, high = rng.choice(((0, length), (length, 99), (0, 99), (0, 99)))
    others = [each for each in WORDS if low <= len(each) <= high] or exact
    return [rng.choice((rng.choice(exact), rng.choice(others))) for _ in values]


def _into_text(text: str, hint: str, rng: random.Random) -> str:
    """At the start, at the end, inside, or its letters in another order alone; or gone from it."""
    if rng.random() < TAKEN_OUT and hint in text:
        return text.replace(hint, "")
    if len(hint) > 2 and hint.isalpha() and rng.random() < 0.35:
        return "".join(rng.sample(hint, len(hint)))
    gap = " " if len(hint) > 2 and hint.isalnum() and rng.random() < 0.85 else ""
    if rng.random() < 0.7:
        text = gap.join((text[: (place := _break(text, gap, rng))], hint, text[place:]))
    if rng.random() < 0.45:
        text = hint + gap + text
    if rng.random() < 0.45:
        text = text + gap + hint
    return text


def _break(text: str, gap: str, rng: random.Random) -> int:
    places = [place for place, sign in enumerate(text) if sign == " "] if gap else []
    return rng.choice(places) if places else rng.randint(0, len(text))


def _into_text_length(text: str, hint: float, rng: random.Random) -> str:
    """About as many letters or words as the number says."""
    number = int(hint)
    if not 1 <= number <= 300 or not text or (number <= LONGEST and rng.random() < 0.5):
        return text
    if rng.random() < (0.5 if number <= LONGEST else 0.2):
        return (text * number)[: max(1, number + rng.randint(-2, 2))]
    return " ".join((text.split() * 3 * number)[: rng.randint(1, 3 * number)])


def _into_dictionary(as_value: Callable[[Any, Any, random.Random], Any] | None) -> Callable[[Any, str, random.Random], Any]:
    """A text becomes a key or the start of one, and goes into a value."""

    def way(value: dict[str, Any], hint: str, rng: random.Random) -> dict[str, Any]:
        found = dict(value)
        if found and as_value and rng.random() < 0.8:
            key = rng.choice(list(found))
            found[key] = as_value(found[key], hint, rng)
        if found and rng.random() < 0.8:
            old = rng.choice(list(found))
            new = hint if rng.random() < 0.75 else _with_start(old, hint, rng)
            found = {new if key == old else key: each for key, each in found.items()}
        return found

    return way


def _into_values(as_value: Callable[[Any, Any, random.Random], Any]) -> Callable[[Any, float, random.Random], Any]:
    return lambda value, hint, rng: {key: as_value(each, hint, rng) if rng.random() < 0.5 else each for key, each in value.items()}


def _into_records(value: list[dict[str, str]], hint: str, rng: random.Random) -> list[dict[str, str]]:
    return [{key: hint if rng.random() < 0.2 else each for key, each in record.items()} for record in value]


_TEXTS: dict[str, Callable[[Any, Any, random.Random], Any]] = {
    "str": _into_text,
    "list[str]": _into_words,
    "dict[str, int]": _into_dictionary(None),
    "dict[str, str]": _into_dictionary(lambda value, hint, rng: hint),
    "dict[str, list[int]]": _into_dictionary(None),
    "dict[str, list[str]]": _into_dictionary(_into_words),
    "list[dict[str, str]]": _into_records,
}
_NUMBERS: dict[str, Callable[[Any, Any, random.Random], Any]] = {
    "int": _into_number,
    "float": _into_decimal,
    "str": _into_text_length,
    "list[int]": _into_numbers,
    "list[float]": _into_decimals,
    "list[str]": _into_word_lengths,
    "list[list[int]]": _into_rows,
    "dict[str, int]": _into_values(lambda value, hint, rng: rng.choice((int(hint), _near(int(hint), rng)))),
    "dict[str, list[int]]": _into_values(_into_numbers),
    "dict[str, list[str]]": _into_values(_into_word_lengths),
}
