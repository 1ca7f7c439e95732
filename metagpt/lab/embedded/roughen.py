"""How goals really look: capitals and full stops, or none; small talk; other words; typing errors."""

import random
import re

from metagpt.lab.embedded.frames import AFTERWORDS, DIALECT, OPENERS, RESULT_NOTES

__all__ = ["add_talk", "reword", "roughen"]

_QUOTED = re.compile(r"('[^']*'|\"[^\"]*\"|`[^`]*`)")


def add_talk(goal: str, gives: str, rng: random.Random) -> str:
    """Sometimes a sentence before or after that asks for nothing more, or names the type of the result."""
    if rng.random() < 0.06:
        note = rng.choice(RESULT_NOTES[gives])
        goal = goal + note.lstrip(".,;") if goal.endswith("?") else goal.rstrip(".") + note
    if rng.random() < 0.08:
        goal = rng.choice(OPENERS) + goal
    if rng.random() < 0.1:
        goal = goal + ("" if goal[-1] in ".?!" else ".") * (rng.random() < 0.6) + rng.choice(AFTERWORDS)
    return goal


def roughen(goal: str, rng: random.Random, keep: tuple[str, ...] = ()) -> str:
    """The goal with the capitals, marks and slips of one writer; quoted parts and the words of `keep` stay."""
    if rng.random() < 0.12:
        goal = _reworded(goal, rng, keep)
    if rng.random() < 0.1:
        goal = _mistyped(goal, rng, keep)
    style = rng.random()
    if style < 0.6:
        goal = _proper(goal, keep)
        return goal + ("" if goal[-1] in ".?!:" or rng.random() < 0.35 else ".")
    if style < 0.62 and not _QUOTED.search(goal) and not keep and "\n" not in goal:
        return goal.upper()
    return goal + ("." if rng.random() < 0.2 and goal[-1] not in ".?!" else "")


def reword(goal: str, rng: random.Random, keep: tuple[str, ...] = ()) -> str:
    """A goal that has a writer's hand already, in a slightly other one: a word, a slip, the first capital, the last mark."""
    if rng.random() < 0.15:
        goal = _reworded(goal, rng, keep)
    if rng.random() < 0.08:
        goal = _mistyped(goal, rng, keep)
    style = rng.random()
    first = goal.split(" ", 1)[0]
    if style < 0.15 and first.istitle() and first != "I" and not _QUOTED.match(goal) and first not in keep:
        goal = goal[0].lower() + goal[1:]
    elif style < 0.3 and first.islower() and first not in keep:
        goal = goal[0].upper() + goal[1:]
    elif style < 0.33 and not _QUOTED.search(goal) and not keep and "\n" not in goal:
        goal = goal.lower()
    if rng.random() < 0.15:
        goal = goal[:-1] if goal[-1] == "." else goal + "." * (goal[-1].isalpha())
    return goal


def _proper(goal: str, keep: tuple[str, ...]) -> str:
    goal = re.sub(r"\bi\b(?=[ '])(?![^`]*`)", "I", goal) if not _QUOTED.search(goal) else re.sub(r"(^|[.!?] )i(?=[ '])", r"\1I", goal)

    def capital(match: re.Match[str]) -> str:
        rest = goal[match.end() - 1 :]
        return match.group(0) if any(rest.startswith(word) for word in keep) or rest.startswith("def ") else match.group(0).upper()

    return re.sub(r"(^|(?<=[a-z)][.!?] )|(?<=\n)|(?<=\n- ))([a-z])", capital, goal)


def _free_words(goal: str, keep: tuple[str, ...]) -> list[re.Match[str]]:
    quoted = [match.span() for match in _QUOTED.finditer(goal)]
    words = re.finditer(r"(?<![\w'`])[a-z]{4,}(?![\w'(`])", goal)
    return [word for word in words if word.group() not in keep and not any(a <= word.start() < b for a, b in quoted)]


def _reworded(goal: str, rng: random.Random, keep: tuple[str, ...]) -> str:
    old, new = rng.choice(DIALECT)
    spans = [match for match in re.finditer(rf"(?<![\w'`]){old}(?![\w'(`])", goal) if match.group() not in keep]
    quoted = [match.span() for match in _QUOTED.finditer(goal)]
    for match in spans:
        if not any(a <= match.start() < b for a, b in quoted):
            return goal[: match.start()] + new + goal[match.end() :]
    return goal


def _mistyped(goal: str, rng: random.Random, keep: tuple[str, ...]) -> str:
    for _ in range(rng.choice((1, 1, 2))):
        words = _free_words(goal, keep)
        if not words:
            return goal
        match = rng.choice(words)
        goal = goal[: match.start()] + _slip(match.group(), rng) + goal[match.end() :]
    return goal


def _slip(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place] + word[place:]
    if kind == 2:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    near = {"a": "s", "e": "r", "i": "o", "o": "p", "t": "r", "n": "m", "s": "d", "r": "t", "l": "k", "u": "y"}
    return word[:place] + near.get(word[place], word[place]) + word[place + 1 :]
