"""How many tokens a request is for a local model, found out by its tokenizer alone."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

from metagpt.models.interface import ModelProfile, ModelRequest
from metagpt.models.local.architectures import register_architecture
from metagpt.models.local.bars import bars_for
from metagpt.models.local.folder import is_folder_reference
from metagpt.models.local.prompts import render_prompt

__all__ = ["PromptCounter"]


class PromptCounter:
    """Counts with a tokenizer of its own: one cannot be used by two threads at a time, and the engine's is at work in another."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tokenizer: Any = None  # Any: tokenizers share no typed base

    def count(self, request: ModelRequest, profile: ModelProfile) -> int:
        """Tokens of the rendered request; the first count reads the tokenizer's files. Not for the event loop.

        Raises:
            MetaGPTError: there is no tokenizer that can be loaded, or it refuses the chat.
        """
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._load()
            return len(render_prompt(request, profile, self._tokenizer).tokens)

    def _load(self) -> Any:  # Any: as above
        try:
            if is_folder_reference(self._path):
                register_architecture(Path(self._path))
            with bars_for(long=False):
                return importlib.import_module("transformers").AutoTokenizer.from_pretrained(self._path)
        except Exception as error:
            from metagpt.models.local.faults import while_loading  # loads torch

            raise while_loading(f"local:{self._path}", error) from error
