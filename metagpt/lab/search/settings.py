"""What a search may be told: the recipe, the settings to vary with their ranges, and the result that decides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from metagpt.lab.jobs import JobSettings, Recipe, read_recipe

__all__ = ["Choice", "Range", "SearchSettings"]

Choice = bool | int | float | str


class Range(BaseModel):
    """Numbers from `low` to `high`, both included; whole ones where all that is given is whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int | float
    high: int | float
    log: bool = False
    """Whether to draw by orders of magnitude, as suits learning rates."""
    step: int | float | None = Field(None, gt=0)
    """Only `low`, `low + step` and so on."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high or not math.isfinite(self.high - self.low):
            raise ValueError(f"found low = {self.low} and high = {self.high}; low must be below high, both finite")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs low above 0, and no step")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))

    def grid(self) -> list[Choice] | None:
        """All values; None where there are too many to list."""
        step = self.step or (1 if self.is_whole and not self.log else None)
        if step is None:
            return None
        return [self.low + number * step for number in range(math.floor((self.high - self.low) / step + 1e-9) + 1)]


class SearchSettings(JobSettings):
    """A recipe, what to vary in it, and which of its results to make best."""

    recipe: dict[str, Any] = Field(description="The recipe to vary: a TOML file, or the recipe itself as a table with its `job`.")
    vary: dict[str, Range | list[Choice]] = Field(
        min_length=1,
        description="For each setting {low, high} with log or step, or a list of values, as learning_rate = {low=1e-5, high=1e-3}.",
    )
    result: str = Field(description="The result to make best, by its name in the results; parts of names by dots.")
    direction: Literal["maximize", "minimize"] = Field("maximize", description="Whether more or less is better.")
    trials: int = Field(20, ge=1, description="How many settings to try, pruned and failed ones counted.")
    max_s: float | None = Field(None, gt=0, description="Start no further trial after so many seconds of this call.")
    sampler: Literal["tpe", "random", "grid"] = Field("tpe", description="Learning from the trials so far, by chance, or all combinations.")
    startup: int = Field(8, ge=1, description="Trials by chance before tpe learns.")
    prune_on: str | None = Field(None, description="A value of the job's log by which hopeless trials are ended early.")
    prune_direction: Literal["maximize", "minimize"] | None = Field(None, description="Of prune_on; that of the result if left out.")
    pruner: Literal["median", "hyperband"] = Field(
        "median", description="Worse than the median at the same step, or by successive halving."
    )
    prune_after: int = Field(3, ge=1, description="Whole trials before the median prunes.")

    @field_validator("recipe", mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        """A file is read at once: the search goes on with what stood in it, whatever becomes of it."""
        if not isinstance(given, str | Path):
            return given
        read = read_recipe(Path(given))
        return {"job": read.kind, **read.values}

    @field_validator("vary")
    @classmethod
    def _has_choices(cls, vary: dict[str, Range | list[Choice]]) -> dict[str, Range | list[Choice]]:
        for name, among in vary.items():
            if isinstance(among, list) and len(among) < 2:
                raise ValueError(f"{name} needs two values or more to choose from")
        return vary

    @model_validator(mode="after")
    def _fits_the_recipe(self) -> Self:
        """Both ends of every range are tried on the settings of the job, so that no trial fails for a wrong name."""
        kind = self.recipe.get("job", "")
        if kind == "search":
            raise ValueError("recipe is itself a search; it must name another kind of job")
        if kind == "":
            raise ValueError('recipe has no job; it must name its kind, as job = "finetune"')
        for values in self._corners():
            self.inner(values).settings()
        if self.sampler == "grid" and self.combinations() is None:
            raise ValueError("sampler grid needs lists, whole numbers or steps in vary")
        return self

    def _corners(self) -> Iterator[dict[str, Choice]]:
        yield {name: among[0] if isinstance(among, list) else among.low for name, among in self.vary.items()}
        yield {name: among[-1] if isinstance(among, list) else among.high for name, among in self.vary.items()}

    def inner(self, values: dict[str, Any]) -> Recipe:
        """The recipe of a trial."""
        given = {name: value for name, value in self.recipe.items() if name != "job"}
        return Recipe(kind=self.recipe["job"], values={**given, **values}, source="search: recipe")

    def combinations(self) -> list[dict[str, Choice]] | None:
        """All settings of a grid; None where there are endless ones."""
        found: list[dict[str, Choice]] = [{}]
        for name, among in self.vary.items():
            values = among if isinstance(among, list) else among.grid()
            if values is None:
                return None
            found = [{**before, name: value} for before in found for value in values]
        return found
