"""The model that a fine-tuning starts from: where its files are, and what the lineage calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import LabError
from metagpt.hub.card import Card, read_card
from metagpt.hub.selection import SelectedModel
from metagpt.lab.inheritance import cached_card

if TYPE_CHECKING:
    from metagpt.hub.hub import ModelHub

__all__ = ["Base", "find_base", "open_tokenizer", "opened", "silent"]


@dataclass(frozen=True, slots=True)
class Base:
    """A model to start from."""

    source: str
    """A folder, or the id of a model of a hub of transformers."""
    reference: str | None
    """`hub:NAME@VERSION` or `hf:ORG/NAME`; None for a folder, which no hub knows."""
    card: Card = Card()
    """What it says of itself."""


def find_base(model: object, hub: ModelHub | None = None) -> Base:
    """The base that is meant.

    Args:
        model: A folder; `hub:NAME@VERSION`; what `select_models` returned; or the id of a model in the cache of transformers.
        hub: Where `hub:` is looked up; the default hub if left out.

    Raises:
        LabError: no such folder, or nothing that names a model.
    """
    if isinstance(model, SelectedModel):
        return Base(os.fspath(model), f"hub:{model.reference}", model.card)
    if isinstance(model, os.PathLike):
        return _of_folder(Path(model))
    if not isinstance(model, str) or not model:
        raise LabError(f"finetune: found the model {model!r}; expected a folder, 'hub:NAME@VERSION' or an id such as 'ORG/NAME'. Name one.")
    if model.startswith("hub:"):
        from metagpt.hub.hub import ModelHub

        opened_hub = hub or ModelHub()
        entry = opened_hub.get(model)
        if entry.kind != "model":
            raise LabError(f"finetune: {model}: found the {entry.kind} {entry.reference}; expected a whole model. Name its base.")
        return Base(str(opened_hub.folder(entry.reference)), f"hub:{entry.reference}", opened_hub.card(entry))
    name = model.removeprefix("hf:")
    if not model.startswith("hf:") and (Path(model).expanduser().is_dir() or name.count("/") != 1 or name.startswith((".", "~"))):
        return _of_folder(Path(model).expanduser())
    return Base(name, f"hf:{name}", cached_card(name))


def _of_folder(path: Path) -> Base:
    if not (path / "config.json").is_file():
        raise LabError(f"finetune: found no config.json in {str(path)!r}; expected the folder of a model. Correct the path.")
    return Base(str(path.absolute()), None, read_card(path))


@contextmanager
def silent() -> Iterator[None]:
    """Without the warnings and progress bars of transformers; our own progress is shown by the Trainer."""
    from transformers.utils import logging

    level, had_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def opened(source: str) -> Iterator[None]:
    """Load in silence, and say plainly what does not load. Ours is made known to the Auto classes first."""
    from metagpt.lab.architecture import register

    register()
    try:
        with silent():
            yield
    except (OSError, ValueError, RuntimeError) as error:
        told = str(error).strip().splitlines()
        raise LabError(
            f"finetune: found {source!r} that does not load ({told[0] if told else type(error).__name__}); expected a model of transformers"
            " with safetensors weights and a tokenizer. Correct the name, or download it first."
        ) from error


def open_tokenizer(source: str) -> Any:  # Any: transformers' tokenizers
    """The tokenizer of a base; one without a padding token pads with its end token, which the attention mask hides."""
    from transformers import AutoTokenizer

    with opened(source):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise LabError(f"finetune: {source}: found a tokenizer without padding and end tokens; expected one of them. Set pad_token.")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
