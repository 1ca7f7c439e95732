"""The words that make a pair of values an example: those between an argument and its result, and those around the two."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from metagpt.roles.software.goal_tokens import ARROW, LINE

__all__ = [
    "MOST_BETWEEN",
    "NEVER_BEFORE_CALL",
    "RESULT_HEADS",
    "VALUE",
    "Place",
    "Strength",
    "is_end",
    "is_order_to_turn",
    "is_reversed_link",
    "lead_of",
    "result_verb",
    "strength_of",
    "tells_of_a_fault",
    "word_set",
]


RESULT_HEADS = frozenset({"output", "outputs", "out", "result", "results", "returns", "return", "expected", "answer", "gives"})
"""Heads of a table's column of results."""


class Strength(IntEnum):
    """How clearly words say that one value comes of the other."""

    NONE = 0
    WEAK = 1
    """`is`, `has`, `=`, and orders as `return`: said of many things; an example only where one is announced or a sentence begins."""
    STRONG = 2
    """Arrows, `gives`, `should be`: said of a function and its argument."""


class Place(IntEnum):
    """Where an argument stands."""

    DENIED = 0
    """Behind words that make it a part of the task: `longer than 5`, `replace 'a'`."""
    UNKNOWN = 1
    START = 2
    """At the beginning of a sentence, a line or a part of one."""
    ANNOUNCED = 3
    """Behind words that announce an example: `for`, `e.g.`, `given`, `input`."""


def word_set(text: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(text.split())


VALUE = "<value>"
"""Stands for a value or a call among words."""

MOST_BETWEEN = 9
"""Words and marks between an argument and its result."""

_SAID_OF_IT = word_set(
    "gives returns yields becomes produces outputs prints shows tells evaluates maps equals makes leads comes goes converts"
)
_SAID_OF_IT |= word_set(
    "translates turns results scores answers reads means giving returning yielding becoming expect expects expected wanted want"
)
_ORDERS = word_set(
    "give return yield become produce output print show tell evaluate map equal make lead come go convert translate turn result"
)
_ORDERS |= word_set("answer read get gets getting says say see")
_STATES = word_set("is are be was 's has have contains = == === :")
_MODALS = word_set("should must would will shall 'd 'll ought supposed needs can i we you")
_NOUNS_OF_RESULT = word_set("output outputs out result answer expected returns")
_TYPES = word_set("number string text word letter list dict dictionary array boolean bool integer int float tuple value values")
_BETWEEN = word_set(
    "it this that these those which then the a an my your our its function program code method outcome so just simply please me us back"
    " as into out exactly correct right final following also here there thus hence therefore"
    " has have to like , - -- \u2013 \u2014 ) one"
)
_LINK = _SAID_OF_IT | _ORDERS | _STATES | _MODALS | _NOUNS_OF_RESULT | _BETWEEN | _TYPES | {ARROW, LINE}

_ANNOUNCING = word_set(
    "eg ie ex example examples instance given say input inputs in: calling passing call tests test sample samples case cases"
)
_ANNOUNCING |= word_set("suppose consider imagine assert try so like if when was turn turns print >>>")
_BEFORE_PARAMETER = word_set("the a an my your our their this")
_NOUNS_OF_ARGUMENT = word_set(
    "text string sentence phrase word line name title list array numbers number value input integer float dict dictionary mapping table"
    " matrix words values strings integers year date week argument it n x s"
)
_STARTS = word_set("( . ! ? : ; , - -- \u2013 \u2014 * \u2022 | .. ... ....") | {LINE, ""}
NEVER_BEFORE_CALL = word_set("of than not never instead without isn doesn 't")
"""Words before a call, too, that say it is no example."""

_DASHES = word_set("- -- \u2013 \u2014 |")
_DENIED = word_set(
    "by of than or and between remove removes replace replaces delete strip drop except without containing contains contain each every all"
    " letter letters word words character characters char chars symbol separator delimiter suffix prefix called named starting ending"
    " not never instead either with for in into to as on at from below above over under is are be = == + * / < > % & return returns says"
    " prints gives give add append prepend insert join split use using a an any no the only first last least most exactly top plus minus"
    " times multiplied divided contain equals equal becomes become"
) | {ARROW}
_NOT_BEFORE_WITH = word_set(
    "start starts starting begin begins beginning end ends ending replace replaces replaced replacing joined join separated split fill"
    " filled pad padded multiply multiplied divide divided prefix prefixed words word numbers strings letters lines names sentences"
    " filled combine combined compare compared together work works those ones all"
)
_NOT_BEFORE_FOR = word_set(
    "look looks looking search searches searching check checks checking wait waits scan ask asks test stands stand words"
)

_ENDS = word_set(". ! ? ; ) ] , | .. ... ....") | {LINE, ""}
_AFTER = word_set(
    "because since not while whereas please pls plz thx thanks thank cheers so also and then but i could can would ( - -- \u2013 \u2014"
)
_DENIED_AFTER = word_set("or if when unless plus minus times for with instead rather + - * / % = == < > of to from by 's more less")
_DENIED_AFTER |= {ARROW}
_CORRECTING = word_set("should must it that needs wanted expected i we instead the")

_REVERSED = word_set("for with on given when if whenever passed called from by")
_BETWEEN_REVERSED = _REVERSED | word_set(
    'it is gets the an a input argument text string word sentence list number value to i we you give pass as was applied : " of using'
    " calling run"
)


def strength_of(between: Sequence[str]) -> Strength:
    """What the words between two values say of them."""
    if not between or len(between) > MOST_BETWEEN or between[0] in _TYPES or not all(word in _LINK for word in between):
        return Strength.NONE
    words = set(between)
    if ARROW in words:
        return Strength.STRONG if words <= {ARROW, ",", ")", ":"} else Strength.NONE
    if LINE in words:
        return Strength.STRONG if _is_label([word for word in between if word != LINE]) else Strength.NONE
    if words & _SAID_OF_IT or _is_label(between):
        return Strength.STRONG
    if words & (_ORDERS | _STATES) or ("like" in words and words & {"would", "'d"}):
        said_of_result = words & (_MODALS | (_NOUNS_OF_RESULT - {"output", "out", "result", "answer"}))
        noun_is = words & _NOUNS_OF_RESULT and words & (_STATES - {":"})
        return Strength.STRONG if said_of_result or noun_is else Strength.WEAK
    return Strength.NONE


def _is_label(between: Sequence[str]) -> bool:
    """Whether it is `output:` or the like, said before a result."""
    plain = [word for word in between if word not in {",", ":", "=", "-", "--", ")"}]
    return plain in (
        ["output"],
        ["outputs"],
        ["out"],
        ["result"],
        ["answer"],
        ["expected", "output"],
        ["expected"],
        ["returns"],
        ["expected", "result"],
    )


def lead_of(before: Sequence[str]) -> Place:
    """What the words before an argument, the nearest last, make of it."""
    words = [*[""] * 4, *before]
    last, second, third = words[-1], words[-2], words[-3]
    if last in {"with", "for"} or (last == "on" and second in {"called", "run", "used", "call", "calling"}):
        refused = _NOT_BEFORE_WITH if last == "with" else _NOT_BEFORE_FOR
        return Place.DENIED if second in refused else Place.ANNOUNCED
    if last in _ANNOUNCING:
        return Place.ANNOUNCED
    if last in {",", ":"} and (second in _ANNOUNCING or (second, third) in {("this", "like"), ("these", "like"), ("follows", "as")}):
        return Place.ANNOUNCED
    if last == "that" and second == "so":
        return Place.ANNOUNCED
    if last in _NOUNS_OF_ARGUMENT and second in _BEFORE_PARAMETER and lead_of(words[4:-2]) == Place.ANNOUNCED:
        return Place.ANNOUNCED
    if last in _STARTS:
        is_operator = (last == "*" and second not in {LINE, ""}) or (last in _DASHES and second == VALUE)
        return Place.DENIED if is_operator else Place.START
    return Place.DENIED if last in _DENIED else Place.UNKNOWN


def is_end(after: Sequence[str], *, is_rich: bool) -> bool:
    """Whether a value may end an example where these words follow; a list or dictionary stands out among any words."""
    words = [*after[:6], "", "", "", ""]
    if {"wrong", "incorrect"} & set(words):
        return False
    rest = words[1:] if words[0] == "," else words
    if rest[0] == "but" and rest[1] in _CORRECTING:
        return False
    if words[0] in _ENDS or words[0] in _AFTER:
        return True
    return is_rich and words[0] not in _DENIED_AFTER


def result_verb(before: Sequence[str]) -> Strength:
    """Whether the words before a value, the nearest last, say that it is a result whose argument is to follow."""
    words = [word for word in before if word not in {"me", "us", "you", "the", "back", ":", "a", "to", "see", "get"} or word == "get"][-4:]
    if not words:
        return Strength.NONE
    last = words[-1]
    if last in {"expect", "expects", "want"}:
        return Strength.STRONG
    if last in {"be", "is", "'s"}:
        return Strength.STRONG if set(words) & {"should", "must", "answer", "result", "output"} else Strength.NONE
    if last in {"return", "give", "output", "produce", "yield", "print", "get"}:
        return Strength.STRONG if set(words) & {"should", "must", "would", "will", "'d", "expect", "want"} else Strength.WEAK
    return Strength.WEAK if last in {"returns", "gives", "yields", "outputs", "produces", "prints"} else Strength.NONE


def is_reversed_link(between: Sequence[str]) -> bool:
    """Whether the words between two values say that the second is the argument: `for`, `when given`."""
    if not 0 < len(between) <= 5 or not all(word in _BETWEEN_REVERSED for word in between):
        return False
    return bool(set(between) & _REVERSED) and tuple(between) not in {("with",), ("by",), ("from",)}


def is_order_to_turn(between: Sequence[str]) -> bool:
    """Whether the words stand between two values in `turn X into Y`."""
    return tuple(between) in {("into",), ("to",)}


_FAULTS = word_set("wrongly incorrectly mistakenly currently buggy")
_PROGRAMS = word_set("code function program version script method implementation attempt")
_DOES = word_set("gives returns prints outputs says produces gave returned")


def tells_of_a_fault(words: Sequence[str]) -> bool:
    """Whether the sentence that ends with these words tells what a faulty program does."""
    start = max((place + 1 for place, word in enumerate(words) if word in {".", "?", "!", ";", LINE, "but"}), default=0)
    sentence = words[start:]
    if _FAULTS & set(sentence):
        return True
    return any(
        one in {"my", "our"} and other in _PROGRAMS and does in _DOES
        for one, other, does in zip(sentence, sentence[1:], sentence[2:], strict=False)
    )
