"""Forms of English verbs at the head of an imperative clause: `sort them` -> `sorting them`, `sorts them`."""

import re
from collections.abc import Callable

__all__ = ["gerund", "third_person"]

_DOUBLED = frozenset(
    """
    drop cut get put set strip split trim plan stop swap map run tag zip begin chop snap skip sum let sit dig pad flip spot clip cap
    """.split()  # noqa: SIM905  one word after another reads better
)
_ADVERBS = frozenset(["only", "just", "also", "simply", "always", "then", "first", "finally", "not"])
_VERBS = frozenset(
    """
    abbreviate add alternate append apply arrange average break build calculate capitalize capitalise change check chop
    clamp clean collapse collect combine compute concatenate convert copy count create cube cut decode delete detect
    determine discard divide double drop duplicate eliminate encode escape exclude extract filter find flatten flip forget
    format gather get give glue go grab group halve hand ignore insert interleave invert join keep leave list look lower
    lowercase make map mark mask measure merge multiply name negate normalize normalise number omit order pad pair pick
    print produce pull put raise read remove repeat replace report retain return reverse rotate round run say scale scan
    search select separate set shift shorten show skip slice sort split spell square squeeze stack stitch strip subtract sum
    surround swap tabulate take tally tell test throw tidy total transform translate transpose trim truncate turn undo
    uppercase use weed work wrap write yield zip report rank reduce score shout prefix suffix prepend tack attach
    see parse verify do choose ditch limit move decide generate alphabetise alphabetize dedupe deduplicate start express validate
    rewrite switch erase rearrange fetch string connect render chunk figure exchange mirror form line centre center spot stick
    increase clip place cycle stop locate partition solve unpack encrypt compress expand fill hide censor substitute cast compare
    reorder serialise dump export increment bump force cap bring push send shove accumulate record smooth squash identify output
    factorise factorize decompose play rescale unnest chain toggle
    """.split()  # noqa: SIM905  one word after another reads better
)


def gerund(clause: str) -> str | None:
    """`throw out the odd ones` -> `throwing out the odd ones`; None where the head is no known verb."""
    return _inflected(clause, _ing)


def third_person(clause: str) -> str | None:
    """`only keep the first` -> `only keeps the first`; None where the head is no known verb."""
    return _inflected(clause, _s)


def _inflected(clause: str, form: Callable[[str], str]) -> str | None:
    words = clause.split(" ")
    place = 1 if words[0] in _ADVERBS and len(words) > 1 else 0
    if words[place] not in _VERBS:
        return None
    words[place] = form(words[place])
    # A second verb after "and" follows the first: "sort them and take the top" -> "sorting them and taking the top".
    for number in range(place + 1, len(words) - 1):
        if words[number] in ("and", "then") and words[number + 1] in _VERBS:
            words[number + 1] = form(words[number + 1])
    return " ".join(words)


def _ing(verb: str) -> str:
    if verb in _DOUBLED:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


def _s(verb: str) -> str:
    if verb in ("go", "do"):
        return verb + "es"
    if re.search(r"(s|x|z|ch|sh)$", verb):
        return verb + "es"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ies"
    return verb + "s"
