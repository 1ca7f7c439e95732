"""Telling peft what to adapt in this architecture where its user names no target modules."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["tell_peft"]

_TABLES = "peft.utils.constants"
_OWN = {
    "TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING": ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "gate_proj", "down_proj"],
    "TRANSFORMERS_MODELS_TO_LNTUNING_TARGET_MODULES_MAPPING": ["attention_norm", "feed_forward_norm", "norm"],
}
"""LoRA on every linear layer but the head: on fewer it falls behind full fine-tuning.

Source: Dettmers et al. 2023, arXiv:2305.14314, section 4.
"""


def tell_peft(model_type: str) -> None:
    """Fill peft's tables of target modules for the architecture: now where peft is imported, else as soon as it is.

    peft itself is not imported for it, and peft reads nothing else: no attribute of a model, no entry point.
    """
    if _TABLES in sys.modules:
        _fill(import_module(_TABLES), model_type)  # waits for another thread that is just importing it
    else:
        sys.meta_path.insert(0, _Filler(model_type))


def _fill(constants: ModuleType, model_type: str) -> None:
    """What suits Llama suits this architecture, whose projections have the same names, but for what is named above."""
    for name, table in vars(constants).items():
        if name.startswith("TRANSFORMERS_MODELS_TO_") and isinstance(table, dict) and "llama" in table:
            table.setdefault(model_type, _OWN.get(name, table["llama"]))


class _Filler(MetaPathFinder):
    """Lets the other finders find peft's tables, fills them once they are run, and is gone."""

    def __init__(self, model_type: str) -> None:
        self.model_type = model_type

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _TABLES:
            return None
        sys.meta_path.remove(self)
        found = find_spec(name)
        if found is not None and found.loader is not None:
            run = found.loader.exec_module

            def run_and_fill(module: ModuleType) -> None:
                run(module)
                _fill(module, self.model_type)

            found.loader.exec_module = run_and_fill  # type: ignore[method-assign]  # of this one module's loader
        return found
