"""Teams by what the user typed: an installed team's name, FILE.py:team, or a team that is data: FILE.toml or FILE.md."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from metagpt.errors import ConfigError, MetaGPTError, did_you_mean
from metagpt.from_file.team_policy import users_policy
from metagpt.journal.interface import Journal
from metagpt.plugins import load_plugin
from metagpt.settings import read_settings
from metagpt.team import Team

__all__ = ["DATA_FILES", "find_team", "is_file", "is_installed", "load_team", "make_team", "takes_sandbox"]

AnyTeam = Team[Any, Any]

DATA_FILES = (".toml", ".md")
"""Endings of files that hold a team as data: they are read, and never run."""


def is_file(spec: str) -> bool:
    """Whether the team is named by a file, which must be named again to resume."""
    return ".py:" in spec or spec.endswith((".py", *DATA_FILES))


def is_installed(name: str) -> bool:
    """Whether an installed package registers a team of that name."""
    return name in entry_points(group="metagpt.teams").names


def find_team(spec: str) -> Any:  # Any: whatever stands there under that name
    """What the user named: a Team, or a function that makes one.

    Args:
        spec: `software`, `team.py:team`, `team.toml`; the attribute of a FILE.py is `team` where it is left out.

    Raises:
        ConfigError: there is no such team, or its file cannot be run.
        TeamError: its graph cannot work.
    """
    if spec.endswith(DATA_FILES):
        return _maker(Path(spec))
    if not is_file(spec):
        return load_plugin("teams", spec)
    path, colon, attribute = spec.rpartition(":")
    return _attribute(Path(path if colon else spec), attribute if colon else "team")


def _maker(file: Path) -> Callable[..., AnyTeam]:
    def make(*, journal: Journal | None = None, workspace: str | Path | None = None) -> AnyTeam:
        settings = read_settings()
        policy = users_policy(f"{settings.file}: [policy]", settings.policy)
        return Team.from_file(file, journal=journal, workspace=workspace, policy=policy)

    return make


def make_team(spec: str, found: Any, **keywords: Any) -> AnyTeam:
    """The Team itself; keywords are for functions that take them.

    Raises:
        ConfigError: it is no team.
        TeamError: its graph cannot work.
    """
    team = found(**{name: value for name, value in keywords.items() if _takes(found, name)}) if _is_factory(found) else found
    if not isinstance(team, Team):
        raise ConfigError(
            f"--team: found {type(team).__name__} at {spec!r}; expected a Team, or a function that returns one. Name another attribute."
        )
    return team


def load_team(spec: str, **keywords: Any) -> AnyTeam:
    """`find_team` and `make_team` in one."""
    return make_team(spec, find_team(spec), **keywords)


def takes_sandbox(found: Any) -> bool:
    """Whether the team is made by a function that lets its caller choose the sandbox."""
    return _is_factory(found) and _takes(found, "sandbox")


def _is_factory(found: Any) -> bool:
    return callable(found) and not inspect.isclass(found) and not isinstance(found, Team)


def _takes(factory: Callable[..., Any], keyword: str) -> bool:
    """Whether a function can be called with that keyword."""
    parameters = inspect.signature(factory).parameters
    return keyword in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _attribute(file: Path, name: str) -> Any:
    module = _run_file(file)
    if not hasattr(module, name):
        teams = [key for key, value in vars(module).items() if isinstance(value, Team)]
        raise ConfigError(f"--team: found no {name!r} in {str(file)!r}; expected a Team of that name. {did_you_mean(name, teams)}")
    return getattr(module, name)


def _run_file(file: Path) -> ModuleType:
    """The file as a module; its folder comes first on the import path, as for `python FILE.py`."""
    if not file.is_file():
        raise ConfigError(f"--team: found no file {str(file)!r}; expected FILE.py:team. Mind the folder you are in: {str(Path.cwd())!r}.")
    path = file.resolve()
    name = f"{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None, "as above"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except MetaGPTError:
        raise
    except Exception as error:
        problem = f"{_where(error, path)}{type(error).__name__}: {error}"
        raise ConfigError(f"--team: found {str(file)!r} failing ({problem}); expected it to run. Mend the file.") from error
    return module


def _where(error: Exception, path: Path) -> str:
    """The line of the file that failed, as far as it is known."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: " if error.filename == str(path) else ""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"line {lines[-1]}: " if lines else ""
