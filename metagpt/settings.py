"""Settings: metagpt.toml in the working folder or above it, overridden by `METAGPT_…` variables; read once, at the edge.

The command line reads them and lays its flags over them; a `Team` made in Python takes its keywords alone.

Variables, with two underscores between the parts, or one where that can be read in one way only:

    METAGPT_MODEL=embedded                    [models.default] ref
    METAGPT_MODELS_ENGINEER_REF=openai:NAME   [models.engineer] ref
    METAGPT_MODELS__ENGINEER__DEVICE=cuda     [models.engineer] device
    METAGPT_BUDGET_USD=0.5                    [budget] usd
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from metagpt.errors import ConfigError, did_you_mean

__all__ = ["FILE_NAME", "BudgetSettings", "ModelSettings", "PriceSettings", "Settings", "find_settings_file", "read_settings"]

FILE_NAME = "metagpt.toml"
PREFIX = "METAGPT_"

Table: TypeAlias = dict[str, Any]  # Any: TOML values, checked key by key

_SECTIONS = ("models", "prices", "budget")
_OPTIONS = (
    "ref", "api_key_env", "context_tokens", "device", "dtype", "max_batch",
    "max_concurrency", "max_output_tokens", "stall_timeout_s", "timeout_s",
)  # fmt: skip
"""Options of the schemes we ship, for variables with single underscores; a plugin's own need double ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One model, as a table `[models.NAME]` names it."""

    ref: str
    """`openai:NAME`, `local:PATH_OR_HUB_ID`, `embedded`, or a plugin's own scheme."""
    options: Mapping[str, object] = field(default_factory=dict)
    """All other keys of the table; the scheme checks them when the model is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSettings:
    """USD per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Cached input tokens; None means they cost as much as the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """Most that a run may spend; None bounds nothing."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    steps: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user set."""

    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    """By role name; `default` answers all other roles."""
    prices: Mapping[str, PriceSettings] = field(default_factory=dict)
    """By model name or reference."""
    budget: BudgetSettings = BudgetSettings()
    file: Path | None = None
    """Where they were read from; None where there is no file."""


def read_settings(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold in a folder.

    Args:
        folder: Where to begin looking for metagpt.toml; the working folder if left out.
        environ: Variables; those of the process if left out.

    Raises:
        ConfigError: a file that is not TOML, an unknown key or variable, or a value of the wrong type.
    """
    file = find_settings_file(folder or Path.cwd())
    table = _load(file) if file is not None else {}
    _check_sections(str(file), table)
    overridden = _overlay(table, os.environ if environ is None else environ)
    owner = " and ".join([*([str(file)] if file else []), *(["METAGPT_… variables"] if overridden else [])])
    return Settings(
        models={name: _model(f"{owner}: [models.{name}]", body) for name, body in table.get("models", {}).items()},
        prices={name: _price(f"{owner}: [prices.{name!r}]", body) for name, body in table.get("prices", {}).items()},
        budget=_budget(f"{owner}: [budget]", table.get("budget", {})),
        file=file,
    )


def find_settings_file(folder: Path) -> Path | None:
    """The nearest metagpt.toml, in the folder or above it."""
    start = folder.resolve()
    return next((here / FILE_NAME for here in (start, *start.parents) if (here / FILE_NAME).is_file()), None)


def _load(file: Path) -> Table:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file}: found text that is no TOML ({error}); expected tables such as [models.default]. Mend that line."
        ) from error
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; expected a readable file. Change its mode, or remove it.") from error


def _check_sections(owner: str, table: Table) -> None:
    for name, body in table.items():
        if name not in _SECTIONS:
            raise ConfigError(
                f"{owner}: found {name!r}; expected [models.NAME], [prices.NAME] or [budget]. {did_you_mean(name, _SECTIONS)}"
            )
        if not isinstance(body, dict):
            header = f"[{name}]" if name == "budget" else f"[{name}.NAME]"
            raise ConfigError(f"{owner}: found {name} = {body!r}; expected a table. Write {header} and its keys below it.")
        for key, inner in body.items():
            if name != "budget" and not isinstance(inner, dict):
                raise ConfigError(f"{owner}: found {key} = {inner!r} in [{name}]; expected a table. Write [{name}.NAME] above its keys.")


# values


def _model(owner: str, body: Table) -> ModelSettings:
    if "ref" not in body:
        found = f"only {', '.join(map(repr, body))}" if body else "nothing"
        raise ConfigError(f'{owner}: found {found}; expected a ref, which says what model it is. Add ref = "openai:gpt-5-mini" or another.')
    ref = body["ref"]
    if not isinstance(ref, str) or not ref.strip():
        raise ConfigError(f'{owner}: found ref = {ref!r}; expected text such as "openai:gpt-5-mini". Write it in quotes.')
    return ModelSettings(ref=ref, options={key: value for key, value in body.items() if key != "ref"})


def _price(owner: str, body: Table) -> PriceSettings:
    known = [f.name for f in fields(PriceSettings)]
    _check_keys(owner, body, known)
    missing = [name for name in ("input", "output") if name not in body]
    if missing:
        raise ConfigError(
            f"{owner}: found no {' and no '.join(missing)}; expected USD per million tokens, both ways. Add {missing[0]} = and the price."
        )
    return PriceSettings(**{name: _number(owner, name, value, least=0.0) for name, value in body.items()})


def _budget(owner: str, body: Table) -> BudgetSettings:
    _check_keys(owner, body, [f.name for f in fields(BudgetSettings)])
    amounts = {name: _number(owner, name, body[name]) for name in ("usd", "seconds") if name in body}
    counts = {name: _whole(owner, name, body[name]) for name in ("tokens", "calls", "steps") if name in body}
    return BudgetSettings(
        usd=amounts.get("usd"),
        seconds=amounts.get("seconds"),
        tokens=counts.get("tokens"),
        calls=counts.get("calls"),
        steps=counts.get("steps"),
    )


def _check_keys(owner: str, body: Table, known: list[str]) -> None:
    for key in body:
        if key not in known:
            raise ConfigError(f"{owner}: found key {key!r}; expected one of {', '.join(known)}. {did_you_mean(key, known)}")


def _number(owner: str, name: str, value: object, *, least: float | None = None) -> float:
    wrong = isinstance(value, bool) or not isinstance(value, int | float)
    if wrong or (value < least if least is not None else value <= 0):  # type: ignore[operator]  # a number here
        expected = "more than 0" if least is None else f"{least:g} or more"
        raise ConfigError(f"{owner}: found {name} = {value!r}; expected a number, {expected}. Change it, or leave it out.")
    return float(value)  # type: ignore[arg-type]  # a number, as checked above


def _whole(owner: str, name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{owner}: found {name} = {value!r}; expected a whole number, 1 or more. Change it, or leave it out.")
    return value


# environment


def _overlay(table: Table, environ: Mapping[str, str]) -> bool:
    """Lay the `METAGPT_…` variables over the file's table; whether there are any."""
    variables = sorted(name for name in environ if name.startswith(PREFIX))
    for variable in variables:
        *path, key = _path(variable)
        body = table
        for part in path:
            body = body.setdefault(part, {})
        body[key] = _typed(variable, path[0], key, environ[variable])
    return bool(variables)


def _path(variable: str) -> tuple[str, ...]:
    """Where the variable's value stands in the file: ("models", "engineer", "ref")."""
    name = variable.removeprefix(PREFIX)
    if name == "MODEL":
        return ("models", "default", "ref")
    separator = "__" if "__" in name else "_"
    section, _, rest = name.partition(separator)
    if section == "BUDGET" and rest.lower() in {f.name for f in fields(BudgetSettings)}:
        return ("budget", rest.lower())
    if section == "MODELS" and rest:
        role, _, option = rest.rpartition("__") if separator == "__" else _role_and_option(rest)
        if role and option:
            return ("models", role.lower(), option.lower())
    known = ["MODEL", "MODELS_NAME_REF", *(f"BUDGET_{f.name.upper()}" for f in fields(BudgetSettings))]
    raise ConfigError(
        f"environment: found {variable}; expected a setting, such as {', '.join(PREFIX + each for each in known[:3])}."
        f" {did_you_mean(variable, [PREFIX + each for each in known])} Unset it if it belongs to something else."
    )


def _role_and_option(rest: str) -> tuple[str, str, str]:
    """Split `PRODUCT_MANAGER_MAX_BATCH` before the longest option that it ends with."""
    for option in sorted(_OPTIONS, key=len, reverse=True):
        if rest.lower().endswith("_" + option):
            return rest[: -len(option) - 1], "_", option
    return "", "", ""


def _typed(variable: str, section: str, key: str, text: str) -> object:
    """The text as a number or truth value where it is one; a reference stays text."""
    if key == "ref":
        return text
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        pass
    if section == "budget":
        raise ConfigError(f"environment: found {variable}={text!r}; expected a number. Change it, or unset it.")
    return {"true": True, "false": False}.get(text.lower(), text)
