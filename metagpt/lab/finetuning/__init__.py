"""Fine-tuning: one call for classification, tagging, regression and generation, by all weights or by few. Importing it loads no torch."""

from importlib import import_module
from typing import TYPE_CHECKING

from metagpt.lab.finetuning.finetune import finetune
from metagpt.lab.finetuning.settings import FinetuneSettings

if TYPE_CHECKING:
    from metagpt.lab.finetuning.finetuned import FinetunedModel

__all__ = ["FinetuneSettings", "FinetunedModel", "finetune"]


if not TYPE_CHECKING:  # checkers would take every name for one of ours

    def __getattr__(name):
        if name != "FinetunedModel":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = import_module("metagpt.lab.finetuning.finetuned").FinetunedModel
        return value
