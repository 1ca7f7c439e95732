"""The tokenizer: byte-level BPE with single digits, and one token for each fixed piece of the formats."""

import random
import re
from collections.abc import Iterator
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from metagpt.lab.embedded.corpus import examples
from metagpt.models.compact import ANSWER, CALL, CONTEXT, END
from metagpt.models.local.drafts import DECLINED

__all__ = ["PIECES", "SPECIALS", "train_tokenizer"]

PAD = "<|pad|>"
SPECIALS = (PAD, END, CALL, CONTEXT, ANSWER)
PIECES = (
    "product_manager.specify",
    "engineer.write_program",
    "engineer.repair",
    "evaluator.write_tests",
    '{"goal": "',
    '{"in_scope": true, "summary": "',
    '", "signature": "',
    '", "examples": []}',
    '", "examples": [[',
    DECLINED,
    '{"signature": "',
    '", "summary": "',
    '", "code": "',
    '", "failure": "',
    '{"inputs": [',
    '], "properties": [',
    "list[list[int]]",
    "list[int]",
    "list[float]",
    "list[str]",
    "list[bool]",
    "list[tuple[str, int]]",
    "list[dict[str, str]]",
    "dict[str, list[int]]",
    "dict[str, list[str]]",
    "dict[str, float]",
    "dict[str, int]",
    "dict[str, str]",
    ") -> ",
)
"""Fixed pieces of prompts and answers, each one token: a spec costs half as many."""

_FIXED = re.compile("|".join(re.escape(piece) for piece in sorted((*SPECIALS, *PIECES), key=len, reverse=True)))
_SPLIT = Regex(r"_?\p{L}+| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}_]+|_|\s+(?!\S)|\s+")


def train_tokenizer(*, size: int = 2560, count: int = 40_000, seed: int = 7) -> PreTrainedTokenizerFast:
    """Train on `count` examples of the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_SPLIT, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(PIECES),
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=3,
    )
    tokenizer.train_from_iterator(_texts(count, seed), trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in PIECES])
    wrapped: Any = PreTrainedTokenizerFast  # untyped in transformers
    fast: PreTrainedTokenizerFast = wrapped(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[CALL, CONTEXT, ANSWER],
        clean_up_tokenization_spaces=False,
    )
    return fast


def _texts(count: int, seed: int) -> Iterator[str]:
    stream = examples(random.Random(f"tokenizer {seed}"))
    for _ in range(count):
        example = next(stream)
        for text in (example.prompt, example.answer):
            yield from filter(None, _FIXED.split(text))
