"""The passages that a question is about: found by their words, as an action, so that a resumed run reads what it read before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from metagpt import action
from metagpt.roles.library.documents import Library, Passage

__all__ = ["Found", "find", "library_actions"]


class Found(BaseModel):
    """What a search has come to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages: list[Passage]
    """The best first."""
    coverage: float
    """How much of the question stands in them, 0 to 1: the part of its words, the rare ones counting more."""


def library_actions(folder: str | Path) -> list[Any]:  # Any: an @action function is typed as the function it was
    """`find_passages` and `list_documents` of one folder."""
    library = Library(folder)

    @action(reads=True, idempotent=True)
    async def find_passages(query: str, limit: int = 6) -> Found:
        """Find the passages of the documents that share most with a question.

        Args:
            query: the question, or its words.
            limit: most passages to find.
        """
        return await asyncio.to_thread(find, library, query, limit)

    @action(reads=True, idempotent=True)
    async def list_documents() -> list[str]:
        """List the documents."""
        return await asyncio.to_thread(library.names)

    return [find_passages, list_documents]


def find(library: Library, query: str, limit: int) -> Found:
    """The passages that share most with the query, by BM25, and how much of it they hold.

    Raises:
        ActionError: there are no documents, or one cannot be read.
    """
    passages, ranking = library.ranked()
    best = ranking.best(query, limit)
    return Found(passages=[passages[number] for number in best], coverage=ranking.coverage(query, best))
