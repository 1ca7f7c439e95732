"""What a user may say about a local model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from metagpt.errors import ConfigError, did_you_mean

__all__ = ["DTYPES", "LocalSettings", "parse_settings"]

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How to host a model in this process."""

    device: str | None = None
    """`cuda`, `cuda:1`, `mps` or `cpu`; None takes the first of them that is there."""
    dtype: str | None = None
    """`float32`, `bfloat16` or `float16`; None takes float32 on a CPU and 16 bits elsewhere."""
    max_batch: int = 64
    """Most answers decoded at once, over all requests; a request that finds no room waits."""
    context_tokens: int | None = None
    """Most tokens of prompt and answer together; None takes what the model was made for."""


def parse_settings(owner: str, settings: Mapping[str, object]) -> LocalSettings:
    """Check `settings`, as they stand in metagpt.toml.

    Raises:
        ConfigError: an unknown name, or a value of the wrong type or range.
    """
    names = [field.name for field in fields(LocalSettings)]
    for name, value in settings.items():
        if name not in names:
            raise ConfigError(f"{owner}: unknown setting {name!r}. {did_you_mean(name, names)}")
        if name in {"max_batch", "context_tokens"}:
            _check_count(owner, name, value)
        elif value is not None and not isinstance(value, str):
            raise ConfigError(f"{owner}: {name} = {value!r}; expected text. Write it in quotes.")
    parsed = LocalSettings(**dict(settings))  # type: ignore[arg-type]  # checked above, name by name
    if parsed.dtype is not None and parsed.dtype not in DTYPES:
        raise ConfigError(f"{owner}: dtype = {parsed.dtype!r}; expected one of {', '.join(DTYPES)}. {did_you_mean(parsed.dtype, DTYPES)}")
    return parsed


def _check_count(owner: str, name: str, value: object) -> None:
    if value is None and name == "context_tokens":
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{owner}: {name} = {value!r}; expected a whole number, 1 or more. Change it or leave it out.")
