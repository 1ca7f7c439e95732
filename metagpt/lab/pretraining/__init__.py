"""Pretraining: from a text to a language model, with everything needed to stop at any moment and go on exactly."""

from metagpt.lab.pretraining.call import Pretrained, pretrain
from metagpt.lab.pretraining.generated import GeneratedCorpus
from metagpt.lab.pretraining.settings import PretrainSettings

__all__ = ["GeneratedCorpus", "PretrainSettings", "Pretrained", "pretrain"]
