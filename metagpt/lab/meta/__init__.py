"""Meta-learning: MAML, FOMAML and Reptile find a start from which a few steps adapt to a new task."""

from metagpt.lab.meta.adaptation import Adaptable, Parameters, Points, TaskBatch, adapt
from metagpt.lab.meta.algorithms import fomaml_loss, maml_loss, reptile_loss
from metagpt.lab.meta.episodes import Episodes
from metagpt.lab.meta.learner import AdaptedClassifier, EpisodeShape, MetaLearner
from metagpt.lab.meta.report import AdaptationReport, Mean, compare_adaptation, measure_adaptation
from metagpt.lab.meta.settings import MetaConfig
from metagpt.lab.meta.sinusoid import Regressor, SinusoidTasks
from metagpt.lab.meta.text_network import TextNetwork, TextNetworkConfig
from metagpt.lab.meta.training import Start, meta_train

__all__ = [
    "Adaptable",
    "AdaptationReport",
    "AdaptedClassifier",
    "EpisodeShape",
    "Episodes",
    "Mean",
    "MetaConfig",
    "MetaLearner",
    "Parameters",
    "Points",
    "Regressor",
    "SinusoidTasks",
    "Start",
    "TaskBatch",
    "TextNetwork",
    "TextNetworkConfig",
    "adapt",
    "compare_adaptation",
    "fomaml_loss",
    "maml_loss",
    "measure_adaptation",
    "meta_train",
    "reptile_loss",
]
