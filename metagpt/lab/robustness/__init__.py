"""Robustness: adversarial training, augmentation, and the drop of a model under perturbation. Importing it loads no torch."""

from importlib import import_module
from typing import TYPE_CHECKING

from metagpt.lab.robustness.augmenting import augment, perturb
from metagpt.lab.robustness.drops import Drop, RobustnessReport, robustness_report
from metagpt.lab.robustness.perturbations import PERTURBATIONS, read_synonyms

if TYPE_CHECKING:
    from metagpt.lab.robustness.adversary import Adversary, Fgm, FreeLb, adversarial_loss, adversarial_trainer

__all__ = [
    "PERTURBATIONS",
    "Adversary",
    "Drop",
    "Fgm",
    "FreeLb",
    "RobustnessReport",
    "adversarial_loss",
    "adversarial_trainer",
    "augment",
    "perturb",
    "read_synonyms",
    "robustness_report",
]

_WITH_TORCH = frozenset(("Adversary", "Fgm", "FreeLb", "adversarial_loss", "adversarial_trainer"))


if not TYPE_CHECKING:  # checkers would take every name for one of ours

    def __getattr__(name):
        if name not in _WITH_TORCH:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module("metagpt.lab.robustness.adversary"), name)
        return value
