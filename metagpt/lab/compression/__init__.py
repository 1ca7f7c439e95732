"""Compression: pruning, quantization and distillation, each with size, speed and score before and after. Importing it loads no torch."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagpt.lab.compression.compressing import Compression, compress
    from metagpt.lab.compression.distilling import Distillation, distill
    from metagpt.lab.compression.settings import CompressSettings, DistillSettings
    from metagpt.lab.compression.storage import load_compressed
    from metagpt.lab.compression.subject import Subject

__all__ = [
    "CompressSettings",
    "Compression",
    "DistillSettings",
    "Distillation",
    "Subject",
    "compress",
    "distill",
    "load_compressed",
]

_ON_FIRST_USE = {
    "CompressSettings": "settings",
    "Compression": "compressing",
    "DistillSettings": "settings",
    "Distillation": "distilling",
    "Subject": "subject",
    "compress": "compressing",
    "distill": "distilling",
    "load_compressed": "storage",
}


if not TYPE_CHECKING:  # checkers would take every name for one of ours

    def __getattr__(name):
        if name not in _ON_FIRST_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)
        return value
