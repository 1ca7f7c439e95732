"""Pretraining as a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.lab.jobs import Recipe, run_recipe

__all__ = ["Pretrained", "pretrain"]


@dataclass(frozen=True)
class Pretrained:
    """A model that was pretrained."""

    folder: Path
    """The run's folder: recipe, log, chart, samples, checkpoint."""
    results: Mapping[str, Any]
    """Loss, perplexity, speed and sizes."""

    @property
    def model_folder(self) -> Path:
        """What `from_pretrained`, `local:` and the hub take."""
        return Path(self.results["model"])

    def load(self) -> tuple[Any, Any]:
        """Model and tokenizer."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from metagpt.lab.architecture import register
        from metagpt.models.local.bars import bars_for

        register()
        with bars_for(long=False):
            model: Any = AutoModelForCausalLM.from_pretrained(self.model_folder, local_files_only=True, use_safetensors=True)
        return model.eval(), AutoTokenizer.from_pretrained(self.model_folder, local_files_only=True)


def pretrain(
    data: Path | str | None = None, *, out: Path | str | None = None, resume: Path | str | None = None, **settings: Any
) -> Pretrained:
    """Train a language model from nothing on a text, or go on with a run that was cut.

    Args:
        data: A text file, a folder of *.txt files, what `load_data` reads, or the name of an installed generated corpus.
        out: The run's new folder; one below `.metagpt/lab` if left out.
        resume: The folder of a run that was cut; it goes on with its own settings, and gives what it would have given uncut.
        settings: Fields of `PretrainSettings`.

    Raises:
        ConfigError: a bad setting, or a folder that cannot be used.
        LabError: data that cannot be trained on, or a training that diverged.
    """
    values = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    if data is not None:
        values["data"] = str(data)
    recipe = Recipe(kind="pretrain", values=values, source="pretrain")
    folder, results = run_recipe(recipe, out=None if out is None else Path(out), resume=None if resume is None else Path(resume))
    return Pretrained(folder.path, results)
