"""The card of a model folder: what is known of a model before its weights are touched."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from metagpt.errors import ConfigError
from metagpt.models.interface import ModelOptions, ModelProfile, Price

__all__ = ["Card", "profile_of", "read_card"]

_MAX_OUTPUT_TOKENS = 4096
_WINDOW_FIELDS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What README.md, config.json and generation_config.json of a model folder say."""

    prompt_format: Literal["chat", "compact"] = "chat"
    calls: tuple[str, ...] = ()
    """Of a compact model: the calls it was trained for."""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys of each call's context that it reads, in order; a call not named reads all of it."""
    drafts: Mapping[str, str] = field(default_factory=dict)
    """From a call to the key of its context of which the folder's phrase table drafts answers; see `Drafts`."""
    varied: Mapping[str, str] = field(default_factory=dict)
    """From a call that the table answers alone to the call whose answers it varies; see `Drafts.varied`."""
    retold: Mapping[str, str] = field(default_factory=dict)
    """From a call to the key of its context that the folder's `retelling` tells anew from an answer; see `Retelling`."""
    defaults: ModelOptions = field(default_factory=ModelOptions)
    context_tokens: int | None = None
    """The window the model was made for, where it says so."""


def read_card(folder: Path) -> Card:
    """The card of a model folder; a folder without README.md is a general chat model.

    The front matter of README.md may say `prompt_format`, `calls` (a list, or a mapping to the
    context keys each reads), `drafts` and `retold` (mappings from a call to a context key), `varied` (from a call to another),
    `candidates`, `temperature`, `top_p` and `max_tokens`; what it leaves open is taken from generation_config.json.

    Raises:
        ConfigError: a file that cannot be read, or a value of the wrong type.
    """
    readme = folder / "README.md"
    said = _front_matter(readme)
    prompt_format = said.get("prompt_format", "chat")
    if prompt_format not in {"chat", "compact"}:
        raise ConfigError(f"{readme}: prompt_format: {prompt_format!r}; expected 'chat' or 'compact'. Correct the card.")
    calls = _calls(readme, said)
    if prompt_format == "compact" and not calls:
        raise ConfigError(
            f"{readme}: prompt_format: 'compact' without calls; expected the calls it was trained for. Name them in the card."
        )
    return Card(
        prompt_format="compact" if prompt_format == "compact" else "chat",
        calls=tuple(calls),
        reads={call: keys for call, keys in calls.items() if keys},
        drafts=_key_of_calls(readme, said, "drafts"),
        varied=_key_of_calls(readme, said, "varied", value="call"),
        retold=_key_of_calls(readme, said, "retold"),
        defaults=_card_options(readme, said).over(_generation_options(folder)),
        context_tokens=_window(folder),
    )


def profile_of(reference: str, card: Card, *, context_tokens: int | None = None) -> ModelProfile:
    """The profile of a local model; `context_tokens` is the user's own bound, where they set one."""
    windows = [window for window in (card.context_tokens, context_tokens) if window is not None]
    window = min(windows, default=None)
    most = card.defaults.max_tokens or _MAX_OUTPUT_TOKENS
    return ModelProfile(
        reference=reference,
        max_output_tokens=most if window is None else min(most, window),
        context_tokens=window,
        prompt_format=card.prompt_format,
        calls=card.calls,
        reads=card.reads,
        defaults=card.defaults,
        price=Price(input=0, output=0),
    )


def _front_matter(readme: Path) -> Mapping[str, Any]:  # Any: YAML values
    lines = readme.read_text(encoding="utf-8").splitlines() if readme.is_file() else []
    if not lines or lines[0].strip() != "---":
        return {}
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if end is None:
        return {}  # a horizontal rule, no front matter
    yaml = importlib.import_module("yaml")
    try:
        said = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        raise ConfigError(f"{readme}: front matter that is no YAML ({error}). Correct what stands between the two --- lines.") from error
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise ConfigError(f"{readme}: front matter {said!r}; expected `name: value` lines. Correct the card.")
    return said


def _calls(readme: Path, said: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The calls with the context keys each reads; a plain list of calls names none."""
    calls = said.get("calls") or {}
    if isinstance(calls, list):
        calls = {call: [] for call in calls}
    keys_of = calls.items() if isinstance(calls, dict) else [(None, None)]
    if not all(isinstance(call, str) and isinstance(keys, list) and all(isinstance(key, str) for key in keys) for call, keys in keys_of):
        raise ConfigError(
            f"{readme}: calls: {calls!r}; expected call names, each with the list of context keys it reads. Correct the card."
        )
    return {call: tuple(keys) for call, keys in calls.items()}


def _key_of_calls(readme: Path, said: Mapping[str, Any], name: str, value: str = "context key") -> dict[str, str]:
    keys = said.get(name) or {}
    if not isinstance(keys, dict) or not all(isinstance(call, str) and isinstance(key, str) for call, key in keys.items()):
        raise ConfigError(f"{readme}: {name}: {keys!r}; expected call names, each with one {value}. Correct the card.")
    return dict(keys)


def _card_options(readme: Path, said: Mapping[str, Any]) -> ModelOptions:
    return ModelOptions(
        temperature=_number(readme, said, "temperature", low=0, high=10),
        top_p=_number(readme, said, "top_p", low=0, high=1),
        max_tokens=_count(readme, said, "max_tokens"),
        n=_count(readme, said, "candidates"),
    )


def _number(readme: Path, said: Mapping[str, Any], name: str, *, low: float, high: float) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{readme}: {name}: {value!r}; expected a number from {low} to {high}. Correct the card.")
    return float(value)


def _count(readme: Path, said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{readme}: {name}: {value!r}; expected a whole number, 1 or more. Correct the card.")
    return value


def _generation_options(folder: Path) -> ModelOptions:
    said = _read_json(folder / "generation_config.json")
    if not said.get("do_sample"):
        return ModelOptions()
    return ModelOptions(temperature=said.get("temperature"), top_p=said.get("top_p"))


def _window(folder: Path) -> int | None:
    said = _read_json(folder / "config.json")
    for config in (said, said.get("text_config") or {}):
        for name in _WINDOW_FIELDS:
            if isinstance(config.get(name), int):
                return int(config[name])
    return None


def _read_json(file: Path) -> dict[str, Any]:  # Any: JSON values
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: no JSON ({error}); expected an object. Get the model's files anew.") from error
    if not isinstance(said, dict):
        raise ConfigError(f"{file}: {type(said).__name__}; expected a JSON object. Get the model's files anew.")
    return said
