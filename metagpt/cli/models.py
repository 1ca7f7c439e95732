"""Which model answers which role, and why.

A role's model is the first of: `--role-model`; `[models.ROLE]` in metagpt.toml, unless `--model` is given; the role's own in
Python; and then the team's: `--model`, its own in Python, `[models.default]`, and last what the environment offers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metagpt.errors import ConfigError, MetaGPTError, did_you_mean
from metagpt.human import Human
from metagpt.models.interface import Model, Price
from metagpt.plugins import open_model
from metagpt.settings import ModelSettings, Settings
from metagpt.team import Team

__all__ = ["DEFAULT_REMOTE", "Choice", "choose_models", "default_reference", "open_configured"]

DEFAULT_REMOTE = "openai:gpt-5-mini"
"""What answers where OPENAI_API_KEY is set and nothing else is said."""
EMBEDDED = "embedded"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The models of a run."""

    team: Model | None = None
    """For roles without their own; None leaves what the team has."""
    roles: Mapping[str, Model] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    """Every model that may answer."""
    line: str = ""
    """The choice in words, to be printed first."""

    @property
    def opened(self) -> list[Model]:
        """The models to close at the end."""
        return list({id(model): model for model in (self.team, *self.roles.values()) if model is not None}.values())


def default_reference(environ: Mapping[str, str]) -> tuple[str, str]:
    """The model where none is named, and why."""
    if environ.get("OPENAI_API_KEY"):
        return DEFAULT_REMOTE, "OPENAI_API_KEY is set"
    return EMBEDDED, "no OPENAI_API_KEY, no metagpt.toml with models"


def open_configured(settings: Settings, body: ModelSettings) -> Model:
    """The model of a table in metagpt.toml, with the user's prices."""
    options = dict(body.options)
    if settings.prices and body.ref.startswith("openai:"):
        options["prices"] = {name: Price(input=p.input, output=p.output, cached=p.cached) for name, p in settings.prices.items()}
    return open_model(body.ref, options)


class _Opener:
    """Opens each model once, whatever the number of roles that share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: list[tuple[ModelSettings, Model]] = []

    def open(self, body: ModelSettings) -> Model:
        for known, model in self._opened:
            if known == body:
                return model
        model = open_configured(self._settings, body)
        self._opened.append((body, model))
        return model


def choose_models(
    team: Team[Any, Any],
    settings: Settings,
    *,
    model: str | None = None,
    role_models: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Choice:
    """The models of the team's roles, opened.

    Args:
        team: The team as it was made.
        settings: Of metagpt.toml and environment.
        model: What `--model` says.
        role_models: What `--role-model` says.
        environ: Variables; those of the process if left out.

    Raises:
        ConfigError: a role that the team lacks, or a model that cannot be opened with what is installed and set.
    """
    own = {role: each for role, each in team._models.items() if not isinstance(team.roles[role], Human)}
    named = _named_models(own, settings, model, role_models or {})
    words = [f"{role}: {body.ref} ({why})" for role, (body, why) in named.items()]
    words += [f"{role}: {each.profile.reference} (its own)" for role, each in own.items() if role not in named and isinstance(each, Model)]
    references = {body.ref for body, _ in named.values()}
    references |= {each.profile.reference for role, each in own.items() if role not in named and isinstance(each, Model)}
    opener = _Opener(settings)
    opened = {role: opener.open(body) for role, (body, _) in named.items()}
    shared: Model | None = None
    if any(role not in named and each is None for role, each in own.items()):
        chosen, why = _team_model(team, settings, model, os.environ if environ is None else environ)
        shared = _open_shared(opener, chosen) if isinstance(chosen, ModelSettings) else None
        reference = chosen.ref if isinstance(chosen, ModelSettings) else chosen.profile.reference
        words.insert(0, f"{reference} ({why})")
        references.add(reference)
    return Choice(
        team=shared, roles=opened, references=tuple(sorted(references)), line=f"model {'; '.join(words)}" if words else "no model"
    )


def _open_shared(opener: _Opener, chosen: ModelSettings) -> Model:
    try:
        return opener.open(chosen)
    except MetaGPTError as error:
        if chosen.ref != EMBEDDED:
            raise
        ways = "Or let another model answer: export OPENAI_API_KEY=…, or pass --model openai:NAME@URL or --model local:PATH_OR_HUB_ID."
        raise ConfigError(f"{error}\n{ways}") from error


def _named_models(
    own: Mapping[str, Model | str | None], settings: Settings, model: str | None, role_models: Mapping[str, str]
) -> dict[str, tuple[ModelSettings, str]]:
    """The models that are named for single roles, and by what."""
    named = {role: (ModelSettings(ref=each), "its own") for role, each in own.items() if isinstance(each, str)}
    if model is None:
        named.update({role: (body, "metagpt.toml") for role, body in settings.models.items() if role in own})
    for role, reference in role_models.items():
        if role not in own:
            raise ConfigError(f"--role-model: found role {role!r}; expected one of the team's. {did_you_mean(role, own)}")
        named[role] = (_set(settings, role, reference), "--role-model")
    return named


def _set(settings: Settings, name: str, reference: str) -> ModelSettings:
    """The reference with the options of the table of that name, where that is about the same model."""
    known = settings.models.get(name)
    return known if known is not None and known.ref == reference else ModelSettings(ref=reference)


def _team_model(
    team: Team[Any, Any], settings: Settings, model: str | None, environ: Mapping[str, str]
) -> tuple[ModelSettings | Model, str]:
    """What answers roles without their own, and why."""
    if model is not None:
        return _set(settings, "default", model), "--model"
    own = team._team_model
    if own is not None:
        return ModelSettings(ref=own) if isinstance(own, str) else own, "the team's own"
    if "default" in settings.models:
        return settings.models["default"], "metagpt.toml" if settings.file else "METAGPT_MODEL"
    reference, why = default_reference(environ)
    return ModelSettings(ref=reference), f"{why}; choose with --model"
