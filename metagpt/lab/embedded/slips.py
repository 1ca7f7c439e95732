"""Source made wrong by one slip of the kind that models make: an operator, a call or an index taken for another."""

import random
import re

__all__ = ["slip"]

_SWAPS: tuple[tuple[str, str], ...] = (
    ("==", "!="),
    ("!=", "=="),
    (" < ", " <= "),
    (" > ", " >= "),
    (" > ", " < "),
    ("<=", "<"),
    (">=", ">"),
    ("== 0", "== 1"),
    ("== 1", "== 0"),
    (" + ", " - "),
    (" - ", " + "),
    (" * ", " + "),
    (" // ", " / "),
    (" % ", " // "),
    ("max(", "min("),
    ("min(", "max("),
    ("sum(", "len("),
    ("len(", "sum("),
    ("sorted(", "list("),
    ("set(", "list("),
    (", reverse=True", ""),
    (".lower()", ".upper()"),
    (".upper()", ".lower()"),
    (".lower()", ""),
    (".split()", ""),
    ("[0]", "[1]"),
    ("[-1]", "[0]"),
    ("[::-1]", ""),
    ("[:", "[1:"),
    (" not in ", " in "),
    (" in ", " not in "),
    (" and ", " or "),
    (" or ", " and "),
    ("not ", ""),
    ("any(", "all("),
    ("all(", "any("),
    (".startswith(", ".endswith("),
    (".endswith(", ".startswith("),
    ("int(", "str("),
    ("str(", "int("),
    ("float(", "int("),
    ("abs(", "int("),
    ("return ", ""),
    ('" ".join', '"".join'),
    ('"".join', '" ".join'),
)


def slip(source: str, rng: random.Random) -> str | None:
    """The source with one slip in it; None where none of those known fits. Whether it still runs, and how, is for others to see."""
    fitting = [(old, new) for old, new in _SWAPS if old in source]
    if not fitting:
        return None
    old, new = rng.choice(fitting)
    place = rng.choice([match.start() for match in re.finditer(re.escape(old), source)])
    return source[:place] + new + source[place + len(old) :]
