"""The bytes that each token of a tokenizer stands for, where llguidance cannot read the tokenizer itself.

It knows byte-level and byte-fallback tokenizers of the Rust library, as most models have. For all others (Metaspace, WordPiece,
characters, tokenizers in Python) the tokenizer is asked token by token what it adds to a text. An answer under a schema is then
put together from these bytes, so that it is what the schema's matcher saw, whatever the tokenizer's own decoder would do with it.

A tokenizer that sets spaces between words by itself (WordPiece) has no token for a space: its texts under a schema have none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["Vocabulary"]

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_JSON_NEEDS = '{}[]:,"-0123456789truefalsn'


class Vocabulary:
    """A tokenizer as llguidance's `TokenizerWrapper` takes it: bytes of each token, and texts split greedily."""

    def __init__(self, tokenizer: Any, *, num_tokens: int, end_tokens: Sequence[int]) -> None:  # Any: tokenizers share no typed base
        self.special_token_ids = sorted({*end_tokens, *tokenizer.all_special_ids})
        self.eos_token_id = end_tokens[0] if end_tokens else num_tokens - 1
        self.bos_token_id = None
        self.tokens = _token_bytes(tokenizer, num_tokens, frozenset(self.special_token_ids))
        """By token; empty for tokens that no answer under a schema may have."""
        self._by_bytes = {text: token for token, text in reversed(list(enumerate(self.tokens))) if text}
        self._longest = max(map(len, self._by_bytes), default=0)

    def lacks(self, text: str) -> str:
        """Characters of JSON, and of the text, that no token stands for; empty if there are none."""
        return "".join(sorted({character for character in _JSON_NEEDS + text if not self._can_write(character)}))

    def _can_write(self, character: str) -> bool:
        encoded = character.encode(errors="replace")
        return encoded in self._by_bytes or all(encoded[place : place + 1] in self._by_bytes for place in range(len(encoded)))

    def decode(self, tokens: Sequence[int]) -> str:
        """The tokens' bytes as text."""
        return b"".join(self.tokens[token] for token in tokens).decode(errors="replace")

    def __call__(self, text: bytes) -> list[int]:
        """The text as tokens, the longest first that fits; bytes that no token has are passed over."""
        found, place = [], 0
        while place < len(text):
            size = next((size for size in range(self._longest, 0, -1) if text[place : place + size] in self._by_bytes), 0)
            if size:
                found.append(self._by_bytes[text[place : place + size]])
            place += size or 1
        return found


def _token_bytes(tokenizer: Any, num_tokens: int, special: frozenset[int]) -> list[bytes]:  # Any: as above
    known = [token for token in range(min(num_tokens, len(tokenizer))) if token not in special]
    anchor = next((token for token in known if _decoded(tokenizer, [token]).strip().isalnum()), None)
    start = _decoded(tokenizer, [anchor]) if anchor is not None else ""
    added = {token: _added(tokenizer, anchor, start, token) for token in known}
    if b"{" not in added.values() and b" {" in added.values():
        added = {token: text.removeprefix(b" ") for token, text in added.items()}
    return [added.get(token, b"") for token in range(num_tokens)]


def _added(tokenizer: Any, anchor: int | None, start: str, token: int) -> bytes:  # Any: as above
    """What the token adds to a text that is under way."""
    piece = tokenizer.convert_ids_to_tokens(token)
    if isinstance(piece, str) and (byte := _BYTE_PIECE.fullmatch(piece)):
        return bytes([int(byte[1], 16)])
    text = _decoded(tokenizer, [token] if anchor is None else [anchor, token])
    added = text.removeprefix(start) if text.startswith(start) else ""
    if added and _INCOMPLETE not in added:
        return added.encode()
    # a token of one byte that is no character by itself
    return bytes([ord(piece)]) if isinstance(piece, str) and len(piece) == 1 and 127 < ord(piece) < 256 else b""


def _decoded(tokenizer: Any, tokens: list[int]) -> str:  # Any: as above
    text: str = tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
