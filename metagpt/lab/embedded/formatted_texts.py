"""Random texts of a format that some steps read or check, a part of them spoiled where a step is to tell right from wrong."""

import random
import string
from collections.abc import Callable, Sequence

from metagpt.lab.embedded.text_inputs import WORDS, hex_colour, iso_date, word, words

__all__ = ["FORMATTED_TEXTS", "cased", "mirrored"]

Way = Callable[[random.Random], str]

MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
PANGRAM = "the quick brown fox jumps over the lazy dog"
SPOILED = 0.45


def spoiled(way: Way) -> Way:
    """Now and then with a sign too many, too few or another."""

    def draw(rng: random.Random) -> str:
        text = way(rng)
        if rng.random() >= SPOILED:
            return text
        place = rng.randrange(len(text) + 1)
        return text[:place] + rng.choice(("", "2", "x", ")")) + text[place + rng.randint(0, 1) :]

    return draw


def mirrored(rng: random.Random) -> str:
    """Mostly the same backwards."""
    half = "".join(rng.choice("abcdelmnorst") for _ in range(rng.randint(1, 3)))
    text = rng.choice((half + half[::-1], half + half[-2::-1], "level", "noon", "kayak", "radar", "civic", "racecar"))
    return text if rng.random() < 1 - SPOILED else rng.choice((word(rng).lower(), "".join(rng.sample(text, len(text)))))


def cased(rng: random.Random) -> str:
    """All in capitals, all small, each word with a capital, or as it comes."""
    text = " ".join(words(rng, 1, 3))
    return rng.choice((text.upper(), text.lower(), text.title(), text))


def _digits(rng: random.Random) -> str:
    return str(rng.randint(0, 10 ** rng.randint(1, 6)))


def _integer(rng: random.Random) -> str:
    return rng.choice(("", "", "-")) + str(rng.randint(0, rng.choice((9, 99, 1999))))


def _decimal(rng: random.Random) -> str:
    return f"{rng.uniform(-20, 100):.{rng.randint(0, 2)}f}"


def _binary(rng: random.Random) -> str:
    return f"{rng.randint(0, 200):b}"


def _hexadecimal(rng: random.Random) -> str:
    return f"{rng.randint(0, 1999):x}"


def _number_list(separator: str, low: int = -9) -> Way:
    return lambda rng: separator.join(str(rng.randint(low, rng.choice((9, 60)))) for _ in range(rng.randint(2, 6)))


def _grid(separator: str) -> Way:
    def draw(rng: random.Random) -> str:
        width = rng.randint(1, 3)
        return "\n".join(separator.join(str(rng.randint(0, 12)) for _ in range(width)) for _ in range(rng.randint(1, 3)))

    return draw


def _key_values(rng: random.Random) -> str:
    return rng.choice((",", "; ", " ", "&")).join(f"{rng.choice(WORDS).lower()}={rng.randint(0, 20)}" for _ in range(rng.randint(1, 4)))


def _checked_digits(length: int, weights: Sequence[int]) -> Way:
    """The last digit makes the sum of the weighed ones, two-figure products taken crosswise for weights of 2, end in nought."""

    def draw(rng: random.Random) -> str:
        digits = [rng.randint(0, 9) for _ in range(length - 1)]
        products = [digit * weights[(length - 1 - place) % 2] for place, digit in enumerate(digits)]
        total = sum(product - 9 if product > 9 and 2 in weights else product for product in products)
        return "".join(map(str, [*digits, -total % 10]))

    return draw


def _phone(rng: random.Random) -> str:
    area, office, line = rng.randint(200, 999), rng.randint(200, 999), rng.randint(0, 9999)
    return rng.choice(
        (f"({area}) {office}-{line:04}", f"{area}-{office}-{line:04}", f"{area} {office} {line:04}", f"{area}{office}{line:04}")
    )


def _internet_address(rng: random.Random) -> str:
    return ".".join(str(rng.randint(0, rng.choice((255, 255, 255, 300)))) for _ in range(rng.choice((4, 4, 4, 3))))


def _duration(rng: random.Random) -> str:
    hours, minutes = rng.randint(1, 9), rng.randint(1, 59)
    return rng.choice((f"{hours}h {minutes}m", f"{hours}h", f"{minutes}m", f"{hours}h{minutes}m"))


def _clock(rng: random.Random) -> str:
    parts = [rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)]
    return ":".join(f"{part:02}" for part in parts[: rng.choice((2, 3, 3))])


def _month(rng: random.Random) -> str:
    name = rng.choice(MONTHS)
    return rng.choice((name, name, name.lower(), name[:3]))


def _answer(rng: random.Random) -> str:
    return rng.choice(("yes", "no", "Yes", "No", "y", "n", "true", "false", "on", "off", "1", "0", "maybe"))


def _quoted(rng: random.Random) -> str:
    return " ".join(f'"{word(rng)}"' if rng.random() < 0.5 else word(rng) for _ in range(rng.randint(2, 4)))


def _post(rng: random.Random) -> str:
    def piece() -> str:
        name = rng.choice(WORDS).lower()
        return rng.choice((f"@{name}", f"#{name}", f"{name}@mail.org", name))

    return " ".join(piece() for _ in range(rng.randint(2, 5)))


def _email(rng: random.Random) -> str:
    return f"{rng.choice(WORDS).lower()}@{rng.choice(WORDS).lower()}.{rng.choice(('com', 'org'))}"


def _link(rng: random.Random) -> str:
    name = rng.choice(WORDS).lower()
    return rng.choice((f"https://{name}.org", f"http://{name}.com/{name}", f"https://{name}.org/{name}?id=7", f"www.{name}.com"))


def _links(rng: random.Random) -> str:
    return rng.choice((f"see {_link(rng)} or {_link(rng)}", f"{rng.choice(WORDS)} {_link(rng)}"))


def _html(rng: random.Random) -> str:
    return "".join(rng.choice(("<b>{}</b>", "<p>{}</p>", "<br>{} ", "{} ")).format(word(rng)) for _ in range(rng.randint(1, 3)))


def _uneven_lines(rng: random.Random) -> str:
    """With blank lines, lines that come again and blanks at the ends."""
    pool = [word(rng), " ".join(words(rng, 1, 2)), ""]
    return "\n".join(rng.choice(pool) + rng.choice(("", "", "  ")) for _ in range(rng.randint(2, 6)))


def _paragraphs(rng: random.Random) -> str:
    return "\n\n".join("\n".join(words(rng, 1, 2)) for _ in range(rng.randint(1, 4)))


def _blank(rng: random.Random) -> str:
    return rng.choice(("", " ", "   ", "\n", f"  {word(rng)}", f"{word(rng)}  ", word(rng)))


def _brackets(rng: random.Random) -> str:
    text = "a"
    for _ in range(rng.randint(1, 3)):
        pair = rng.choice(("()", "[]", "{}"))
        text = rng.choice((f"{pair[0]}{text}{pair[1]}", f"{text}{pair}"))
    return text.replace("a", rng.choice(("", "a")))


def _alphabet(rng: random.Random) -> str:
    text = rng.choice((PANGRAM, string.ascii_lowercase, PANGRAM.title()))
    return text if rng.random() < 1 - SPOILED else text.replace(rng.choice(string.ascii_lowercase), "")


def _repeating(rng: random.Random) -> str:
    pool = rng.choice(("ab", "abc", "xo", "01", "aA"))
    return "".join(rng.choice(pool) * rng.randint(1, 3) for _ in range(rng.randint(1, 4)))


FORMATTED_TEXTS: tuple[Way, ...] = (
    mirrored,
    cased,
    _digits,
    _integer,
    _decimal,
    spoiled(_integer),
    spoiled(lambda r: r.choice(WORDS)),
    _binary,
    spoiled(_binary),
    _hexadecimal,
    _number_list(","),
    _number_list(" "),
    _number_list(", ", low=0),
    _grid(","),
    _grid(" "),
    _key_values,
    spoiled(_checked_digits(16, (1, 2))),
    spoiled(_checked_digits(13, (1, 3))),
    spoiled(_phone),
    _internet_address,
    spoiled(hex_colour),
    _duration,
    _clock,
    spoiled(_clock),
    iso_date,
    spoiled(iso_date),
    _month,
    _answer,
    _quoted,
    _post,
    spoiled(_email),
    _link,
    _links,
    _html,
    _uneven_lines,
    _paragraphs,
    _blank,
    spoiled(_brackets),
    _alphabet,
    _repeating,
)
