"""Small changes to a list of words; where the words are tagged, the tags stay with them, and entities stay whole.

Source: Wei and Zou 2019, arXiv:1901.11196 (swap, delete, synonyms); Belinkov and Bisk 2018, arXiv:1711.02173, section 3 (keyboard typos);
Dai and Adel 2020, arXiv:2010.11683, section 3 (replaced mentions). WordNet is not used: synonyms come from a table of the user's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metagpt.lab.evaluation.entities import Entity, entities_of

__all__ = ["Sentence", "Tables", "delete_words", "replace_mentions", "replace_synonyms", "swap_words", "type_wrongly"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHIFTS = (0.0, 0.25, 0.75)
"""How far each row of a keyboard stands to the right, in keys."""


def _neighbours() -> dict[str, str]:
    """For each letter those on the keys that touch its own, on an English keyboard."""
    places = {letter: (row, number + _SHIFTS[row]) for row, letters in enumerate(_ROWS) for number, letter in enumerate(letters)}
    return {
        letter: "".join(
            other
            for other, (r, x) in places.items()
            if other != letter and abs(r - row) <= 1 and abs(x - column) <= (1 if r == row else 0.8)
        )
        for letter, (row, column) in places.items()
    }


NEIGHBOURS = _neighbours()


@dataclass(frozen=True)
class Sentence:
    """Words, and a tag for each where they are tagged."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None

    @property
    def free(self) -> list[int]:
        """Places of words outside of entities."""
        if self.tags is None:
            return list(range(len(self.words)))
        return [place for place, tag in enumerate(self.tags) if tag == "O"]


@dataclass(frozen=True)
class Tables:
    """What some changes draw from."""

    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By word in small letters."""
    mentions: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)
    """By type the mentions of other sentences."""
    has_ends: bool = False
    """Whether tags mark the last word of an entity (E and S)."""


def swap_words(sentence: Sentence, count: int, tables: Tables, rng: random.Random) -> Sentence:
    """Two words outside of entities change places, `count` times."""
    words, free = list(sentence.words), sentence.free
    for _ in range(count if len(free) > 1 else 0):
        one, other = rng.sample(free, 2)
        words[one], words[other] = words[other], words[one]
    return Sentence(tuple(words), sentence.tags)


def delete_words(sentence: Sentence, count: int, tables: Tables, rng: random.Random) -> Sentence:
    """Words outside of entities go; one word always stays."""
    free = sentence.free
    gone = set(rng.sample(free, min(count, len(free), len(sentence.words) - 1)))
    kept = [place for place in range(len(sentence.words)) if place not in gone]
    tags = None if sentence.tags is None else tuple(sentence.tags[place] for place in kept)
    return Sentence(tuple(sentence.words[place] for place in kept), tags)


def type_wrongly(sentence: Sentence, count: int, tables: Tables, rng: random.Random) -> Sentence:
    """One letter in each of some words becomes one of a key beside it; entities are typed wrongly as well, and stay entities."""
    able = [place for place, word in enumerate(sentence.words) if any(letter.lower() in NEIGHBOURS for letter in word)]
    words = list(sentence.words)
    for place in rng.sample(able, min(count, len(able))):
        words[place] = _typed(words[place], rng)
    return Sentence(tuple(words), sentence.tags)


def _typed(word: str, rng: random.Random) -> str:
    place = rng.choice([number for number, letter in enumerate(word) if letter.lower() in NEIGHBOURS])
    letter = rng.choice(NEIGHBOURS[word[place].lower()])
    return word[:place] + (letter.upper() if word[place].isupper() else letter) + word[place + 1 :]


def replace_synonyms(sentence: Sentence, count: int, tables: Tables, rng: random.Random) -> Sentence:
    """Words outside of entities become one of their synonyms; those that the table lacks stay."""
    able = [place for place in sentence.free if tables.synonyms.get(sentence.words[place].lower())]
    words = list(sentence.words)
    for place in rng.sample(able, min(count, len(able))):
        synonym = rng.choice(list(tables.synonyms[words[place].lower()]))
        words[place] = synonym[:1].upper() + synonym[1:] if words[place][:1].isupper() else synonym
    return Sentence(tuple(words), sentence.tags)


def replace_mentions(sentence: Sentence, count: int, tables: Tables, rng: random.Random) -> Sentence:
    """Entities become other mentions of their type, however long; the tags follow. Of text without tags nothing changes."""
    entities = entities_of(sentence.tags or ())
    able = [each for each in entities if _others(sentence, each, tables)]
    chosen = {each.start: each for each in rng.sample(able, min(count, len(able)))}
    words: list[str] = []
    tags: list[str] = []
    place = 0
    while place < len(sentence.words):
        entity = chosen.get(place)
        if entity is None:
            words.append(sentence.words[place])
            tags.append(sentence.tags[place] if sentence.tags else "O")
            place += 1
            continue
        mention = rng.choice(_others(sentence, entity, tables))
        words += mention
        tags += _tags_of(entity.type, len(mention), tables.has_ends)
        place = entity.end + 1
    return Sentence(tuple(words), None if sentence.tags is None else tuple(tags))


def _others(sentence: Sentence, entity: Entity, tables: Tables) -> list[tuple[str, ...]]:
    own = sentence.words[entity.start : entity.end + 1]
    return [mention for mention in tables.mentions.get(entity.type, ()) if mention != own]


def _tags_of(type_: str, length: int, has_ends: bool) -> list[str]:
    if not has_ends:
        return [f"{'I' if number else 'B'}-{type_}" for number in range(length)]
    if length == 1:
        return [f"S-{type_}"]
    return [f"B-{type_}", *(f"I-{type_}" for _ in range(length - 2)), f"E-{type_}"]
