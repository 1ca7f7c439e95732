"""Few-shot classification by contrastive training of sentence encoders: NT-Xent and the supervised contrastive loss."""

from metagpt.lab.contrastive.losses import nt_xent, supervised_contrastive
from metagpt.lab.contrastive.model import ContrastiveModel, Trained
from metagpt.lab.contrastive.settings import ContrastiveConfig
from metagpt.lab.contrastive.trainer import ContrastiveTrainer

__all__ = ["ContrastiveConfig", "ContrastiveModel", "ContrastiveTrainer", "Trained", "nt_xent", "supervised_contrastive"]
