"""The perturbations by name, and the tables that they draw from."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from metagpt.errors import LabError, did_you_mean
from metagpt.hub.data import TextData
from metagpt.lab.evaluation.entities import entities_of
from metagpt.lab.robustness.words import (
    Sentence,
    Tables,
    delete_words,
    replace_mentions,
    replace_synonyms,
    swap_words,
    type_wrongly,
)

__all__ = ["PERTURBATIONS", "check_kinds", "is_tagged", "read_synonyms", "tables_for"]

Change = Callable[[Sentence, int, Tables, random.Random], Sentence]

PERTURBATIONS: Mapping[str, Change] = {
    "swap": swap_words,
    "delete": delete_words,
    "typo": type_wrongly,
    "synonym": replace_synonyms,
    "mention": replace_mentions,
}
"""Each changes some words of a sentence; mention is for tagged text alone, and synonym needs a table."""


def is_tagged(data: TextData) -> bool:
    """Whether the labels are tags of words."""
    return bool(data) and "tokens" in data[0].fields


def check_kinds(kinds: Sequence[str], data: TextData, synonyms: Mapping[str, Sequence[str]] | None, *, strength: float) -> None:
    """Refuse what cannot be done to this set.

    Raises:
        LabError: an unknown kind, one that does not fit the data or lacks its table, or a strength that is no share.
    """
    if not 0 < strength <= 1:
        raise LabError(f"perturb: found strength = {strength!r}; expected a share of words, above 0 and at most 1. Correct it.")
    for kind in kinds:
        if kind not in PERTURBATIONS:
            raise LabError(f"perturb: found {kind!r}; expected one of {', '.join(PERTURBATIONS)}. {did_you_mean(kind, PERTURBATIONS)}")
        if kind == "synonym" and not synonyms:
            raise LabError("perturb: found synonym without a table; expected words with their synonyms. Give `synonyms`.")
        if kind == "mention" and not is_tagged(data):
            raise LabError(f"perturb: found mention for {data.name}, which has no tags; expected tagged text. Leave it out.")


def tables_for(data: TextData, synonyms: Mapping[str, Sequence[str]] | None) -> Tables:
    """The table of synonyms, and the mentions of a tagged set by type."""
    if not is_tagged(data):
        return Tables(synonyms=synonyms or {})
    mentions: dict[str, dict[tuple[str, ...], None]] = {}
    has_ends = False
    for words, tags in zip(data.tokens, data.labels, strict=True):
        has_ends = has_ends or any(tag.startswith(("E-", "S-")) for tag in tags)
        for entity in entities_of(tags):
            mentions.setdefault(entity.type, {})[tuple(words[entity.start : entity.end + 1])] = None
    return Tables(synonyms=synonyms or {}, mentions={type_: list(found) for type_, found in mentions.items()}, has_ends=has_ends)


def read_synonyms(path: Path | str) -> dict[str, list[str]]:
    """A table of synonyms: a JSON object from a word to a list of words.

    Raises:
        LabError: the file cannot be read, or holds something else.
    """
    try:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: {error}; expected a JSON object from words to lists of synonyms. Correct the file.") from error
    is_table = isinstance(said, dict) and all(
        isinstance(words, list) and words and all(isinstance(word, str) and word.strip() for word in words) for words in said.values()
    )
    if not is_table:
        raise LabError(
            f'{path}: found something else than lists of words; expected an object such as {{"big": ["large"]}}. Correct the file.'
        )
    return {word.lower(): words for word, words in said.items()}
