"""What `metagpt doctor` looks at, one function for each thing."""

from __future__ import annotations

import asyncio
import difflib
import json
import os
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from metagpt.cli.extras import extras_of
from metagpt.cli.journals import DEFAULT_JOURNAL
from metagpt.cli.models import EMBEDDED, default_reference, open_configured
from metagpt.errors import ConfigError, JournalError, MetaGPTError, SandboxError
from metagpt.journal.sqlite import SqliteJournal
from metagpt.models.openai_compatible import OpenAICompatibleModel
from metagpt.plugins import list_plugins
from metagpt.runtime.policy import Policy
from metagpt.settings import ModelSettings, Settings, read_settings

__all__ = ["Finding", "examine_installation", "examine_journal", "examine_models", "examine_plugins", "examine_sandbox", "examine_settings"]

_SHOWN = 4
"""Most packages of an extra that are listed."""
_PATIENCE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's."""

    state: Literal["ok", "note", "fault"]
    text: str
    mend: str = ""
    """What to do about a fault."""


def examine_installation() -> Iterator[Finding]:
    """Versions, and which extras are there."""
    yield Finding(state="ok", text=f"metagpt {version('metagpt')} on Python {sys.version.split()[0]} ({sys.platform})")
    for extra, packages in extras_of("metagpt").items():
        versions = {package: _version(package) for package in packages}
        missing = [package for package, found in versions.items() if found is None]
        if missing:
            text = f'extra {extra!r} is not installed (lacks {_listed_few(missing)}); get it: pip install "metagpt[{extra}]"'
            yield Finding(state="note", text=text)
        else:
            yield Finding(state="ok", text=f"extra {extra!r}: {_listed_few([f'{package} {found}' for package, found in versions.items()])}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _listed_few(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def examine_plugins() -> Iterator[Finding]:
    """Registered parts that do not load."""
    plugins = list_plugins()
    broken = [plugin for plugin in plugins if plugin.error]
    for plugin in broken:
        mend = f"reinstall or remove the package {plugin.distribution!r}"
        yield Finding(state="fault", text=f"{plugin.group} plugin {plugin.name!r}: {plugin.error}", mend=mend)
    yield Finding(state="ok", text=f"{len(plugins) - len(broken)} registered models, memories, actions, journals, roles and teams load")


def examine_settings() -> tuple[Settings | None, Finding]:
    """The settings that hold here, or what is wrong with them."""
    try:
        settings = read_settings()
        Policy.from_table(f"{settings.file}: [policy]", settings.policy)
    except ConfigError as error:
        return None, Finding(state="fault", text=str(error), mend="correct that line or variable")
    where = f"settings: {settings.file}" if settings.file else "settings: no metagpt.toml here or above, which is fine"
    return settings, Finding(state="ok", text=where)


def examine_models(settings: Settings) -> Iterator[Finding]:
    """Whether each configured model can be opened and reached; without any, the one that would be chosen."""
    configured = dict(settings.models)
    if "default" not in configured:
        reference, why = default_reference(os.environ)
        configured["default"] = ModelSettings(ref=reference)
        yield Finding(state="note", text=f"no model is set; {reference} answers ({why})")
    for name, body in configured.items():
        yield _examine_model(settings, name, body)
    if all(body.ref != EMBEDDED for body in configured.values()):
        finding = _examine_model(settings, "embedded", ModelSettings(ref=EMBEDDED))
        yield Finding(state="note", text=f"{finding.text} (it is not chosen here)") if finding.state == "fault" else finding


def _examine_model(settings: Settings, name: str, body: ModelSettings) -> Finding:
    try:
        model = open_configured(settings, body)
    except MetaGPTError as error:
        return Finding(state="fault", text=f"model {name}: {error}", mend=_mend_model(body.ref))
    if isinstance(model, OpenAICompatibleModel):
        return _reach(name, body.ref, model)
    is_here = body.ref == EMBEDDED or Path(body.ref.partition(":")[2]).expanduser().is_dir()
    where = "is here" if is_here else "opens; what it needs is fetched at its first use"
    return Finding(state="ok", text=f"model {name}: {body.ref} {where}")


def _mend_model(reference: str) -> str:
    if reference == EMBEDDED:
        return 'pip install "metagpt[local]", or set OPENAI_API_KEY, or name another model in metagpt.toml'
    return "correct its table in metagpt.toml, or the variable that names it"


def _reach(name: str, reference: str, model: OpenAICompatibleModel) -> Finding:
    """Ask the server which models it has: costs nothing and needs the key."""
    url = f"{model.base_url}/models"
    owner = f"model {name}: {reference}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {model._address.api_key}"})  # noqa: S310 - http(s), as checked
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310 - as above
            known = _listed(answer.read())
    except urllib.error.HTTPError as error:
        return _refused(owner, model, error.code)
    except OSError as error:
        mend = "check the network, a proxy, and the address behind '@' or in OPENAI_BASE_URL"
        return Finding(state="fault", text=f"{owner}: {url} cannot be reached ({getattr(error, 'reason', error)})", mend=mend)
    if known and model.name not in known:
        close = difflib.get_close_matches(model.name, known, n=3, cutoff=0.3) or sorted(known)[:3]
        mend = f"name one of its own: {', '.join(close)}"
        return Finding(state="fault", text=f"{owner}: the server has no model {model.name!r}", mend=mend)
    return Finding(state="ok", text=f"{owner} is reached at {model.base_url}")


def _refused(owner: str, model: OpenAICompatibleModel, status: int) -> Finding:
    if status in (401, 403):
        mend = "set OPENAI_API_KEY, or the variable that api_key_env names, to a valid key"
        return Finding(state="fault", text=f"{owner}: the server refuses the key ({status})", mend=mend)
    if status >= 500 or status == 429:
        return Finding(state="fault", text=f"{owner}: the server fails ({status})", mend="try again later")
    return Finding(state="ok", text=f"{owner} is reached at {model.base_url}, which does not list its models ({status})")


def _listed(body: bytes) -> set[str]:
    """Names in a list of models; empty where the server does not list them."""
    try:
        return {str(entry["id"]) for entry in json.loads(body)["data"]}
    except (ValueError, KeyError, TypeError):
        return set()


def examine_journal() -> Iterator[Finding]:
    """Whether the working folder's journal opens, and for its owner alone."""
    if not DEFAULT_JOURNAL.exists():
        yield Finding(state="ok", text=f"journal: none yet; the first run makes {DEFAULT_JOURNAL}")
        return
    try:
        journal = SqliteJournal(DEFAULT_JOURNAL)
        count = len(journal.runs())
        journal.close()
    except JournalError as error:
        yield Finding(state="fault", text=f"journal: {error}", mend=f"restore {DEFAULT_JOURNAL} from a copy, or move it away")
        return
    mode = stat.S_IMODE(DEFAULT_JOURNAL.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        text = f"journal: {DEFAULT_JOURNAL} is open to others (mode {mode:04o})"
        yield Finding(state="fault", text=text, mend=f"chmod 600 {DEFAULT_JOURNAL}")
    else:
        yield Finding(state="ok", text=f"journal: {DEFAULT_JOURNAL} with {count} run(s)")


def examine_sandbox() -> Iterator[Finding]:
    """Whether generated code would really be isolated, by trying to break out."""
    from metagpt.actions.isolation_trials import isolation_report
    from metagpt.actions.sandbox import open_sandbox

    try:
        sandbox = open_sandbox("auto")
        trials = asyncio.run(isolation_report(sandbox))
    except SandboxError as error:
        mend = "apt install bubblewrap, or use Linux 5.13 or later; --sandbox process runs code without isolation, at your own risk"
        yield Finding(state="fault", text=f"sandbox: {error}", mend=mend)
        return
    failed = [trial for trial in trials if not trial.isolated]
    for trial in failed:
        mend = "choose another with --sandbox, or run no programs here that you would not run by hand"
        yield Finding(state="fault", text=f"sandbox {sandbox.name}: {trial.name}: {trial.detail}", mend=mend)
    if not failed:
        yield Finding(state="ok", text=f"sandbox {sandbox.name}: isolates; stood {len(trials)} attempts to break out")
