"""The text of a pretraining: read, split into what is trained on and what is held out, and named by its hash."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metagpt.errors import LabError

__all__ = ["Corpus", "Pair", "Pairs", "read_corpus", "read_pairs"]

_PLAIN = frozenset((".txt", ".md", ".text", ""))


@dataclass(frozen=True)
class Corpus:
    """Documents to train on and documents held out."""

    training: Sequence[str]
    validation: Sequence[str]
    digest: str
    """SHA-256 of all documents in their order."""


@dataclass(frozen=True)
class Pair:
    """What a model reads, and what it should say then."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Pairs:
    """Prompts with answers to train on, and such held out."""

    training: Sequence[Pair]
    validation: Sequence[Pair]
    digest: str
    """SHA-256 of all in their order."""


def read_corpus(source: str, *, validation_share: float, seed: int, column: str = "text") -> Corpus:
    """Read and split; of a single text its end is held out, of many documents some by chance.

    Raises:
        LabError: nothing to read, or too little to split.
    """
    documents = [document for document in _documents(source, column) if document]
    if len(documents) == 1:
        [text] = documents
        cut = int(len(text) * (1 - validation_share))
        training, validation = [text[:cut]], [text[cut:]]
    else:
        held_out = _held_out(len(documents), validation_share, seed)
        training = [text for number, text in enumerate(documents) if number not in held_out]
        validation = [documents[number] for number in sorted(held_out)]
    if not any(training) or not any(validation):
        size = sum(map(len, documents))
        raise LabError(f"pretrain: found {size} characters in {source!r}; expected enough to train on and to hold out. Name a longer text.")
    return Corpus(training, validation, _digest(documents))


def read_pairs(source: str, prompts: str, answers: str, *, validation_share: float, seed: int) -> Pairs:
    """Read rows of prompt and answer from these columns, and hold some out by chance.

    Raises:
        LabError: a column that lacks, answers that are no texts, or too few rows to split.
    """
    from metagpt.hub.data import load_data

    is_reference = source.startswith(("hub:", "hf:"))
    loaded = load_data(source if is_reference else Path(source).expanduser(), text=prompts, label=answers)
    pairs = [Pair(text, label) for text, label in zip(loaded.texts, loaded.labels, strict=True) if isinstance(label, str)]
    if len(pairs) < len(loaded) or len(pairs) < 2:
        found = f"{len(loaded) - len(pairs)} answers that are no texts" if len(pairs) < len(loaded) else "a single row"
        raise LabError(f"pretrain: found {found} in {source!r}; expected two rows or more of prompt and answer. Mend the data.")
    held_out = _held_out(len(pairs), validation_share, seed)
    training = [pair for number, pair in enumerate(pairs) if number not in held_out]
    digest = _digest([text for pair in pairs for text in (pair.prompt, pair.answer)])
    return Pairs(training, [pairs[number] for number in sorted(held_out)], digest)


def _held_out(count: int, share: float, seed: int) -> set[int]:
    return set(random.Random(seed).sample(range(count), max(1, round(count * share))) if count else ())


def _digest(texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def _documents(source: str, column: str) -> list[str]:
    path = Path(source).expanduser()
    is_reference = source.startswith(("hub:", "hf:"))
    if not is_reference and path.is_file() and path.suffix.lower() in _PLAIN:
        return [_text(path)]
    if not is_reference and path.is_dir() and (files := sorted(path.rglob("*.txt"))):
        return [_text(file) for file in files]
    from metagpt.hub.data import load_data

    return list(load_data(source if is_reference else path, text=column, label=None).texts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"pretrain: {path}: {error}; expected a text in UTF-8. Convert the file, or name another.") from error
