"""The text of a pretraining: read, split into what is trained on and what is held out, and named by its hash."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metagpt.errors import LabError

__all__ = ["Corpus", "read_corpus"]

_PLAIN = frozenset((".txt", ".md", ".text", ""))


@dataclass(frozen=True)
class Corpus:
    """Documents to train on and documents held out."""

    training: Sequence[str]
    validation: Sequence[str]
    digest: str
    """SHA-256 of all documents in their order."""


def read_corpus(source: str, *, validation_share: float, seed: int) -> Corpus:
    """Read and split; of a single text its end is held out, of many documents some by chance.

    Raises:
        LabError: nothing to read, or too little to split.
    """
    documents = [document for document in _documents(source) if document]
    digest = hashlib.sha256()
    for document in documents:
        digest.update(hashlib.sha256(document.encode()).digest())
    if len(documents) == 1:
        [text] = documents
        cut = int(len(text) * (1 - validation_share))
        training, validation = [text[:cut]], [text[cut:]]
    else:
        held_out = set(
            random.Random(seed).sample(range(len(documents)), max(1, round(len(documents) * validation_share))) if documents else ()
        )
        training = [text for number, text in enumerate(documents) if number not in held_out]
        validation = [documents[number] for number in sorted(held_out)]
    if not any(training) or not any(validation):
        size = sum(map(len, documents))
        raise LabError(f"pretrain: found {size} characters in {source!r}; expected enough to train on and to hold out. Name a longer text.")
    return Corpus(training, validation, digest.hexdigest())


def _documents(source: str) -> list[str]:
    path = Path(source).expanduser()
    is_reference = source.startswith(("hub:", "hf:"))
    if not is_reference and path.is_file() and path.suffix.lower() in _PLAIN:
        return [_text(path)]
    if not is_reference and path.is_dir() and (files := sorted(path.rglob("*.txt"))):
        return [_text(file) for file in files]
    from metagpt.hub.data import load_data

    return list(load_data(source if is_reference else path, label=None).texts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"pretrain: {path}: {error}; expected a text in UTF-8. Convert the file, or name another.") from error
