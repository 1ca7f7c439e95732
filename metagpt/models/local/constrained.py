"""Decoding under a JSON schema: which tokens may come next, asked of llguidance row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from llguidance.hf import from_tokenizer
from torch import Tensor

from metagpt.errors import ModelUnavailableError
from metagpt.models.interface import JsonSchema
from metagpt.models.local.vocabulary import Vocabulary

__all__ = ["Grammars", "allowed_tokens"]

_MAX_CACHED = 256
_SHOWN_CHARACTERS = 200
_JSON_STYLE = {
    # as json.dumps writes by default; free white space would let a model pad for ever
    "item_separator": ", ",
    "key_separator": ": ",
    "whitespace_flexible": False,
    "coerce_one_of": True,
    # keywords that cannot be kept while decoding are left to the validation of the answer
    "lenient": True,
}


class Grammars:
    """The compiled schemas of one tokenizer: each is compiled once."""

    def __init__(self, owner: str, tokenizer: Any, *, num_logits: int, end_tokens: Sequence[int]) -> None:  # Any: no typed base
        self._owner = owner
        self._tokenizer = tokenizer
        self._num_logits = num_logits
        self._end_tokens = list(end_tokens)
        self._ll_tokenizer: LLTokenizer | None = None
        self._compiled: dict[str, LLMatcher] = {}
        self._vocabulary: Vocabulary | None = None

    def matcher(self, schema: JsonSchema, *, any_split: bool = False) -> LLMatcher:
        """The matcher of the schema, at its beginning; who consumes tokens with it copies it first.

        Args:
            schema: of the answer.
            any_split: whether text that the schema forces may be split into tokens in any way. A model fine-tuned on such answers
                splits them in its own way, with single tokens for whole pieces; a general model does better on the usual split.

        Raises:
            ModelUnavailableError: the schema or the tokenizer cannot be decoded under.
        """
        tokenizer = self._loaded()
        spaced = self._vocabulary is None or not self._vocabulary.lacks(" ")
        grammar = _grammar(schema, any_split=any_split, spaced=spaced)
        if grammar not in self._compiled:
            if len(self._compiled) >= _MAX_CACHED:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[grammar] = self._compile(schema, grammar, tokenizer)
        return self._compiled[grammar]

    @property
    def decode(self) -> Callable[[Sequence[int]], str] | None:
        """Tokens of an answer under a schema to text, where the tokenizer's own way might not give what the matcher saw."""
        return self._vocabulary.decode if self._vocabulary else None

    def _compile(self, schema: JsonSchema, grammar: str, tokenizer: LLTokenizer) -> LLMatcher:
        self._check_writable(schema)
        try:
            matcher = LLMatcher(tokenizer, grammar)
        except ValueError as error:
            raise self._refused(schema, str(error)) from error
        if matcher.is_error():
            raise self._refused(schema, matcher.get_error())
        return matcher

    def _loaded(self) -> LLTokenizer:
        if self._ll_tokenizer is None:
            try:
                self._ll_tokenizer = from_tokenizer(self._tokenizer, n_vocab=self._num_logits, eos_token=self._end_tokens or None)
            except ValueError:  # of a kind that it cannot read
                self._ll_tokenizer = self._by_token()
        return self._ll_tokenizer

    def _by_token(self) -> LLTokenizer:
        self._vocabulary = Vocabulary(self._tokenizer, num_tokens=self._num_logits, end_tokens=self._end_tokens)
        return LLTokenizer(TokenizerWrapper(self._vocabulary), n_vocab=self._num_logits, eos_token=self._end_tokens or None)

    def _check_writable(self, schema: JsonSchema) -> None:
        if self._vocabulary and (missing := self._vocabulary.lacks("".join(_literals(schema)))):
            raise ModelUnavailableError(
                f"{self._owner}: its tokenizer has no tokens for {missing!r}; expected all that answers under this schema are written "
                "with. Rename what the schema names, ask for `str`, or use another model."
            )

    def _refused(self, schema: JsonSchema, reason: str) -> ModelUnavailableError:
        text = json.dumps(schema)
        shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
        return ModelUnavailableError(
            f"{self._owner}: cannot decode under the schema {shown} ({reason.strip()}); expected a JSON schema without remote "
            "references. Simplify the answer's type."
        )


def _literals(schema: Any) -> Iterator[str]:  # Any: JSON values
    """Texts that answers under the schema hold as they stand: names of properties, constants."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for constant in (*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())):
            yield json.dumps(constant, ensure_ascii=False)
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for part in parts:
        yield from _literals(part)


def _grammar(schema: JsonSchema, *, any_split: bool, spaced: bool) -> str:
    style = _JSON_STYLE if spaced else _JSON_STYLE | {"item_separator": ",", "key_separator": ":"}
    return f"%llguidance {json.dumps({'no_forcing': any_split})}\nstart: %json {json.dumps(schema | {'x-guidance': style})}"


def allowed_tokens(matchers: Sequence[LLMatcher], num_logits: int) -> Tensor:
    """Which tokens each matcher allows next: B rows, V booleans each."""
    masks = np.zeros((len(matchers), (num_logits + 31) // 32), dtype=np.int32)
    for row, matcher in enumerate(matchers):
        matcher.unsafe_compute_mask_ptr(masks[row].ctypes.data, masks[row].nbytes)
    bits = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little")
    return torch.from_numpy(bits[:, :num_logits].astype(np.bool_))
