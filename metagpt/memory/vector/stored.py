"""The vectors of a long-term memory: kept in its file, so that no text is encoded twice, and searched in this process."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from metagpt.memory.store import Store
from metagpt.memory.vector.encoder import Encoder, encoder_of
from metagpt.memory.vector.index import VectorIndex, pieces

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["StoredVectors"]

_BATCH = 512
"""Entries encoded and written at a time: what a killed process has to do again."""
_MOST_QUERY_PIECES = 8


class _Scope:
    """The index of one scope, as far as it has been read from the file."""

    def __init__(self, deletions: int) -> None:
        self.index = VectorIndex()
        self.last = 0
        """The highest entry number of the file that it has been brought up to."""
        self.deletions = deletions


class StoredVectors:
    """Finds a store's entries by their meaning. Its methods block: they are for the store's thread.

    Args:
        store: The open file.
        encoder: What turns texts into vectors.
    """

    def __init__(self, store: Store, encoder: str | Encoder) -> None:
        self._store = store
        self._encoder = encoder_of(encoder)
        self._scopes: dict[str, _Scope] = {}

    def nearest(self, query: str, limit: int, *scopes: str, least: float, also: Collection[int] = ()) -> dict[int, float]:
        """Cosines of the scopes' entries by number: the closest to the query, and those asked for besides."""
        indexes = [index for index in map(self._index_of, scopes) if len(index)]
        if not indexes or not query.strip():
            return {}
        queries = self._encoder.encode(pieces(query)[:_MOST_QUERY_PIECES])
        found: dict[int, float] = {}
        for index in indexes:
            found |= index.best(queries, limit, least=least, also=also)
        return found

    def _index_of(self, scope: str) -> VectorIndex:
        ((deletions, last),) = self._store.read("SELECT count, (SELECT coalesce(max(id), 0) FROM entries) FROM deletions")
        known = self._scopes.get(scope)
        if known is None or known.deletions != deletions:
            known = self._scopes[scope] = _Scope(int(deletions))
        if known.last < last:
            self._encode_new(scope, known.last)
            self._read_new(scope, known, last)
            known.last = last
        return known.index

    def _encode_new(self, scope: str, last: int) -> None:
        """Encode what came after entry `last` and has no vectors yet, whichever process wrote it."""
        statement = (
            "SELECT id, kind, text, answer FROM entries WHERE scope = ? AND id > ?"
            " AND NOT EXISTS (SELECT 1 FROM vectors WHERE entry = id AND encoder = ?) ORDER BY id LIMIT ?"
        )
        while new := self._store.read(statement, scope, last, self._encoder.name, _BATCH):
            found = [
                (number, place, piece)
                for number, kind, text, answer in new
                for place, piece in enumerate(pieces(f"{text}\n{answer}" if kind == "exchange" else text))
            ]
            rows = self._encoder.encode([piece for _, _, piece in found])
            self._store.put_vectors(
                self._encoder.name, [(number, place, row.tobytes()) for (number, place, _), row in zip(found, rows, strict=True)]
            )

    def _read_new(self, scope: str, known: _Scope, last: int) -> None:
        import numpy as np

        statement = (
            "SELECT entry, row FROM vectors JOIN entries ON id = entry WHERE entry BETWEEN ? AND ? AND scope = ? AND encoder = ?"
            " ORDER BY entry, piece"
        )
        found = self._store.read(statement, known.last + 1, last, scope, self._encoder.name)
        if found:
            rows: NDArray[float32] = np.stack([np.frombuffer(row, np.float32) for _, row in found])
            known.index.add([number for number, _ in found], rows)
