"""Perturbed sets: one to test on, or the set itself with perturbed copies to train on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from metagpt.hub.data import Example, TextData
from metagpt.lab.robustness.perturbations import PERTURBATIONS, check_kinds, tables_for
from metagpt.lab.robustness.words import Sentence, Tables

__all__ = ["augment", "perturb"]

Synonyms = Mapping[str, Sequence[str]]


def perturb(data: TextData, kind: str, *, strength: float = 0.1, seed: int = 0, synonyms: Synonyms | None = None) -> TextData:
    """Every example changed once, in the same order and with its label; of tagged text the tags stay with their words.

    Args:
        data: The set.
        kind: swap, delete, typo, synonym, or for tagged text mention.
        strength: Share of the words (or mentions) that are changed, one at least.
        seed: Same seed, same changes.
        synonyms: For synonym: from words in small letters to their synonyms.

    Raises:
        LabError: a kind that does not fit.
    """
    check_kinds([kind], data, synonyms, strength=strength)
    tables = tables_for(data, synonyms)
    changed = (_changed(each, kind, strength, tables, random.Random(f"{seed}/{kind}/{number}")) for number, each in enumerate(data))
    return TextData(changed, name=f"{data.name}, {kind}")


def augment(
    data: TextData,
    kinds: Sequence[str] = ("swap", "delete", "typo"),
    *,
    copies: int = 1,
    strength: float = 0.1,
    seed: int = 0,
    synonyms: Synonyms | None = None,
) -> TextData:
    """The set, and behind it `copies` changed copies of every example for each kind; copies that equal an example are left out.

    Args:
        data: A training set; never augment what you test on.
        kinds: As for `perturb`.
        copies: Of each example and kind.
        strength: As for `perturb`.
        seed: As for `perturb`.
        synonyms: As for `perturb`.

    Raises:
        LabError: a kind that does not fit.
    """
    check_kinds(kinds, data, synonyms, strength=strength)
    seen = {(each.text, each.label) for each in data}
    added: list[Example] = []
    for kind in dict.fromkeys(kinds):
        for copy in range(copies):
            for each in perturb(data, kind, strength=strength, seed=seed + copy, synonyms=synonyms):
                if (each.text, each.label) not in seen:
                    seen.add((each.text, each.label))
                    added.append(each)
    return TextData([*data, *added], name=f"{data.name}, augmented")


def _changed(example: Example, kind: str, strength: float, tables: Tables, rng: random.Random) -> Example:
    tokens = example.fields.get("tokens")
    is_words = isinstance(tokens, list | tuple)
    tags = example.label if is_words and isinstance(example.label, tuple) else None
    words = tuple(tokens) if isinstance(tokens, list | tuple) else tuple(example.text.split())
    if not words:
        return example
    found = PERTURBATIONS[kind](Sentence(words, tags), max(1, round(strength * len(words))), tables, rng)
    if found.words == words:
        return example
    text = " ".join(found.words)
    if not is_words:
        return replace(example, text=text)
    label = found.tags if tags is not None else example.label
    return replace(example, text=text, label=label, fields={**example.fields, "tokens": list(found.words)})
