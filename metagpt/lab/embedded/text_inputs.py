"""Random everyday texts: words, sentences, lines, pairs, numbers, addresses, noise."""

import random
import string
from collections.abc import Callable

from metagpt.lab.embedded.grouped_inputs import csv_text, named_numbers

__all__ = ["EVERYDAY_TEXTS", "WORDS", "contact", "letters", "numbers_text", "sentence", "time_text", "word", "words"]

WORDS = """
    apple banana cherry tree river stone cloud paper green window level radar noon dog cat bird mouse house hello world data
    python lamp table seven eleven moon light water bread salt an a the of it on is we run jump sea book kayak stats letter
    summer winter Anna Bob Carol Dave Eve Paris London Oslo Rome big small little Mississippi queue tea egg onion
    """.split()  # noqa: SIM905  one word after another reads better
JOINERS = (" ", " ", " ", ", ", "-", "_", "  ")


def word(rng: random.Random) -> str:
    """Now and then in capitals or backwards."""
    plain = rng.choice(WORDS)
    return rng.choice((plain, plain, plain, plain.upper(), plain.title(), plain[::-1]))


def words(rng: random.Random, low: int = 1, high: int = 6) -> list[str]:
    """Often with one that comes again."""
    chosen = [word(rng) for _ in range(rng.randint(low, high))]
    if len(chosen) > 1 and rng.random() < 0.4:
        chosen.append(rng.choice(chosen))
    return chosen


def sentence(rng: random.Random) -> str:
    """One or two of them."""
    text = " ".join(words(rng, 2, 7))
    return text[:1].upper() + text[1:] + rng.choice((".", "!", "?", "", ". " + " ".join(words(rng, 2, 4)) + "."))


def lines(rng: random.Random) -> str:
    return "\n".join(rng.choice(("", "  ")) + " ".join(words(rng, 1, 4)) for _ in range(rng.randint(1, 4)))


def pairs(rng: random.Random) -> str:
    items = [f"{rng.choice(WORDS)}{{}}{rng.choice((str(rng.randint(0, 99)), rng.choice(WORDS)))}" for _ in range(rng.randint(1, 4))]
    return rng.choice((",", ";", "\n", "&", ", ")).join(items).replace("{}", rng.choice(("=", ":", "=", ": ")))


def numbers_text(rng: random.Random) -> str:
    """Numbers with any separator between them."""
    numbers = [str(rng.choice((rng.randint(-20, 99), round(rng.uniform(0, 20), 1)))) for _ in range(rng.randint(1, 5))]
    return rng.choice((" ", ",", ", ", " and ", ";")).join(numbers)


def mixed(rng: random.Random) -> str:
    return "".join(rng.choice(string.ascii_letters + string.digits + "  .,!?-_()") for _ in range(rng.randint(3, 14)))


def letters(rng: random.Random) -> str:
    """No word, but with letters that come again."""
    return "".join(rng.choice("aabbcdeXYz") for _ in range(rng.randint(2, 9)))


def contact(rng: random.Random) -> str:
    """An email or web address, or a path."""
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


def time_text(rng: random.Random) -> str:
    """A date or a time of day."""
    year, month, day = rng.randint(1980, 2030), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{year}-{month:02}-{day:02}", f"{day:02}/{month:02}/{year}", f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"))


def symbols(rng: random.Random) -> str:
    return rng.choice(
        (
            "".join(rng.choice("()[]{}") for _ in range(rng.randint(2, 8))),
            "(" * (depth := rng.randint(1, 3)) + "a" + ")" * depth,
            bin(rng.randint(1, 200))[2:],
            hex(rng.randint(10, 999))[2:],
            rng.choice(("I", "IV", "IX", "XII", "XL", "MCMX", "VII", "CXX")),
            str(rng.randint(0, 12345)),
            rng.choice(("#ff8800", "#00ff7f", "#123abc")),
            "<p>" + word(rng) + " <b>" + word(rng) + "</b></p>",
            rng.choice(("192.168.0.1", "10.0.0.255", "1.2.3")),
            rng.choice(("1,2;3,4", "a,b\n1,2\n3,4", "x|y|z", "1 2\n3 4", "a3b2c1", "aaabbc")),
        )
    )


def iso_date(rng: random.Random) -> str:
    return f"{rng.randint(1900, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def hex_colour(rng: random.Random) -> str:
    return f"#{rng.randrange(256**3):06x}"


def bracketed(rng: random.Random) -> str:
    parts = [f"({word(rng)})" if rng.random() < 0.4 else word(rng) for _ in range(rng.randint(2, 6))]
    return " ".join(parts)


EVERYDAY_TEXTS: tuple[Callable[[random.Random], str], ...] = (
    lambda r: " ".join(words(r)),
    sentence,
    word,
    lines,
    pairs,
    numbers_text,
    mixed,
    letters,
    contact,
    time_text,
    symbols,
    lambda r: r.choice(JOINERS).join(words(r, 2, 5)),
    lambda r: ",".join(words(r, 2, 5)),
    iso_date,
    hex_colour,
    bracketed,
    csv_text,
    lambda r: "\n".join(named_numbers(r)),
)
"""Primitives name some of them by their places."""
