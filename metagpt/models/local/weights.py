"""One model in memory: its weights, its tokenizer, and one step of it.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metagpt.errors import ModelUnavailableError
from metagpt.models.compact import END
from metagpt.models.local.adapters import Adapters
from metagpt.models.local.architectures import register_architecture
from metagpt.models.local.bars import bars_for
from metagpt.models.local.constrained import Grammars
from metagpt.models.local.folder import check_folder, is_folder_reference
from metagpt.models.local.int8 import quantize
from metagpt.models.local.kv import RowCache

__all__ = ["Source", "Weights", "load_weights"]

_PARAMETERS_PER_THREAD = 20_000_000
"""With less work than this, threads wait for each other longer than they compute: on two busy cores, two threads made a model of
7 million parameters twenty times slower than one did."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is loaded once per process."""

    path: str
    """A folder, absolute, or a hub id."""
    device: str
    dtype: torch.dtype
    """What is computed in."""
    is_int8: bool = False
    """Whether the weights of linear layers are kept in eight bits."""


class Weights:
    """A loaded model."""

    def __init__(self, source: Source, model: Any, tokenizer: Any) -> None:  # Any: transformers' classes share no typed call
        self.owner = f"local:{source.path}"
        self.device = torch.device(source.device)
        self.tokenizer = tokenizer
        self.context_tokens = _window(model)
        """Most tokens of prompt and answer together."""
        self.end_tokens = _end_tokens(model, tokenizer)
        self._model = model
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._last_only: dict[str, int] = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self.adapters = Adapters(self.owner, model, device=self.device, dtype=source.dtype)
        self.num_logits = self._probe()
        self.grammars = Grammars(self.owner, tokenizer, num_logits=self.num_logits, end_tokens=sorted(self.end_tokens))
        self.decode: Callable[[Sequence[int]], str] = _decoder(tokenizer)
        """Tokens to text, special tokens left out."""

    def step(self, tokens_BT: Tensor, cache: RowCache) -> Tensor:
        """Add the tokens to the cache; the logits that follow them, B x V in float32."""
        output = self._forward(tokens_BT, cache, **self._last_only)
        logits_BV: Tensor = output.logits[:, -1].float()
        return logits_BV

    def _forward(self, tokens_BT: Tensor, cache: RowCache, **options: int) -> Any:  # Any: as above
        num_tokens = tokens_BT.shape[1]
        positions = {"position_ids": cache.positions(num_tokens)} if self._takes_positions else {}
        return self._model(
            input_ids=tokens_BT,
            attention_mask=cache.mask(num_tokens),
            past_key_values=cache.layers,
            use_cache=True,
            **positions,
            **options,
        )

    @torch.inference_mode()
    def log_likelihoods(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """Of each (prompt, answer) the sum of the answer's tokens' log-probabilities (nats), without an adapter.

        A beginning that all prompts share is read once.
        """
        if not pairs:
            return []
        self.adapters.choose(())
        rows = [[*prompt, *answer] for prompt, answer in pairs]
        columns = zip(*(prompt[:-1] for prompt, _ in pairs), strict=False)
        read = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, columns))
        cache = RowCache.empty(self.device)
        if read:
            self.step(torch.tensor([rows[0][:read]], device=self.device), cache)
            cache = RowCache.merged([(cache, [0] * len(rows))])
        tokens_BT = torch.zeros(len(rows), max(map(len, rows)) - read, dtype=torch.long, device=self.device)
        for number, row in enumerate(rows):
            tokens_BT[number, : len(row) - read] = torch.tensor(row[read:], device=self.device)
        logits_BTV = self._forward(tokens_BT, cache).logits[:, :-1].float()
        chosen_BT = logits_BTV.log_softmax(dim=-1).gather(2, tokens_BT[:, 1:, None]).squeeze(2)
        answers = [slice(len(prompt) - 1 - read, len(row) - 1 - read) for row, (prompt, _) in zip(rows, pairs, strict=True)]
        return [float(chosen_T[answer].sum()) for chosen_T, answer in zip(chosen_BT, answers, strict=True)]

    def _probe(self) -> int:
        """Width of the logits; proves on two tokens that the model keeps its past in keys and values."""
        cache = RowCache.empty(self.device)
        tokens_BT = torch.zeros(1, 2, dtype=torch.long, device=self.device)
        try:
            logits_BV = self.step(tokens_BT, cache)
        except (TypeError, ValueError, AttributeError, NotImplementedError, IndexError) as error:
            raise self._unsupported(f"{type(error).__name__}: {error}") from error
        if cache.length != tokens_BT.shape[1]:
            raise self._unsupported("its past is kept elsewhere")
        return int(logits_BV.shape[-1])

    def _unsupported(self, reason: str) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"{self.owner}: {type(self._model).__name__} cannot be decoded in batches ({reason}); expected a decoder with keys and values "
            "in every layer. Serve it elsewhere and use openai:NAME@BASE_URL, or take another model."
        )


_SMALL_BYTES = 100 * 1024 * 1024


def load_weights(source: Source) -> Weights:
    """Read model and tokenizer; a hub id is downloaded into transformers' cache first.

    Raises:
        Exception: whatever transformers raises; `faults.while_loading` says it in our words.
    """
    owner = f"local:{source.path}"
    if is_folder_reference(source.path):
        check_folder(owner, Path(source.path))
        register_architecture(Path(source.path))
    transformers = importlib.import_module("transformers")
    with bars_for(long=not _is_small(source.path)), _report_unsaid():  # what is small is read in a moment: a bar would only flicker
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.path)
        model, report = transformers.AutoModelForCausalLM.from_pretrained(
            source.path, dtype=source.dtype, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
    _check_complete(owner, model, report)
    if source.device == "cpu":
        _bound_threads(model.num_parameters())
    if source.is_int8:  # before it goes to its device, which need never hold all of it
        quantize(owner, model)
    model = model.to(source.device).eval()
    with torch.inference_mode():
        return Weights(source, model, tokenizer)


def _is_small(path: str) -> bool:
    return is_folder_reference(path) and sum(file.stat().st_size for file in Path(path).glob("*.safetensors")) < _SMALL_BYTES


@contextmanager
def _report_unsaid() -> Iterator[None]:
    """Keep transformers' table of what did not fit from being printed by this thread: it is checked, and said in a sentence."""
    thread = threading.get_ident()

    def is_wanted(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in str(record.msg) or threading.get_ident() != thread

    logger = logging.getLogger("transformers.modeling_utils")
    logger.addFilter(is_wanted)
    try:
        yield
    finally:
        logger.removeFilter(is_wanted)


def _check_complete(owner: str, model: Any, report: Any) -> None:  # Any: as above
    mismatched = sorted(report["mismatched_keys"])
    if mismatched:
        name, found, expected = mismatched[0]
        raise ModelUnavailableError(
            f"{owner}: {len(mismatched)} tensor(s) of the weights do not fit config.json: found {name!r} of shape {tuple(found)}; expected"
            f" {tuple(expected)}. Put back the config.json that the weights were saved with, or get all files anew."
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelUnavailableError(
            f"{owner}: the weights lack {len(missing)} tensor(s) of {type(model).__name__}, {missing[0]!r} among them; expected a whole "
            "causal language model. Get the files anew, or take a model made to generate text."
        )


def _window(model: Any) -> int | None:  # Any: as above
    config = model.config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"):
        window = getattr(config, name, None)
        if isinstance(window, int):
            return window
    return None


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:  # Any: as above
    configured = getattr(model.generation_config, "eos_token_id", None)
    tokens = set(configured if isinstance(configured, list) else [configured])
    tokens |= {tokenizer.eos_token_id, tokenizer.get_vocab().get(END)}
    return frozenset(token for token in tokens if token is not None)


def _decoder(tokenizer: Any) -> Callable[[Sequence[int]], str]:  # Any: as above
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:

        def decode_fast(tokens: Sequence[int]) -> str:
            text: str = backend.decode(tokens, skip_special_tokens=True)
            return text

        return decode_fast

    def decode(tokens: Sequence[int]) -> str:
        text: str = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    return decode


def _bound_threads(num_parameters: int) -> None:
    """Lower the threads of torch in this thread to what so big a model gains from; never raise them."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = max(1, min(usable, num_parameters // _PARAMETERS_PER_THREAD))
    if wanted < torch.get_num_threads():
        torch.set_num_threads(wanted)
