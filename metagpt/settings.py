"""Settings: metagpt.toml in the working folder or above it, overridden by `METAGPT_…` variables; read once, at the edge.

The command line reads them and lays its flags over them; a `Team` made in Python takes its keywords alone.

Variables, with two underscores between the parts, or one where that can be read in one way only:

    METAGPT_MODEL=embedded                    [models.default] ref
    METAGPT_MODELS_ENGINEER_REF=openai:NAME   [models.engineer] ref
    METAGPT_MODELS__ENGINEER__DEVICE=cuda     [models.engineer] device
    METAGPT_BUDGET_USD=0.5                    [budget] usd
    METAGPT_HUB=~/models                      [hub] path
    METAGPT_PEOPLE_SECONDS=3600               [people] seconds

Tables [mcp.NAME] name servers that this user lets roles have started. They stand in metagpt.toml, or for all projects in
`~/.metagpt/metagpt.toml`; no variable, flag, team file or workspace of a run can add one.

A file that stands where runs write is read only as it was before the first of them: see `metagpt.trust`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from metagpt.errors import ConfigError, did_you_mean
from metagpt.trust import believe, check_content, check_presence, is_noted, note

__all__ = [
    "FILE_NAME",
    "BudgetSettings",
    "HubSettings",
    "ModelSettings",
    "PeopleSettings",
    "PriceSettings",
    "Settings",
    "believe_settings",
    "find_settings_file",
    "note_workspace",
    "read_settings",
]

FILE_NAME = "metagpt.toml"
PREFIX = "METAGPT_"

Table: TypeAlias = dict[str, Any]  # Any: TOML values, checked key by key

_SECTIONS = ("models", "prices", "budget", "hub", "mcp", "people", "policy")
_FLAT = ("budget", "hub", "people", "policy")
"""Sections that are not a table for each name."""
_OPTIONS = (
    "ref", "adapter", "api_key_env", "bytes_per_token", "context_tokens", "device", "drop", "dtype", "max_batch",
    "max_concurrency", "max_output_tokens", "prefix_tokens", "seed", "stall_timeout_s", "temperature", "timeout_s", "top_p",
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
class HubSettings:
    """Where models and datasets are kept."""

    path: Path | None = None
    """The hub's folder, in metagpt.toml seen from that file; None means `.metagpt/hub` in the working folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSettings:
    """How long people may take to answer, where a handler or question does not say."""

    seconds: float | None = None
    """None: as long as it takes."""
    default: str = "reject: nobody answered in time"
    """What counts then: `approve`, `reject`, or `reject: NOTE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user set."""

    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    """By role name; `default` answers all other roles."""
    prices: Mapping[str, PriceSettings] = field(default_factory=dict)
    """By model name or reference."""
    budget: BudgetSettings = BudgetSettings()
    hub: HubSettings = HubSettings()
    people: PeopleSettings = PeopleSettings()
    mcp: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Servers by name, as tables; `metagpt.actions.mcp` checks them when a role has one."""
    policy: Mapping[str, object] = field(default_factory=dict)
    """What actions are allowed, as a table; `Policy.from_table` checks it."""
    file: Path | None = None
    """Where they were read from; None where there is no file."""


def read_settings(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold in a folder.

    Args:
        folder: Where to begin looking for metagpt.toml; the working folder if left out.
        environ: Variables; those of the process if left out.

    Raises:
        ConfigError: a file that is not TOML, that a run could have written, an unknown key or variable, or a value of the wrong type.
    """
    check_presence(folder or Path.cwd())
    file = find_settings_file(folder or Path.cwd())
    table = _load(file) if file is not None else {}
    _check_sections(str(file), table)
    servers = {**_servers_for_all_projects(os.environ if environ is None else environ), **table.get("mcp", {})}
    overridden = _overlay(table, os.environ if environ is None else environ)
    owner = " and ".join([*([str(file)] if file else []), *(["METAGPT_… variables"] if overridden else [])])
    return Settings(
        models={name: _model(f"{owner}: [models.{name}]", body) for name, body in table.get("models", {}).items()},
        prices={name: _price(f"{owner}: [prices.{name!r}]", body) for name, body in table.get("prices", {}).items()},
        budget=_budget(f"{owner}: [budget]", table.get("budget", {})),
        hub=_hub(f"{owner}: [hub]", table.get("hub", {}), None if "hub" in overridden else file),
        people=_people(f"{owner}: [people]", table.get("people", {})),
        mcp=servers,
        policy=table.get("policy", {}),
        file=file,
    )


def find_settings_file(folder: Path) -> Path | None:
    """The nearest metagpt.toml, in the folder or above it."""
    start = folder.resolve()
    return next((here / FILE_NAME for here in (start, *start.parents) if (here / FILE_NAME).is_file()), None)


def note_workspace(folder: Path) -> None:
    """Note that models may write to a folder, before they do; with what is believed of the settings in it.

    Raises:
        SandboxError: it cannot be noted, or the notes lie in it.
    """
    places = [find_settings_file(folder), _file_for_all_projects(os.environ)]
    with contextlib.suppress(FileNotFoundError):  # the working folder is gone
        places.append(find_settings_file(Path.cwd()))
    found = {}
    for file in {file for file in places if file is not None}:
        with contextlib.suppress(ConfigError):  # not believed before, and not now
            found[file] = _content(file)
    note(folder, found)


def believe_settings(file: Path) -> bool:
    """Take a settings file for the user's own as it stands now, or for rightly gone; whether it is there.

    Raises:
        ConfigError: it cannot be read.
    """
    content = _bytes(file) if file.is_file() else None
    believe(file, content, folder=next((folder for folder, _ in _products(file)), None))
    return content is not None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; expected a readable file. Change its mode, or remove it.") from error


def _content(file: Path) -> bytes:
    """The file's content, if no run could have written it.

    Raises:
        ConfigError: one could, or it cannot be read.
    """
    content = _bytes(file)
    check_content(file, content)
    if not is_noted(file):
        for _, run_id in _products(file):
            raise ConfigError(
                f"{file}: found it in the products of run {run_id!r}; expected no settings there, for models write those files."
                f" Look at it: if it is yours, run `metagpt trust {shlex.quote(str(file))}`; else remove it."
            )
    return content


def _products(file: Path) -> Iterator[tuple[Path, str]]:
    """Folders around the file that the record of a run stands in, with the run's id: they may come from elsewhere."""
    for folder in file.absolute().parents:
        try:
            record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and "run_id" in record:
            yield folder, str(record["run_id"])


def _load(file: Path) -> Table:
    try:
        return tomllib.loads(_content(file).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file}: found text that is no TOML ({error}); expected tables such as [models.default]. Mend that line."
        ) from error


def _check_sections(owner: str, table: Table) -> None:
    for name, body in table.items():
        if name not in _SECTIONS:
            raise ConfigError(
                f"{owner}: found {name!r}; expected [models.NAME], [prices.NAME], [mcp.NAME], [budget], [hub], [people] or [policy]."
                f" {did_you_mean(name, _SECTIONS)}"
            )
        if not isinstance(body, dict):
            header = f"[{name}]" if name in _FLAT else f"[{name}.NAME]"
            raise ConfigError(f"{owner}: found {name} = {body!r}; expected a table. Write {header} and its keys below it.")
        for key, inner in body.items():
            if name not in _FLAT and not isinstance(inner, dict):
                raise ConfigError(f"{owner}: found {key} = {inner!r} in [{name}]; expected a table. Write [{name}.NAME] above its keys.")


# servers


def _servers_for_all_projects(environ: Mapping[str, str]) -> Table:
    """The tables [mcp.NAME] of the user's own file, which holds nothing else."""
    file = _file_for_all_projects(environ)
    if file is None:
        return {}
    table = _load(file)
    for section in table:
        if section != "mcp":
            raise ConfigError(f"{file}: found {section!r}; expected [mcp.NAME] alone. Write [{section}] into the project's {FILE_NAME}.")
    _check_sections(str(file), table)
    servers: Table = table.get("mcp", {})
    return servers


def _file_for_all_projects(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    file = Path(home or "") / ".metagpt" / FILE_NAME
    return file if home and file.is_file() else None


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


def _hub(owner: str, body: Table, file: Path | None) -> HubSettings:
    _check_keys(owner, body, [f.name for f in fields(HubSettings)])
    path = body.get("path")
    if path is not None and (not isinstance(path, str) or not path.strip()):
        raise ConfigError(f"{owner}: found path = {path!r}; expected a folder, as text. Write it in quotes.")
    if path is None:
        return HubSettings()
    return HubSettings(path=Path(path).expanduser() if file is None else file.parent / Path(path).expanduser())


def _people(owner: str, body: Table) -> PeopleSettings:
    _check_keys(owner, body, [f.name for f in fields(PeopleSettings)])
    default = body.get("default", PeopleSettings().default)
    if not isinstance(default, str) or default.partition(":")[0].strip() not in ("approve", "reject"):
        raise ConfigError(f'{owner}: found default = {default!r}; expected "approve" or "reject: NOTE". Write one of them.')
    return PeopleSettings(seconds=_number(owner, "seconds", body["seconds"]) if "seconds" in body else None, default=default)


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


def _overlay(table: Table, environ: Mapping[str, str]) -> set[str]:
    """Lay the `METAGPT_…` variables over the file's table; the sections that they are of."""
    sections = set()
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        *path, key = _path(variable)
        sections.add(path[0])
        body = table
        for part in path:
            body = body.setdefault(part, {})
        body[key] = _typed(variable, path[0], key, environ[variable])
    return sections


def _path(variable: str) -> tuple[str, ...]:
    """Where the variable's value stands in the file: ("models", "engineer", "ref")."""
    name = variable.removeprefix(PREFIX)
    if name == "MODEL":
        return ("models", "default", "ref")
    if name in ("PEOPLE_SECONDS", "PEOPLE_DEFAULT"):
        return ("people", name.removeprefix("PEOPLE_").lower())
    if name in ("HUB", "HUB_PATH"):
        return ("hub", "path")
    separator = "__" if "__" in name else "_"
    section, _, rest = name.partition(separator)
    if section == "BUDGET" and rest.lower() in {f.name for f in fields(BudgetSettings)}:
        return ("budget", rest.lower())
    if section == "MODELS" and rest:
        role, _, option = rest.rpartition("__") if separator == "__" else _role_and_option(rest)
        if role and option:
            return ("models", role.lower(), option.lower())
    known = ["MODEL", "MODELS_NAME_REF", "HUB", "PEOPLE_SECONDS", *(f"BUDGET_{f.name.upper()}" for f in fields(BudgetSettings))]
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
    """The text as a number or truth value where it is one; a reference or a path stays text."""
    if key == "ref" or section == "hub" or (section, key) == ("people", "default"):
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
