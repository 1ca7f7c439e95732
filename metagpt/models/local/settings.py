"""What a user may say about a local model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from metagpt.errors import ConfigError, did_you_mean
from metagpt.models.context_fit import PARTS, ContextFit
from metagpt.models.interface import ModelOptions

__all__ = ["DTYPES", "LocalSettings", "parse_settings"]

DTYPES = ("float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How to host a model in this process: keys of `[models.NAME]`, or variables such as `METAGPT_MODELS__NAME__TOP_P`."""

    device: str | None = None
    """`cuda`, `cuda:1`, `mps` or `cpu`; None takes the first of them that is there."""
    dtype: str | None = None
    """`float32`, `bfloat16`, `float16`, or `int8` for the weights of linear layers, computed in the format that None takes.

    None takes float32 on a CPU and 16 bits elsewhere.
    """
    max_batch: int = 64
    """Most answers decoded at once, over all requests; a request that finds no room waits."""
    context_tokens: int | None = None
    """Most tokens of prompt and answer together; None takes what the model was made for."""
    prefix_tokens: int = 8192
    """Most tokens of earlier prompts whose keys and values are held, so that what prompts begin with is computed once; 0: none."""
    adapter: str | None = None
    """Folder or hub id of a LoRA adapter as peft saves it; the same as `+adapter=` in the reference."""
    temperature: float | None = None
    """Where a request names none; 0 is greedy. None takes what the model's own files say."""
    top_p: float | None = None
    """As above."""
    seed: int | None = None
    """As above; None draws one for each request."""
    max_output_tokens: int | None = None
    """Most tokens of an answer where a request does not say; None takes what the model's own files say, or 4096."""
    drop: tuple[str, ...] | None = None
    """What is left out of a chat that is too long, see `ContextFit.drop`; None takes its default."""

    @property
    def defaults(self) -> ModelOptions:
        """What holds where a request says nothing."""
        fit = None if self.drop is None else ContextFit(drop=self.drop)
        return ModelOptions(temperature=self.temperature, top_p=self.top_p, seed=self.seed, max_tokens=self.max_output_tokens, fit=fit)


def parse_settings(owner: str, settings: Mapping[str, object]) -> LocalSettings:
    """Check `settings`, as they stand in metagpt.toml.

    Raises:
        ConfigError: an unknown name, or a value of the wrong type or range.
    """
    known = {field.name: field for field in fields(LocalSettings)}
    checked: dict[str, Any] = {}  # Any: as below
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"{owner}: unknown setting {name!r}. {did_you_mean(name, known)}")
        checked[name] = known[name].default if value is None else _checked(owner, name, value)
    parsed = LocalSettings(**checked)
    if parsed.dtype is not None and parsed.dtype not in DTYPES:
        raise ConfigError(f"{owner}: dtype = {parsed.dtype!r}; expected one of {', '.join(DTYPES)}. {did_you_mean(parsed.dtype, DTYPES)}")
    return parsed


def _checked(owner: str, name: str, value: object) -> Any:  # Any: each setting has its own type
    match name:
        case "drop":
            return _parts(owner, value)
        case "temperature" | "top_p":
            return _number(owner, name, value, most=1 if name == "top_p" else None)
        case "max_batch" | "context_tokens" | "max_output_tokens":
            return _count(owner, name, value, least=1)
        case "prefix_tokens" | "seed":
            return _count(owner, name, value, least=0)
    if not isinstance(value, str):
        raise ConfigError(f"{owner}: {name} = {value!r}; expected text. Write it in quotes.")
    return value


def _count(owner: str, name: str, value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{owner}: {name} = {value!r}; expected a whole number, {least} or more. Change it or leave it out.")
    return value


def _number(owner: str, name: str, value: object, *, most: int | None) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= (value if most is None else most):
        bounds = "0 or more" if most is None else f"from 0 to {most}"
        raise ConfigError(f"{owner}: {name} = {value!r}; expected a number, {bounds}. Change it or leave it out.")
    return float(value)


def _parts(owner: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):  # of a variable
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or len(set(map(str, value))) < len(value) or not all(part in PARTS for part in value):
        raise ConfigError(f"{owner}: drop = {value!r}; expected a list of different names out of {', '.join(PARTS)}. Correct it.")
    return tuple(value)
