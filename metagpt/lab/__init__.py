"""Data, training and evaluation of models; installed by `metagpt[lab]`, imported by nothing of the agent side.

Importing it loads nothing: each name is loaded from its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagpt.lab.architecture import (
        MetaGPTConfig,
        MetaGPTForCausalLM,
        MetaGPTForRegression,
        MetaGPTForSequenceClassification,
        MetaGPTForTokenClassification,
        MetaGPTModel,
        MetaGPTTokenizer,
    )
    from metagpt.lab.compute import ComputeQueue, ModelShelf, Need
    from metagpt.lab.devices import Device, list_devices, pick_device
    from metagpt.lab.evaluation import compare_models, evaluate_model
    from metagpt.lab.finetuning import FinetunedModel, FinetuneSettings, finetune
    from metagpt.lab.generation import generate_response
    from metagpt.lab.pretraining import PretrainSettings, pretrain

__all__ = [
    "ComputeQueue",
    "Device",
    "FinetuneSettings",
    "FinetunedModel",
    "MetaGPTConfig",
    "MetaGPTForCausalLM",
    "MetaGPTForRegression",
    "MetaGPTForSequenceClassification",
    "MetaGPTForTokenClassification",
    "MetaGPTModel",
    "MetaGPTTokenizer",
    "ModelShelf",
    "Need",
    "PretrainSettings",
    "compare_models",
    "evaluate_model",
    "finetune",
    "generate_response",
    "list_devices",
    "pick_device",
    "pretrain",
]

_ON_FIRST_USE = {
    "ComputeQueue": "compute",
    "Device": "devices",
    "FinetuneSettings": "finetuning",
    "FinetunedModel": "finetuning",
    "MetaGPTConfig": "architecture",
    "MetaGPTForCausalLM": "architecture",
    "MetaGPTForRegression": "architecture",
    "MetaGPTForSequenceClassification": "architecture",
    "MetaGPTForTokenClassification": "architecture",
    "MetaGPTModel": "architecture",
    "MetaGPTTokenizer": "architecture",
    "ModelShelf": "compute",
    "Need": "compute",
    "PretrainSettings": "pretraining",
    "compare_models": "evaluation",
    "evaluate_model": "evaluation",
    "finetune": "finetuning",
    "generate_response": "generation",
    "list_devices": "devices",
    "pick_device": "devices",
    "pretrain": "pretraining",
}
"""Public names with the modules of this package that they stand in."""


if not TYPE_CHECKING:  # checkers would take every name for one of ours

    def __getattr__(name):
        if name not in _ON_FIRST_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
