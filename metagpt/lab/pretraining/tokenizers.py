"""The tokenizer of a run: made once, kept in its folder, and read from there ever after."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from metagpt.lab.architecture import register
from metagpt.lab.pretraining.material import Material
from metagpt.lab.pretraining.settings import PretrainSettings

__all__ = ["kept_tokenizer"]


def kept_tokenizer(settings: PretrainSettings, material: Material, kept: Path) -> Any:  # Any: transformers' tokenizers share no typed call
    """The tokenizer in the folder `kept`, which is put there first if it is not: the one named, or one learned from the data."""
    from transformers import AutoTokenizer

    register()
    if not (kept / "tokenizer.json").is_file():
        saved = settings.tokenizer if settings.base is None else settings.base
        made = (
            material.new_tokenizer()
            if settings.has_learned_tokenizer
            else AutoTokenizer.from_pretrained(Path(saved).expanduser(), local_files_only=True)
        )
        aside = kept.with_name(f".{kept.name}.part")  # a kill leaves no half of it
        shutil.rmtree(aside, ignore_errors=True)
        made.save_pretrained(aside)
        aside.rename(kept)
    return AutoTokenizer.from_pretrained(kept, local_files_only=True)
