"""Compositions: several predictors as one, nested at will, and kept in the hub like a model."""

from metagpt.hub.composition.ensembles import Mean, Stacking, Vote
from metagpt.hub.composition.predictor import Predictor, ProbabilisticPredictor
from metagpt.hub.composition.recipe import (
    Composition,
    Member,
    compose,
    parse_composition,
    prepare_composition,
    read_composition,
)
from metagpt.hub.composition.structures import Parallel, Sequential

__all__ = [
    "Composition",
    "Mean",
    "Member",
    "Parallel",
    "Predictor",
    "ProbabilisticPredictor",
    "Sequential",
    "Stacking",
    "Vote",
    "compose",
    "parse_composition",
    "prepare_composition",
    "read_composition",
]
