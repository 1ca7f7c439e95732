"""The folder of a lab run: recipe, environment, log, checkpoint, results, charts and card. It is never overwritten."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from metagpt.errors import ConfigError
from metagpt.hub.durable import replacing

__all__ = ["RunFolder"]

RUNS = Path(".metagpt/lab")
"""Where run folders go that nobody gives a place."""
_PACKAGES = ("metagpt", "torch", "transformers", "peft", "trl", "sentence-transformers", "scikit-learn", "optuna", "torchao", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """A run's files; everything in it is written aside and renamed, or appended a line at a time."""

    path: Path

    @classmethod
    def create(cls, kind: str, recipe: Mapping[str, Any], *, path: Path | None = None) -> RunFolder:
        """A new folder with its recipe and environment.

        Args:
            kind: The job's kind; names the folder where `path` is None.
            recipe: Kind and settings as JSON values.
            path: The folder to make; it must not exist, or be empty.

        Raises:
            ConfigError: the folder holds something already.
        """
        chosen = path or RUNS / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        if chosen.exists() and (not chosen.is_dir() or any(chosen.iterdir())):
            is_cut = (chosen / "recipe.json").is_file() and not (chosen / "results.json").is_file()
            more = f", or go on with the run there: metagpt lab resume {chosen}" if is_cut else "."
            raise ConfigError(f"{chosen}: found something there already; expected a new folder. Name another{more}")
        chosen.mkdir(parents=True, exist_ok=True)
        folder = cls(chosen)
        folder.write_json("recipe.json", recipe)
        folder.write_json("environment.json", _environment())
        return folder

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """A folder to go on with.

        Raises:
            ConfigError: it is no run folder, or its run is done.
        """
        if not (path / "recipe.json").is_file():
            raise ConfigError(f"{path}: found no recipe.json; expected the folder of a lab run. Give the folder that the run printed.")
        if (path / "results.json").is_file():
            raise ConfigError(f"{path}: its run is done, with results.json; expected one that was cut. Start a new run for other results.")
        return cls(path)

    @property
    def recipe(self) -> dict[str, Any]:
        """Kind and settings, as the run began with them."""
        found: dict[str, Any] = json.loads((self.path / "recipe.json").read_text(encoding="utf-8"))
        return found

    @property
    def checkpoint(self) -> Path:
        """Where the job keeps what it needs to go on after a cut; a file or a folder of its own making."""
        return self.path / "checkpoint"

    @property
    def is_bare(self) -> bool:
        """Whether the job has left nothing in it yet."""
        return {path.name for path in self.path.rglob("*") if not path.is_dir()} <= {"recipe.json", "environment.json"}

    def discard(self) -> None:
        """Remove it, with all that it holds."""
        shutil.rmtree(self.path, ignore_errors=True)

    def log(self, **values: Any) -> None:  # Any: JSON values
        """Append a line to log.jsonl."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def logged(self) -> Iterator[dict[str, Any]]:
        """The lines of log.jsonl so far; a line that a kill cut short is left out."""
        file = self.path / "log.jsonl"
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def write_json(self, name: str, value: Any) -> None:  # Any: a JSON value
        """Write a JSON file whole or not at all."""
        self.write_text(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file whole or not at all."""
        with replacing(self.path / name) as aside:
            aside.write_text(text, encoding="utf-8")


def _environment() -> dict[str, Any]:
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"python": sys.version.split()[0], "system": platform.platform(), "processors": os.cpu_count(), "packages": packages}
