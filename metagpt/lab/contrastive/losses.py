"""The contrastive losses.   N texts, D numbers in a vector, M = 2N views. Vectors have length 1, so that sim(a, b) = a·b."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["nt_xent", "supervised_contrastive"]


def nt_xent(first_ND: Tensor, second_ND: Tensor, *, temperature: float) -> Tensor:
    """l(i, j) = -log( exp(sim(z_i, z_j)/τ) / Σ_{k≠i} exp(sim(z_i, z_k)/τ) ), the mean over both orders of every pair of views.

    Source: Chen, Kornblith, Norouzi, Hinton 2020, "SimCLR", arXiv:2002.05709, eq. 1.

    Args:
        first_ND: A view of each text.
        second_ND: Another view of each, in the same order.
        temperature: τ, above 0.
    """
    views_MD = torch.cat([first_ND, second_ND])
    count = len(first_ND)
    partner_M = torch.cat([torch.arange(count, 2 * count), torch.arange(count)]).to(views_MD.device)
    log_share_MM = _log_shares(views_MD, temperature)
    return -log_share_MM.gather(1, partner_M.unsqueeze(1)).mean()


def supervised_contrastive(vectors_ND: Tensor, labels_N: Tensor, *, temperature: float) -> Tensor:
    """l(i) = -1/|P(i)| Σ_{p∈P(i)} log( exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ) ), P(i) the others of i's class; the mean over all i.

    Source: Khosla et al. 2020, "Supervised Contrastive Learning", arXiv:2004.11362, eq. 2 (L_out). Texts that are the only ones of
    their class in the batch have no P(i) and are left out of the mean; they stay in the sums of the others.

    Args:
        vectors_ND: Of the texts.
        labels_N: The number of each text's class.
        temperature: τ, above 0.
    """
    positive_NN = labels_N.unsqueeze(0) == labels_N.unsqueeze(1)
    positive_NN = positive_NN & ~torch.eye(len(labels_N), dtype=torch.bool, device=labels_N.device)
    counts_N = positive_NN.sum(1)
    log_share_NN = _log_shares(vectors_ND, temperature).masked_fill(~positive_NN, 0.0)
    has_any_N = counts_N > 0
    return -(log_share_NN.sum(1)[has_any_N] / counts_N[has_any_N]).sum() / has_any_N.sum().clamp(min=1)


def _log_shares(vectors_ND: Tensor, temperature: float) -> Tensor:
    """Log softmax of each row of sim/τ without the diagonal."""
    similarity_NN = vectors_ND @ vectors_ND.T / temperature
    itself_NN = torch.eye(len(vectors_ND), dtype=torch.bool, device=vectors_ND.device)
    return similarity_NN.masked_fill(itself_NN, -torch.inf).log_softmax(dim=1)
