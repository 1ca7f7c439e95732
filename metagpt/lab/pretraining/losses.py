"""What a model predicts for a batch, and the loss of that.

Shapes: B rows, T tokens, D width of the model, V vocabulary, N tokens whose prediction counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from metagpt.errors import LabError
from metagpt.lab.pretraining.answers import AnswerBatch
from metagpt.lab.pretraining.packing import WindowBatch

__all__ = ["LossOf", "Predict", "check_packable", "predict_answers", "predict_windows"]

Predict = Callable[[Any, Any], tuple[Tensor, Tensor]]
"""(model, batch) -> logits, N x V, and the tokens to be predicted, N."""


def predict_windows(model: Any, batch: WindowBatch) -> tuple[Tensor, Tensor]:
    """Every next token."""
    logits_BTV = model(input_ids=batch.tokens, use_cache=False).logits
    return logits_BTV.flatten(0, 1), batch.targets.flatten()


def predict_answers(model: Any, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
    """The tokens of answers; each example attends to itself alone, and logits are computed only where they count."""
    targets_M = batch.targets.flatten()  # M = B T
    counted_M = targets_M != -100
    hidden_BTD = _packed_hidden(model, batch)
    return model.get_output_embeddings()(hidden_BTD.flatten(0, 1)[counted_M]), targets_M[counted_M]


def _packed_hidden(model: Any, batch: AnswerBatch) -> Tensor:
    length, device = batch.tokens.shape[1], batch.tokens.device
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    seen_B1TT = ((batch.owners[:, :, None] == batch.owners[:, None, :]) & causal_TT)[:, None]
    is_autocast = torch.is_autocast_enabled(device.type)
    dtype = torch.get_autocast_dtype(device.type) if is_autocast else model.dtype
    bias_B1TT = torch.zeros(seen_B1TT.shape, dtype=dtype, device=device).masked_fill(~seen_B1TT, float("-inf"))
    hidden_BTD: Tensor = model.base_model(
        input_ids=batch.tokens, position_ids=batch.places, attention_mask=bias_B1TT, use_cache=False
    ).last_hidden_state
    return hidden_BTD


@torch.no_grad()
def check_packable(model: Any) -> None:
    """Two texts packed into one row must get the logits that they get alone.

    Raises:
        LabError: the model does something of its own with masks, places or logits.
    """
    was_training = model.training
    model.eval()
    tokens_BT = torch.tensor([[3, 1, 2, 2, 0]], device=model.device) % model.config.vocab_size
    places_BT, owners_BT = (torch.tensor([each], device=model.device) for each in ([0, 1, 2, 0, 1], [1, 1, 1, 2, 2]))
    hidden_BTD = _packed_hidden(model, AnswerBatch(0, tokens_BT, places_BT, owners_BT, tokens_BT))
    packed_BTV = model.get_output_embeddings()(hidden_BTD)
    alone_BTV = torch.cat([model(input_ids=part, use_cache=False).logits for part in (tokens_BT[:, :3], tokens_BT[:, 3:])], dim=1)
    model.train(was_training)
    if not torch.allclose(packed_BTV, alone_BTV, atol=1e-3, rtol=1e-3):
        raise LabError(
            f"pretrain: found a model ({type(model).__name__}) that predicts otherwise for packed examples than for each alone; expected"
            " one whose masks, places and logits are plain. Name another base."
        )


@dataclass(frozen=True)
class LossOf:
    """Mean cross-entropy of what counts; dropout draws from the seed and the batch's number, so that a resumed run draws the same."""

    predict: Predict
    seed: int
    device: torch.device
    is_16_bit: bool

    def __call__(self, model: nn.Module, batch: WindowBatch | AnswerBatch) -> Tensor:
        torch.manual_seed(self.seed + batch.number)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_16_bit):
            logits_NV, targets_N = self.predict(model, batch)
        return cross_entropy(logits_NV.float(), targets_N)
