"""Perplexity: how many equally likely tokens a language model hesitates between."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from metagpt.errors import LabError
from metagpt.lab.evaluation.measures import Measure

__all__ = ["model_perplexity", "perplexity", "perplexity_measure"]


def perplexity(losses: Sequence[float], tokens: Sequence[int] | None = None) -> float:
    """exp(Σ loss · tokens / Σ tokens), with losses in nats per token.

    Args:
        losses: Mean negative log likelihood of each text; or of each token, where `tokens` is left out.
        tokens: How many tokens each loss is the mean of.
    """
    return perplexity_measure(losses, tokens).value


def perplexity_measure(losses: Sequence[float], tokens: Sequence[int] | None = None) -> Measure:
    """The same as a measure, for intervals over texts."""
    import numpy

    count_N = numpy.ones(len(losses)) if tokens is None else numpy.asarray(tokens, dtype=numpy.float64)
    if not len(losses) or not count_N.sum():
        raise LabError("perplexity: found no tokens; expected one or more that are predicted. Give longer texts.")
    parts_N2 = numpy.stack([numpy.asarray(losses, dtype=numpy.float64) * count_N, count_N], axis=1)
    return Measure(name="perplexity", parts_NP=parts_N2, of_sums=lambda sums: math.exp(sums[0] / sums[1]), is_higher_better=False)


def model_perplexity(model: Any, tokenizer: Any, texts: Sequence[str], *, window: int = 512, stride: int | None = None) -> Measure:
    """The perplexity of a causal language model of transformers on texts.

    Args:
        model: The model, on its device.
        tokenizer: Its tokenizer.
        texts: Each is scored from its second token on.
        window: Most tokens that the model sees at once.
        stride: Tokens by which the window moves on; smaller gives every token more context. Half the window if left out.
    """
    import torch

    losses, counts = [], []
    model.eval()
    for text in texts:
        ids_T = torch.tensor(tokenizer(text)["input_ids"], device=model.device)
        total, number = 0.0, 0
        for start, new, end in _windows(len(ids_T), window, stride or max(1, window // 2)):
            with torch.inference_mode():
                logits_TV = model(input_ids=ids_T[start:end][None]).logits[0, :-1].float()
            loss_T = torch.nn.functional.cross_entropy(logits_TV, ids_T[start + 1 : end], reduction="none")
            fresh = loss_T[new - start - 1 :]
            total, number = total + float(fresh.double().sum()), number + len(fresh)
        losses.append(total / max(number, 1))
        counts.append(number)
    return perplexity_measure(losses, counts)


def _windows(length: int, window: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """(start, first token that is new, end): every token but the first is new in exactly one window."""
    new, start = 1, 0
    while new < length:
        end = min(start + window, length)
        yield start, new, end
        new, start = end, start + min(stride, window - 1)
