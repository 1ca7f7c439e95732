"""A sentence encoder that is trained: texts are tokenised once, and a batch goes through the network in pieces of like length.

Shapes: B texts, T tokens, D numbers in a vector.
"""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from metagpt.errors import LabError

__all__ = ["Tokens", "TrainedEncoder"]

Tokens: TypeAlias = list[list[int]]
"""The token numbers of each text."""


class TrainedEncoder(nn.Module):
    """A model of sentence-transformers as texts -> vectors of length 1.

    Args:
        folder: Of a sentence encoder, or of any language model of transformers, whose tokens' vectors are then pooled.
        device: Where it runs.
        max_tokens: Of a text; the rest is cut off. The model's own limit if that is lower.
    """

    def __init__(self, folder: Path | str, *, device: str = "cpu", max_tokens: int = 128) -> None:
        super().__init__()
        self.network: Any = _load(str(folder), device)
        self.max_tokens = min(max_tokens, self.network.max_seq_length or max_tokens)
        self.device = torch.device(device)

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.network.get_embedding_dimension())

    def freeze_token_vectors(self) -> None:
        """Keep the vectors of tokens as they are: half of a small encoder's parameters, of which few texts see but a sliver."""
        self.network[0].auto_model.get_input_embeddings().requires_grad_(False)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Done once for all epochs."""
        encoded = self.network.tokenizer(list(texts), truncation=True, max_length=self.max_tokens, padding=False)
        tokens: Tokens = encoded["input_ids"]
        return [each or [self._padding] for each in tokens]

    @property
    def _padding(self) -> int:
        return int(self.network.tokenizer.pad_token_id or 0)

    def forward(self, tokens: Tokens, *, pieces: int = 3) -> Tensor:
        """Vectors [B, D]; short and long texts go through apart, so that little is padding."""
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        size = math.ceil(len(order) / max(1, pieces))
        rows = [self._encode([tokens[place] for place in order[at : at + size]]) for at in range(0, len(order), size)]
        back = torch.tensor(order, device=self.device).argsort()
        return torch.cat(rows)[back]

    def _encode(self, tokens: Tokens) -> Tensor:
        longest = max(map(len, tokens))
        ids_BT = torch.tensor([each + [self._padding] * (longest - len(each)) for each in tokens], device=self.device)
        mask_BT = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in tokens], device=self.device)
        with _in_bfloat16(self.device):
            vectors_BD: Tensor = self.network({"input_ids": ids_BT, "attention_mask": mask_BT})["sentence_embedding"]
        return normalize(vectors_BD.float(), dim=-1)

    def save(self, folder: Path) -> None:
        """Write it as a folder of sentence-transformers."""
        with _quiet():
            self.network.save_pretrained(str(folder), create_model_card=False)

    @torch.inference_mode()
    def encode(self, tokens: Tokens, *, batch_size: int = 64) -> Tensor:
        """Vectors without gradients, on the processor."""
        if not tokens:
            return torch.zeros(0, self.dimensions)
        was_training = self.training
        self.eval()
        vectors: Tensor = self(tokens, pieces=math.ceil(len(tokens) / batch_size)).cpu()
        self.train(was_training)
        return vectors.clone()


def _in_bfloat16(device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products in bfloat16 where the hardware has them: the weights stay in float32."""
    has_it = torch.ops.mkldnn._is_mkldnn_bf16_supported() if device.type == "cpu" else device.type == "cuda"
    return torch.autocast(device.type, torch.bfloat16) if has_it else nullcontext()


def _load(folder: str, device: str) -> Any:  # Any: a library without types
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise LabError('contrastive: found no sentence-transformers; expected the extra. Run: pip install "metagpt[lab]"') from error
    settings = {"use_safetensors": True, "dtype": torch.float32}  # the other format is pickle, which runs what it holds
    try:
        with _quiet():
            return SentenceTransformer(folder, device=device, local_files_only=True, trust_remote_code=False, model_kwargs=settings)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise LabError(
            f"contrastive: found a model in {folder!r} that does not load ({error}); expected a sentence encoder or a language model with"
            " safetensors weights. Name another, or fetch it into the hub first."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading and saving take a fifth of a second: no bar, and no word on an encoder that comes without a pooling of its own."""
    bars: Any = importlib.import_module("transformers.utils.logging")
    was_enabled, library = bars.is_progress_bar_enabled(), logging.getLogger("sentence_transformers")
    level = library.level
    bars.disable_progress_bar()
    library.setLevel(logging.ERROR)
    try:
        yield
    finally:
        library.setLevel(level)
        if was_enabled:
            bars.enable_progress_bar()
