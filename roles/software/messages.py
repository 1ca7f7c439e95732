"""What the software team says to each other."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from metagpt import Message
from metagpt.roles.software.sources import checked_tests

__all__ = ["Candidates", "Checks", "ChecksFailed", "Declined", "Delivery", "Example", "Program", "Reading", "Requirements", "Specification"]

Example = tuple[Any, Any]  # Any: JSON values
"""An argument and its result; for a function of several parameters, the list of its arguments and the result."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Specification(_Part):
    """One reading of a goal: what a model answers to `product_manager.specify`."""

    in_scope: bool
    """Whether the goal asks for a program that this team can write."""
    summary: str = ""
    """What the program does, step by step."""
    signature: str = ""
    """`count_vowels(text: str) -> int`; empty for an application started by a command."""
    examples: list[Example] = Field(default_factory=list)
    """Acceptance examples."""


class Reading(_Part):
    """A specification that can be worked on."""

    specification: Specification
    votes: int = 1
    """How many of the model's candidates said the same."""


class Requirements(Message):
    """The goal, understood: one reading of it, or several to choose from by their behaviour."""

    goal: str
    readings: list[Reading]
    """The likeliest first."""
    given: list[Example] = Field(default_factory=list)
    """Examples that stand in the goal itself."""
    drawn: int
    """Candidates drawn, those that led to no reading included."""

    @property
    def is_sampled(self) -> bool:
        """Whether the model was asked for many answers because one is not to be trusted: then only what it did not make up counts."""
        return self.drawn > 1


class Declined(Message):
    """The goal is none for this team and model."""

    reason: str
    """Why, in a sentence for whoever set the goal."""
    ways_out: list[str]
    """What they can do, each with what to type."""


class Variation(_Part):
    """Another reading of the goal, close to those that are there, with its program."""

    summary: str
    """What the program does, step by step."""
    signature: str
    code: str
    """One function in one file."""


class Variations(_Part):
    """What a model answers to `engineer.vary`."""

    variations: list[Variation] = Field(default_factory=list)
    """The likeliest first."""


class Program(_Part):
    """A program: one file or more."""

    reading: int
    """Which of the readings it was written for."""
    share: float = 1.0
    """Of the reading's votes; less where several programs stand for it."""
    files: dict[str, str]
    """Text by relative path."""
    entry: str
    """The file to start with."""


class Candidates(Message):
    """Programs that are to be judged, one or more for each reading."""

    requirements: Requirements
    programs: list[Program]
    repairs: int = 0
    """How often the program was sent back so far."""


class Probes(_Part):
    """What a sampled model is asked for in the way of tests: it cannot work results out, so it is not asked for any."""

    inputs: list[Any] = Field(default_factory=list)
    """Arguments to try."""
    properties: list[str] = Field(default_factory=list)
    """What holds of every argument and its result, by name."""


class Checks(Message):
    """Tests, written without seeing a program."""

    inputs: list[Any] = Field(default_factory=list)
    """Arguments to try: what each comes to is not said."""
    properties: list[str] = Field(default_factory=list)
    """What holds of every argument and its result, by name."""
    cases: list[Example] = Field(default_factory=list)
    """Arguments with the results that the requirements call for."""
    source: Annotated[str, AfterValidator(checked_tests)] = ""
    """A Python test file of `test_…` functions, for what examples cannot say."""


class ChecksFailed(Message):
    """A program that does not do what it must, to be repaired."""

    requirements: Requirements
    program: Program
    failures: list[str]
    repairs: int
    """How often it was sent back, this time included."""


class Delivery(Message):
    """A program in the run's workspace, with what is known of it."""

    program: Program
    signature: str
    passed: bool
    """Whether its tests ran in the sandbox and passed, on evidence strong enough to say so."""
    evidence: str
    """What speaks for it, in words."""
    tests: int
    failures: list[str]
