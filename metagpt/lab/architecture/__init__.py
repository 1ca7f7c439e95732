"""The MetaGPT Transformer as transformers knows architectures: the Auto classes, generate, Trainer and peft take it.

Loaded on first use, and registered with the Auto classes then; importing this package alone loads nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from metagpt.lab.architecture.registration import register

if TYPE_CHECKING:
    from metagpt.lab.architecture.config import MetaGPTConfig
    from metagpt.lab.architecture.heads import (
        MetaGPTForCausalLM,
        MetaGPTForRegression,
        MetaGPTForSequenceClassification,
        MetaGPTForTokenClassification,
    )
    from metagpt.lab.architecture.model import MetaGPTModel
    from metagpt.lab.architecture.tokenizer import MetaGPTTokenizer

__all__ = [
    "MetaGPTConfig",
    "MetaGPTForCausalLM",
    "MetaGPTForRegression",
    "MetaGPTForSequenceClassification",
    "MetaGPTForTokenClassification",
    "MetaGPTModel",
    "MetaGPTTokenizer",
    "register",
]

_MODULES = {"MetaGPTConfig": "config", "MetaGPTModel": "model", "MetaGPTTokenizer": "tokenizer"}


if not TYPE_CHECKING:  # checkers would take every name for one of ours

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        register()
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'heads')}"), name)
        return value
