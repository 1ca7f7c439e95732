"""Random numbers, lists, tables and dictionaries: everyday ones, and those with an order, repeats or gaps."""

import random
from collections.abc import Callable
from typing import Any

from metagpt.lab.embedded.formatted_texts import cased, mirrored
from metagpt.lab.embedded.grouped_inputs import (
    csv_lines,
    file_names,
    groups,
    groups_by_initial,
    named_numbers,
    people,
    readings,
    records,
    repeated_pairs,
    scores,
)
from metagpt.lab.embedded.text_inputs import WORDS, contact, letters, numbers_text, sentence, time_text, word, words

__all__ = ["VALUES"]


def _ints(rng: random.Random) -> list[int]:
    high = rng.choice((9, 9, 20, 100))
    values = [rng.randint(0 if rng.random() < 0.5 else -high, high) for _ in range(rng.randint(2, 8))]
    if rng.random() < 0.5:
        values.insert(rng.randrange(len(values)), rng.choice(values))
    return values


def _positive_ints(rng: random.Random) -> list[int]:
    return [rng.randint(1, rng.choice((9, 30, 200))) for _ in range(rng.randint(2, 7))]


def _floats(rng: random.Random) -> list[float]:
    return [round(rng.uniform(-20, 50), rng.choice((1, 1, 2))) for _ in range(rng.randint(2, 7))]


def _rectangle(rng: random.Random) -> list[list[int]]:
    width = rng.randint(1, 4)
    return [[rng.randint(-5, 20) for _ in range(width)] for _ in range(rng.randint(1, 4))]


def _square(rng: random.Random) -> list[list[int]]:
    width = rng.randint(2, 3)
    return [[rng.randint(0, 9) for _ in range(width)] for _ in range(width)]


def _ragged(rng: random.Random) -> list[list[int]]:
    return [[rng.randint(-5, 20) for _ in range(rng.randint(1, 4))] for _ in range(rng.randint(1, 4))]


def _counts(rng: random.Random) -> dict[str, int]:
    return {rng.choice(WORDS): rng.randint(-5, 30) for _ in range(rng.randint(2, 6))}


def _mapping(rng: random.Random) -> dict[str, str]:
    return {rng.choice(WORDS): rng.choice(WORDS) for _ in range(rng.randint(2, 5))}


def _texts(rng: random.Random) -> list[str]:
    return [rng.choice((sentence, letters, numbers_text, contact, time_text))(rng) for _ in range(rng.randint(2, 5))]


def _number_texts(rng: random.Random) -> list[str]:
    return [str(rng.randint(-9, 120)) for _ in range(rng.randint(2, 6))]


def _mixed_texts(rng: random.Random) -> list[str]:
    pool: tuple[Callable[[random.Random], str], ...] = (word, lambda r: str(r.randint(0, 99)), lambda r: "", lambda r: f" {word(r)} ")
    return [rng.choice(pool)(rng) for _ in range(rng.randint(2, 6))]


def _pair_texts(rng: random.Random) -> list[str]:
    mark = rng.choice(("=", ":", ",", "@"))
    return [f"{rng.choice(WORDS)}{mark}{rng.choice((str(rng.randint(0, 99)), rng.choice(WORDS)))}" for _ in range(rng.randint(2, 4))]


def _signed(rng: random.Random) -> int:
    return rng.choice((0, 1, 1, -1, -1)) * rng.randint(1, 20)


def _square_number(rng: random.Random) -> int:
    return int(rng.randint(0, 20) ** 2) + rng.choice((0, 0, 1))


def _year(rng: random.Random) -> int:
    return rng.choice((1600, 1700, 1800, 1900, 2000, 4 * rng.randint(400, 499), 4 * rng.randint(400, 499), rng.randint(1600, 1999)))


def _of_any_length(rng: random.Random) -> int:
    return rng.choice((1, 1, -1)) * rng.randint(0, int(10 ** rng.randint(1, 3)) * rng.choice((1, 2)) - 1)


def _repeating(rng: random.Random) -> list[int]:
    """Runs of a few values, nought often among them; now and then of one alone."""
    pool = rng.sample((0, 0, 0, 1, 2, 5), rng.randint(1, 3))
    return [value for _ in range(rng.randint(2, 5)) for value in [rng.choice(pool)] * rng.randint(1, 2)]


def _progression(rng: random.Random) -> list[int]:
    """Rising or falling by equal steps, half of the time with one value out of line."""
    start, step = rng.randint(0, 20), rng.choice((1, 2, 3, 5, -1, -2))
    values = [start + step * place for place in range(rng.randint(2, 6))]
    if rng.random() < 0.4:
        values[rng.randrange(len(values))] += rng.choice((-7, 1, 4))
    return values


def _ordered(sign: int) -> Callable[[random.Random], list[int]]:
    def draw(rng: random.Random) -> list[int]:
        values = _ints(rng)
        return sorted(values, key=lambda n: sign * n) if rng.random() < 0.5 else values

    return draw


def _of_one_parity(rng: random.Random) -> list[int]:
    factor, rest = rng.choice(((2, 0), (2, 1), (4, 0), (6, 0), (3, 0), (1, 0)))
    return [factor * rng.randint(1, 9) + rest for _ in range(rng.randint(2, 4))]


def _mirrored_list(items: Callable[[random.Random], list[Any]]) -> Callable[[random.Random], list[Any]]:
    def draw(rng: random.Random) -> list[Any]:
        half = items(rng)[: rng.randint(1, 3)]
        middle = items(rng)[:1] if rng.random() < 0.7 else []
        return [*half, *middle, *(half[::-1] if rng.random() < 0.7 else items(rng)[:2])]

    return draw


def _long_ints(rng: random.Random) -> list[int]:
    return [rng.randint(0, 20) for _ in range(rng.randint(6, 13))]


def _ordered_floats(rng: random.Random) -> list[float]:
    values = _floats(rng)
    return sorted(values) if rng.random() < 0.5 else values


def _long_decimals(rng: random.Random) -> list[float]:
    return [round(rng.uniform(-2, 20), 4) for _ in range(rng.randint(2, 8))]


def _cased_word(rng: random.Random) -> str:
    return rng.choice((str.upper, str.title, str.lower))(rng.choice(WORDS))


def _cased_words(rng: random.Random) -> list[str]:
    """Each in its own case or all in one; some come again in another."""
    pool = words(rng, 2, 4)
    way = rng.choice((str.upper, str.title, None, None))
    return [way(each) if way else rng.choice((str.upper, str.title, str.lower))(each) for each in [*pool, *pool[:2]]]


def _sharing_ends(rng: random.Random) -> list[str]:
    stem = rng.choice(WORDS).lower()
    others = [rng.choice((*WORDS, "s", "ing", "er", "ed", "")).lower() for _ in range(rng.randint(2, 3))]
    return [stem + other for other in others] if rng.random() < 0.5 else [other + stem for other in others]


def _word_runs(rng: random.Random) -> list[str]:
    pool = [rng.choice(WORDS).lower() for _ in range(rng.randint(1, 4))]
    return [each for _ in range(rng.randint(2, 4)) for each in [rng.choice(pool)] * rng.choice((1, 1, 2))]


def _long_words(rng: random.Random) -> list[str]:
    return [rng.choice(WORDS).lower() for _ in range(rng.randint(4, 11))]


def _mixed_cells(rng: random.Random) -> list[str]:
    return [rng.choice((cased, mirrored, letters))(rng) for _ in range(rng.randint(2, 5))]


def _patterned_square(rng: random.Random) -> list[list[int]]:
    """An identity matrix, a symmetric one or any; now and then a row short."""
    size = rng.randint(1, 3)
    table = [[rng.randint(0, 9) for _ in range(size)] for _ in range(size)]
    symmetric = [[table[min(i, j)][max(i, j)] for j in range(size)] for i in range(size)]
    identity = [[int(i == j) for j in range(size)] for i in range(size)]
    return rng.choice((table, symmetric, identity, identity))[: None if rng.random() < 0.7 else -1] or [[1, 2]]


def _repeating_rows(rng: random.Random) -> list[list[int]]:
    """With equal rows and empty ones."""
    pool = [*_ragged(rng)[:2], *_ragged(rng)[:1], []]
    return [list(rng.choice(pool)) for _ in range(rng.randint(2, 5))]


def _few_counts(rng: random.Random) -> dict[str, int]:
    """With noughts and values that come again."""
    return {_cased_word(rng): rng.choice((0, 0, 1, 2, 3, 5, 8)) for _ in range(rng.randint(2, 4))}


def _loose_mapping(rng: random.Random) -> dict[str, str]:
    """With blank values, blanks round values, and values that come again."""
    pool = [rng.choice(WORDS), rng.choice(WORDS)]
    return {_cased_word(rng): rng.choice((*pool, *pool, "", " ", f" {pool[0]}", f"{pool[1]}  ")) for _ in range(rng.randint(2, 4))}


VALUES: dict[str, tuple[Callable[[random.Random], Any], ...]] = {
    "int": (
        lambda r: r.randint(1, 30),
        lambda r: r.randint(-99, 400),
        lambda r: r.randint(0, 999),
        lambda r: r.randint(2, 9),
        _signed,
        _square_number,
        _of_any_length,
        lambda r: r.randint(1, 12),
        _year,
        lambda r: r.randint(40, 105),
    ),
    "float": (
        lambda r: round(r.uniform(-50, 150), 2),
        lambda r: round(r.uniform(0.5, 20), 1),
        lambda r: float(r.randint(1, 30)),
        lambda r: round(r.uniform(0, 20), 5),
    ),
    "list[int]": (
        _ints,
        _positive_ints,
        lambda r: sorted(_ints(r)),
        _repeating,
        _progression,
        _ordered(1),
        _ordered(-1),
        _of_one_parity,
        _mirrored_list(_positive_ints),
        _long_ints,
        lambda r: r.sample(range(7), r.randint(2, 6)),
    ),
    "list[float]": (
        _floats,
        lambda r: [abs(x) + 0.5 for x in _floats(r)],
        lambda r: [float(x) for x in _ints(r)],
        _ordered_floats,
        _long_decimals,
    ),
    "list[str]": (
        words,
        lambda r: [w.lower() for w in words(r, 2, 7)],
        _texts,
        _number_texts,
        _mixed_texts,
        _pair_texts,
        csv_lines,
        named_numbers,
        repeated_pairs,
        file_names,
        _cased_words,
        _sharing_ends,
        _word_runs,
        _long_words,
        _mixed_cells,
        _mirrored_list(words),
    ),
    "list[list[int]]": (_rectangle, _square, _ragged, _patterned_square, _repeating_rows),
    "dict[str, int]": (_counts, lambda r: {k: abs(v) + 1 for k, v in _counts(r).items()}, _few_counts),
    "dict[str, str]": (_mapping, lambda r: {k: str(r.randint(0, 50)) for k in _mapping(r)}, _loose_mapping),
    "dict[str, list[int]]": (scores, readings),
    "dict[str, list[str]]": (groups, groups_by_initial),
    "list[dict[str, str]]": (people, records),
}
"""Per type the ways of drawing one; primitives name some of them by their places."""
