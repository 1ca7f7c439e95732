"""Where contenders run: ours and the floors in this interpreter, each peer in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CACHE", "LAB_PEERS", "OWN", "PEERS", "Environment", "child_environ", "environment_of", "own_environment"]

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".benchmarks"
"""Holds the peers' environments and all bytecode; hides itself from git."""

PEERS: Mapping[str, tuple[str, ...]] = {
    "autogen": ("autogen-core", "openai"),
    "langgraph": ("langgraph", "langgraph-checkpoint-sqlite", "openai"),
    "llamaindex": ("llama-index-workflows", "openai"),
    "agno": ("agno", "openai"),
}
"""Packages by contender; openai for the row that asks a model."""

LAB_PEERS: Mapping[str, tuple[str, ...]] = {"setfit": ("torch==2.13.0", "setfit")}
"""Packages by contender of the lab's own benchmarks; torch as ours is, for a fair race."""

OWN = ("metagpt", "pydantic", "openai")
INSTALL_TIMEOUT_S = 600.0

_VERSIONS = "import json, sys; from importlib.metadata import version; print(json.dumps({name: version(name) for name in sys.argv[1:]}))"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An interpreter that contenders can be measured with, or why there is none."""

    python: Path | None
    versions: Mapping[str, str]
    problem: str = ""


def child_environ() -> dict[str, str]:
    """This process's variables for measured ones: bytecode cached, no telemetry, no keys."""
    _hide(CACHE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LANGCHAIN", "LANGSMITH", "OPENAI_"))}
    silent = {"LANGSMITH_TRACING": "false", "AGNO_TELEMETRY": "false", "OTEL_SDK_DISABLED": "true"}
    return {**kept, **silent, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(CACHE / "bytecode"), "PYTHONHASHSEED": "0"}


def own_environment() -> Environment:
    """This interpreter."""
    return Environment(python=Path(sys.executable), versions=_versions(Path(sys.executable), OWN))


def environment_of(peer: str) -> Environment:
    """The peer's environment, made now if it is not there yet."""
    packages = {**PEERS, **LAB_PEERS}[peer]
    folder = CACHE / peer
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed"
    try:
        if not done.exists():
            _hide(CACHE)
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", *packages])
            done.touch()
        return Environment(python=python, versions=_versions(python, tuple(package.partition("==")[0] for package in packages)))
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        return Environment(python=None, versions={}, problem=f"could not be installed: {said[-1] if said else error}")
    except subprocess.TimeoutExpired:
        return Environment(python=None, versions={}, problem=f"could not be installed within {INSTALL_TIMEOUT_S:g} s")
    except OSError as error:
        return Environment(python=None, versions={}, problem=f"could not be installed: {error.strerror}")


def _hide(cache: Path) -> None:
    """Make the folder, with a word to git that it is nobody's work."""
    cache.mkdir(exist_ok=True)
    ignored = cache / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n")


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S).stdout


def _versions(python: Path, packages: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = json.loads(_run([str(python), "-c", _VERSIONS, *packages]))
    return found
