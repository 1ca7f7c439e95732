"""Data, training and evaluation of models; installed by `metagpt[lab]`, imported by nothing of the agent side.

Importing it loads nothing: each name is loaded from its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagpt.lab.alignment import AlignSettings, align
    from metagpt.lab.architecture import (
        MetaGPTConfig,
        MetaGPTForCausalLM,
        MetaGPTForRegression,
        MetaGPTForSequenceClassification,
        MetaGPTForTokenClassification,
        MetaGPTModel,
        MetaGPTTokenizer,
    )
    from metagpt.lab.compression import CompressSettings, DistillSettings, compress, distill, load_compressed
    from metagpt.lab.compute import ComputeQueue, ModelShelf, Need
    from metagpt.lab.contrastive import ContrastiveConfig, ContrastiveModel, ContrastiveTrainer
    from metagpt.lab.devices import Device, list_devices, pick_device
    from metagpt.lab.evaluation import compare_models, evaluate_model
    from metagpt.lab.finetuning import FinetunedModel, FinetuneSettings, finetune
    from metagpt.lab.from_runs import data_from_runs
    from metagpt.lab.generation import generate_response
    from metagpt.lab.improvement import ImproveSettings, improve, rollback
    from metagpt.lab.meta import MetaConfig, MetaLearner
    from metagpt.lab.pretraining import PretrainSettings, pretrain
    from metagpt.lab.robustness import Fgm, FreeLb, augment, perturb, robustness_report
    from metagpt.lab.search import SearchSettings, search_hyperparameters

__all__ = [
    "AlignSettings",
    "CompressSettings",
    "ComputeQueue",
    "ContrastiveConfig",
    "ContrastiveModel",
    "ContrastiveTrainer",
    "Device",
    "DistillSettings",
    "Fgm",
    "FinetuneSettings",
    "FinetunedModel",
    "FreeLb",
    "ImproveSettings",
    "MetaConfig",
    "MetaGPTConfig",
    "MetaGPTForCausalLM",
    "MetaGPTForRegression",
    "MetaGPTForSequenceClassification",
    "MetaGPTForTokenClassification",
    "MetaGPTModel",
    "MetaGPTTokenizer",
    "MetaLearner",
    "ModelShelf",
    "Need",
    "PretrainSettings",
    "SearchSettings",
    "align",
    "augment",
    "compare_models",
    "compress",
    "data_from_runs",
    "distill",
    "evaluate_model",
    "finetune",
    "generate_response",
    "improve",
    "list_devices",
    "load_compressed",
    "perturb",
    "pick_device",
    "pretrain",
    "robustness_report",
    "rollback",
    "search_hyperparameters",
]

_ON_FIRST_USE = {
    "AlignSettings": "alignment",
    "CompressSettings": "compression",
    "ComputeQueue": "compute",
    "ContrastiveConfig": "contrastive",
    "ContrastiveModel": "contrastive",
    "ContrastiveTrainer": "contrastive",
    "Device": "devices",
    "DistillSettings": "compression",
    "Fgm": "robustness",
    "FinetuneSettings": "finetuning",
    "FinetunedModel": "finetuning",
    "FreeLb": "robustness",
    "ImproveSettings": "improvement",
    "MetaConfig": "meta",
    "MetaGPTConfig": "architecture",
    "MetaGPTForCausalLM": "architecture",
    "MetaGPTForRegression": "architecture",
    "MetaGPTForSequenceClassification": "architecture",
    "MetaGPTForTokenClassification": "architecture",
    "MetaGPTModel": "architecture",
    "MetaGPTTokenizer": "architecture",
    "MetaLearner": "meta",
    "ModelShelf": "compute",
    "Need": "compute",
    "PretrainSettings": "pretraining",
    "SearchSettings": "search",
    "align": "alignment",
    "augment": "robustness",
    "compare_models": "evaluation",
    "compress": "compression",
    "data_from_runs": "from_runs",
    "distill": "compression",
    "evaluate_model": "evaluation",
    "finetune": "finetuning",
    "generate_response": "generation",
    "improve": "improvement",
    "list_devices": "devices",
    "load_compressed": "compression",
    "perturb": "robustness",
    "pick_device": "devices",
    "pretrain": "pretraining",
    "robustness_report": "robustness",
    "rollback": "improvement",
    "search_hyperparameters": "search",
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
