"""What a model has of the one that it was made from: the languages that it knows, and the license."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from metagpt.hub.builtin import minilm_folder
from metagpt.hub.card import Card, card_of, read_card

__all__ = ["cached_card", "card_of_encoder", "inherited"]


def inherited(card: Card, base: Card) -> Card:
    """The card, with languages and license of the base where it names none of its own."""
    return replace(card, languages=card.languages or base.languages, license=card.license or base.license)


def card_of_encoder(name: str) -> Card:
    """The card of a sentence encoder by its name: `minilm`, a folder, or the id of a model in the cache of transformers."""
    folder = minilm_folder() if name == "minilm" else Path(name)
    if folder is not None and folder.is_dir():
        return read_card(folder)
    return cached_card(name) if name.count("/") == 1 else Card()


def cached_card(name: str) -> Card:
    """The card of a model in the cache of transformers; an empty one where none was downloaded with it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "README.md")
    return card_of(Path(found).read_text(encoding="utf-8", errors="replace"), name) if isinstance(found, str) else Card()
