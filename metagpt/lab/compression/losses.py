"""The loss of distillation.

Shapes: N examples or tokens that count, C classes or vocabulary.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

__all__ = ["distillation_loss", "soft_loss"]


def soft_loss(student_NC: Tensor, teacher_NC: Tensor, *, temperature: float) -> Tensor:
    """T² · KL(softmax(teacher / T) ‖ softmax(student / T)), the mean over the rows.

    T² keeps the gradient's size the same for every T. Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2.
    """
    student = log_softmax(student_NC / temperature, dim=-1)
    teacher = log_softmax(teacher_NC / temperature, dim=-1)
    return kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


def distillation_loss(student_NC: Tensor, teacher_NC: Tensor | None, labels_N: Tensor, *, temperature: float, soft: float) -> Tensor:
    """Of both: soft · soft_loss + (1 - soft) · cross-entropy with the labels; without a teacher the cross-entropy alone."""
    hard = cross_entropy(student_NC, labels_N)
    if teacher_NC is None or soft == 0:
        return hard
    return soft * soft_loss(student_NC, teacher_NC, temperature=temperature) + (1 - soft) * hard
