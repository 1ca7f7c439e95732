"""Corpora that are made as they are read, without end; those installed are found by name as plugins of the group `metagpt.corpora`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol

from metagpt.errors import LabError
from metagpt.plugins import load_plugin

__all__ = ["Answered", "GeneratedCorpus", "corpus_names", "load_corpus"]


class Answered(Protocol):
    """What a model reads, and what it should say then, without the mark of the end."""

    @property
    def prompt(self) -> str: ...
    @property
    def answer(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class GeneratedCorpus:
    """What a plugin of the group `metagpt.corpora` is."""

    examples: Callable[[random.Random], Iterator[Answered]]
    """From chance to examples without end: the same chance, the same examples. Each batch of a training has a chance of its own."""
    train_tokenizer: Callable[[int, int], Any] | None = None  # Any: transformers' tokenizers share no typed call
    """From vocabulary size and seed to the tokenizer of `tokenizer = "corpus"`; None where it has none of its own."""
    datasets: Mapping[str, str] = field(default_factory=dict)
    """What it is made from, by name: where that stands, or how it comes about. Told in the card and drawn in the lineage."""


def corpus_names() -> set[str]:
    """Every registered name; nothing is imported for it."""
    return set(entry_points(group="metagpt.corpora").names)


def load_corpus(name: str) -> GeneratedCorpus:
    """The corpus of that name.

    Raises:
        ConfigError: there is none, or its package does not import.
        LabError: the plugin is something else.
    """
    found = load_plugin("corpora", name)
    if not isinstance(found, GeneratedCorpus):
        raise LabError(f"pretrain: found the corpora plugin {name!r} to be {found!r}; expected a GeneratedCorpus. Mend the plugin.")
    return found
