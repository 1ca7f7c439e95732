"""Random arguments of every type, and which kinds of them suit which primitive."""

import random
import string
from collections.abc import Callable, Sequence
from typing import Any

from metagpt.lab.embedded.catalogue import Step, random_step
from metagpt.lab.embedded.grouped_inputs import (
    csv_lines,
    csv_text,
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
from metagpt.lab.embedded.primitive import Primitive

__all__ = ["KINDS", "edge_inputs", "fitting_kinds", "random_input"]

WORDS = """
    apple banana cherry tree river stone cloud paper green window level radar noon dog cat bird mouse house hello world data
    python lamp table seven eleven moon light water bread salt an a the of it on is we run jump sea book kayak stats letter
    summer winter Anna Bob Carol Dave Eve Paris London Oslo Rome big small little Mississippi queue tea egg onion
    """.split()  # noqa: SIM905  one word after another reads better
JOINERS = (" ", " ", " ", ", ", "-", "_", "  ")


def _word(rng: random.Random) -> str:
    word = rng.choice(WORDS)
    return rng.choice((word, word, word, word.upper(), word.title(), word[::-1]))


def _words(rng: random.Random, low: int = 1, high: int = 6) -> list[str]:
    chosen = [_word(rng) for _ in range(rng.randint(low, high))]
    if len(chosen) > 1 and rng.random() < 0.4:
        chosen.append(rng.choice(chosen))
    return chosen


def _sentence(rng: random.Random) -> str:
    text = " ".join(_words(rng, 2, 7))
    return text[:1].upper() + text[1:] + rng.choice((".", "!", "?", "", ". " + " ".join(_words(rng, 2, 4)) + "."))


def _lines(rng: random.Random) -> str:
    return "\n".join(rng.choice(("", "  ")) + " ".join(_words(rng, 1, 4)) for _ in range(rng.randint(1, 4)))


def _pairs(rng: random.Random) -> str:
    items = [f"{rng.choice(WORDS)}{{}}{rng.choice((str(rng.randint(0, 99)), rng.choice(WORDS)))}" for _ in range(rng.randint(1, 4))]
    return rng.choice((",", ";", "\n", "&", ", ")).join(items).replace("{}", rng.choice(("=", ":", "=", ": ")))


def _numbers_text(rng: random.Random) -> str:
    numbers = [str(rng.choice((rng.randint(-20, 99), round(rng.uniform(0, 20), 1)))) for _ in range(rng.randint(1, 5))]
    return rng.choice((" ", ",", ", ", " and ", ";")).join(numbers)


def _mixed(rng: random.Random) -> str:
    return "".join(rng.choice(string.ascii_letters + string.digits + "  .,!?-_()") for _ in range(rng.randint(3, 14)))


def _letters(rng: random.Random) -> str:
    return "".join(rng.choice("aabbcdeXYz") for _ in range(rng.randint(2, 9)))


def _contact(rng: random.Random) -> str:
    first, second = rng.choice(WORDS).lower(), rng.choice(WORDS).lower()
    return rng.choice(
        (
            f"{first}@{second}.com",
            f"write to {first}.{second}@{rng.choice(WORDS).lower()}.org or {second}@mail.net",
            f"https://{first}.org/{second}?id={rng.randint(1, 9)}&q={first}",
            f"see http://{first}.com/{second} #{first} @{second}",
            f"/home/{first}/{second}.txt",
        )
    )


def _time_text(rng: random.Random) -> str:
    year, month, day = rng.randint(1980, 2030), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{year}-{month:02}-{day:02}", f"{day:02}/{month:02}/{year}", f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"))


def _symbols(rng: random.Random) -> str:
    return rng.choice(
        (
            "".join(rng.choice("()[]{}") for _ in range(rng.randint(2, 8))),
            "(" * (depth := rng.randint(1, 3)) + "a" + ")" * depth,
            bin(rng.randint(1, 200))[2:],
            hex(rng.randint(10, 999))[2:],
            rng.choice(("I", "IV", "IX", "XII", "XL", "MCMX", "VII", "CXX")),
            str(rng.randint(0, 12345)),
            rng.choice(("#ff8800", "#00ff7f", "#123abc")),
            "<p>" + _word(rng) + " <b>" + _word(rng) + "</b></p>",
            rng.choice(("192.168.0.1", "10.0.0.255", "1.2.3")),
            rng.choice(("1,2;3,4", "a,b\n1,2\n3,4", "x|y|z", "1 2\n3 4", "a3b2c1", "aaabbc")),
        )
    )


def _iso_date(rng: random.Random) -> str:
    return f"{rng.randint(1900, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _hex_colour(rng: random.Random) -> str:
    return f"#{rng.randrange(256**3):06x}"


def _bracketed(rng: random.Random) -> str:
    parts = [f"({_word(rng)})" if rng.random() < 0.4 else _word(rng) for _ in range(rng.randint(2, 6))]
    return " ".join(parts)


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
    return [rng.choice((_sentence, _letters, _numbers_text, _contact, _time_text))(rng) for _ in range(rng.randint(2, 5))]


def _number_texts(rng: random.Random) -> list[str]:
    return [str(rng.randint(-9, 120)) for _ in range(rng.randint(2, 6))]


def _mixed_texts(rng: random.Random) -> list[str]:
    pool: tuple[Callable[[random.Random], str], ...] = (_word, lambda r: str(r.randint(0, 99)), lambda r: "", lambda r: f" {_word(r)} ")
    return [rng.choice(pool)(rng) for _ in range(rng.randint(2, 6))]


def _pair_texts(rng: random.Random) -> list[str]:
    mark = rng.choice(("=", ":", ",", "@"))
    return [f"{rng.choice(WORDS)}{mark}{rng.choice((str(rng.randint(0, 99)), rng.choice(WORDS)))}" for _ in range(rng.randint(2, 4))]


KINDS: dict[str, tuple[Callable[[random.Random], Any], ...]] = {
    "int": (lambda r: r.randint(1, 30), lambda r: r.randint(-99, 400), lambda r: r.randint(0, 999), lambda r: r.randint(2, 9)),
    "float": (lambda r: round(r.uniform(-50, 150), 2), lambda r: round(r.uniform(0.5, 20), 1), lambda r: float(r.randint(1, 30))),
    "str": (
        lambda r: " ".join(_words(r)),
        _sentence,
        _word,
        _lines,
        _pairs,
        _numbers_text,
        _mixed,
        _letters,
        _contact,
        _time_text,
        _symbols,
        lambda r: r.choice(JOINERS).join(_words(r, 2, 5)),
        lambda r: ",".join(_words(r, 2, 5)),
        _iso_date,
        _hex_colour,
        _bracketed,
        csv_text,
        lambda r: "\n".join(named_numbers(r)),
    ),
    "list[int]": (_ints, _positive_ints, lambda r: sorted(_ints(r))),
    "list[float]": (_floats, lambda r: [abs(x) + 0.5 for x in _floats(r)], lambda r: [float(x) for x in _ints(r)]),
    "list[str]": (
        _words,
        lambda r: [w.lower() for w in _words(r, 2, 7)],
        _texts,
        _number_texts,
        _mixed_texts,
        _pair_texts,
        csv_lines,
        named_numbers,
        repeated_pairs,
        file_names,
    ),
    "list[list[int]]": (_rectangle, _square, _ragged),
    "dict[str, int]": (_counts, lambda r: {k: abs(v) + 1 for k, v in _counts(r).items()}),
    "dict[str, str]": (_mapping, lambda r: {k: str(r.randint(0, 50)) for k in _mapping(r)}),
    "dict[str, list[int]]": (scores, readings),
    "dict[str, list[str]]": (groups, groups_by_initial),
    "list[dict[str, str]]": (people, records),
}
"""Per input type the ways of drawing one; a string may be a sentence, a date, an address or noise."""

SPECIAL: dict[str, int] = {"list[str]": 6}
"""From which place on the kinds of a type serve only the steps that name them: others are to get everyday arguments."""

_EDGES: dict[str, tuple[Any, ...]] = {
    "int": (0, 1, 2, 10, -7, 97),
    "float": (0.0, 1.0, -2.5, 0.1),
    "str": ("", "a", "Hello World", "  two  spaces ", "level"),
    "list[int]": ([], [5], [2, 2, 2], [-1, 0, 1], [3, 1, 2]),
    "list[float]": ([], [1.5], [-1.0, 0.0, 2.5]),
    "list[str]": ([], ["a"], ["same", "same"], ["b", "A", "c"]),
    "list[list[int]]": ([], [[1]], [[1, 2], [3, 4]]),
    "dict[str, int]": ({}, {"a": 1}, {"b": 2, "a": 2}),
    "dict[str, str]": ({}, {"a": "b"}, {"x": "1", "y": "1"}),
    "dict[str, list[int]]": ({}, {"a": [1]}, {"b": [2, 1], "a": []}),
    "dict[str, list[str]]": ({}, {"a": ["b"]}, {"x": ["q", "p"], "y": []}),
    "list[dict[str, str]]": ([], [{"name": "Bo"}], [{"name": "Al", "age": "30"}, {"name": "Bo", "age": "4"}]),
}


def edge_inputs(takes: str) -> Sequence[Any]:
    """Empty, single and otherwise awkward arguments of a type."""
    return _EDGES[takes]


def random_input(takes: str, rng: random.Random, kinds: Sequence[int] | None = None) -> Any:
    """One argument of the type, drawn in one of the numbered kinds (every kind when None)."""
    ways = KINDS[takes]
    return ways[rng.choice(kinds) if kinds else rng.randrange(len(ways))](rng)


def fitting_kinds(primitive: Primitive) -> tuple[int, ...]:
    """The kinds of input on which this primitive runs and gives varied results; all of them if none stands out."""
    if primitive.input_kinds:
        return primitive.input_kinds
    if primitive.id not in _FITTING:
        _FITTING[primitive.id] = _fitting(primitive)
    return _FITTING[primitive.id]


_FITTING: dict[str, tuple[int, ...]] = {}


def _fitting(primitive: Primitive) -> tuple[int, ...]:
    rng = random.Random(f"kinds {primitive.id}")
    scores = [_variety(primitive, way, rng) for way in KINDS[primitive.takes][: SPECIAL.get(primitive.takes)]]
    best = max(scores)
    return tuple(number for number, score in enumerate(scores) if score >= max(0.6 * best, 0.01)) or tuple(range(len(scores)))


def _variety(primitive: Primitive, way: Callable[[random.Random], Any], rng: random.Random) -> float:
    results = set()
    failed = 0
    for _ in range(8):
        value = way(rng)
        step: Step = random_step(primitive, rng)
        try:
            result = step.run(value)
        except Exception:  # noqa: BLE001  whatever a step raises on unfit input, the input is unfit
            failed += 1
            continue
        if result != value and result not in ([], "", {}, None):
            results.add(repr(result))
    return len(results) / 8 * (1 - failed / 8)
