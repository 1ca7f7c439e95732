"""Prompts of recorded calls, in the compact format, as the model that will be trained reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.models.compact import compact_prompt
from metagpt.models.local.card import Card, read_card

__all__ = ["CompactPrompts"]


@dataclass(frozen=True)
class CompactPrompts:
    """How a model folder is asked: the context's keys that its card says it reads.

    A folder whose card says nothing of calls, or None, reads all of a context.
    """

    folder: Path | None = None

    @cached_property
    def card(self) -> Card:
        """What the folder says of itself."""
        return Card() if self.folder is None else read_card(self.folder)

    def facts(self, call: str, context: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON values
        """What of the context the model reads.

        Raises:
            LabError: the context lacks a key that the model reads.
        """
        keys = self.card.reads.get(call, tuple(context))
        missing = [key for key in keys if key not in context]
        if missing:
            raise LabError(
                f"from runs: found the call {call!r} without {missing!r} in its context; expected {list(keys)!r}, which the model in"
                f" {self.folder} reads. Take runs of this team, or another model."
            )
        return {key: context[key] for key in keys}

    def __call__(self, call: str, context: Mapping[str, Any]) -> str:  # Any: JSON values
        """The prompt of a call."""
        return compact_prompt(call, self.facts(call, context))
