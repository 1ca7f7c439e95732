"""Recipes: a job's kind and settings in a TOML file, and how one is run."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metagpt.errors import ConfigError, LabError, MetaGPTError
from metagpt.hub.durable import no_room
from metagpt.lab.jobs.folder import RunFolder
from metagpt.lab.jobs.registry import JobSettings, load_job

__all__ = ["Recipe", "read_recipe", "run_recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to do: `job = "finetune"` and the settings of that kind."""

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)  # Any: TOML values
    """Settings by name; those left out have their defaults."""
    source: str = "flags"
    """The file it stands in, for errors."""

    def overridden(self, values: Mapping[str, Any]) -> Recipe:
        """The same recipe with some settings changed."""
        return Recipe(kind=self.kind, values={**self.values, **values}, source=self.source)

    def settings(self) -> JobSettings:
        """The settings, checked.

        Raises:
            ConfigError: an unknown kind or setting, or a value that does not fit.
        """
        kind = load_job(self.kind).Settings
        try:
            return kind.model_validate(dict(self.values))
        except ValidationError as error:
            raise ConfigError(f"{self.source}: {_told(error, kind)}") from error


def _told(error: ValidationError, kind: type[JobSettings]) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, kind.model_fields, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(kind.model_fields)}."
        return f"found the setting {name!r}; expected a known one. {hint}"
    if first["type"] == "missing":
        return f"found no {name!r}; this job needs it: {kind.model_fields[name].description or 'see its help'} Add it."
    return f"{name}: found {first['input']!r}; {first['msg'][:1].lower()}{first['msg'][1:]}. Correct the setting."


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file: `job`, and the settings beside it.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or names no job.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected a recipe in TOML. Name a file that is there.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}; expected TOML. Correct the file there.") from error
    kind = said.pop("job", None)
    if not isinstance(kind, str):
        raise ConfigError(f'{path}: found job = {kind!r}; expected the kind of job, as job = "finetune". Add it at the top.')
    return Recipe(kind=kind, values=said, source=str(path))


def _run_in_turn(kind: str, settings: JobSettings, folder: RunFolder) -> dict[str, Any]:
    """Run the job once the machine has what it needs; `auto` then means the device that it was given."""
    from metagpt.lab.compute import ComputeQueue, Need

    need = Need(device=settings.device, memory_bytes=None if settings.memory_gb is None else int(settings.memory_gb * 1e9))
    with ComputeQueue().reserve(need, what=f"{kind} in {folder.path}") as device:
        return dict(load_job(kind).run(settings.model_copy(update={"device": device}), folder))


def run_recipe(
    recipe: Recipe, *, out: Path | None = None, resume: Path | None = None, begun: Callable[[RunFolder], None] | None = None
) -> tuple[RunFolder, dict[str, Any]]:
    """Run a recipe, or go on with the run of a folder.

    Args:
        recipe: What to do; its settings are checked before anything is made.
        out: The run's new folder; None for a new one below `.metagpt/lab`.
        resume: The folder of a run that was cut; it goes on with the recipe that it began with.
        begun: Told of the run folder before the job starts.

    Returns:
        The run folder, and the results that also stand in its results.json.

    Raises:
        ConfigError: a bad setting, or a folder that cannot be used.
        LabError: what the job refuses; where it had done nothing yet, no folder is left. Or a full disk.
    """
    if resume is not None:
        folder = RunFolder.reopen(resume)
        began = folder.recipe
        recipe = Recipe(kind=began.pop("job"), values=began, source=str(resume / "recipe.json"))
        settings = recipe.settings()
    else:
        settings = recipe.settings()
        with _told_if_full(recipe.kind, out):
            folder = RunFolder.create(recipe.kind, {"job": recipe.kind, **settings.model_dump(mode="json")}, path=out)
    if begun is not None:
        begun(folder)
    try:
        with _told_if_full(recipe.kind, folder.path):
            results = _run_in_turn(recipe.kind, settings, folder)
            folder.write_json("results.json", results)
    except MetaGPTError:
        if resume is None and folder.is_bare:
            folder.discard()
        raise
    return folder, results


@contextmanager
def _told_if_full(kind: str, where: Path | None) -> Iterator[None]:
    """Turn a full disk, whatever was being written, into a LabError."""
    try:
        yield
    except MetaGPTError:
        raise
    except Exception as error:
        said = no_room(error)
        if said is None:
            raise
        raise LabError(
            f"lab {kind}: {where or 'the run folder'}: {said}; expected room for the run. Make room, then go on: metagpt lab resume FOLDER"
        ) from error
