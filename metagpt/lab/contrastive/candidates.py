"""What a trainer may be given as a model, and where each one's files stand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from metagpt.errors import LabError
from metagpt.hub import Card, Entry, ModelHub, SelectedModel
from metagpt.hub.builtin import MINILM
from metagpt.hub.card import read_card
from metagpt.lab.inheritance import cached_card

__all__ = ["Candidate", "ModelSource", "candidates_of"]

ModelSource: TypeAlias = SelectedModel | Entry | os.PathLike[str] | str
"""What the hub selected, an entry of it, a folder, `hub:NAME@VERSION`, `minilm`, or the id of a model in the cache of this machine."""


@dataclass(frozen=True)
class Candidate:
    """A model that will be trained."""

    name: str
    folder: str
    """Or the id of a cached model."""
    reference: str | None = None
    """In the hub, for the lineage."""
    card: Card = Card()
    """What it says of itself."""


def candidates_of(models: ModelSource | Sequence[ModelSource] | None, hub: ModelHub | None = None) -> list[Candidate]:
    """The models with their folders; MiniLM where none is named.

    Raises:
        LabError: none, or one that is not there.
    """
    if models is None:
        models = "minilm"
    given = [models] if isinstance(models, SelectedModel | Entry | os.PathLike | str) else list(models)
    if not given:
        raise LabError("contrastive: found no models; expected one or more. Leave `models` out for MiniLM.")
    return [_candidate(each, hub) for each in given]


def _candidate(model: ModelSource, hub: ModelHub | None) -> Candidate:
    if isinstance(model, SelectedModel):
        return Candidate(model.reference, str(model.folder), model.reference, model.card)
    if isinstance(model, Entry):
        return _in_hub(model.reference, hub)
    path = Path(model).expanduser()
    if path.is_dir():
        return Candidate(path.name, str(path), card=read_card(path))
    name = os.fspath(model)
    if name.startswith("hub:") or "@" in name:
        return _in_hub(name.removeprefix("hub:"), hub)
    if name in ("minilm", MINILM):
        return _in_hub(f"{MINILM}@1", hub)
    if name.count("/") == 1 and not path.is_absolute():
        return Candidate(name, name, card=cached_card(name))
    raise LabError(f"contrastive: found the model {name!r}; expected minilm, a folder, hub:NAME@VERSION or ORG/NAME. Correct it.")


def _in_hub(reference: str, hub: ModelHub | None) -> Candidate:
    opened = hub or ModelHub()
    entry = opened.get(reference)
    return Candidate(entry.reference, str(opened.folder(entry.reference)), entry.reference, opened.card(entry))
