"""The engineer: from requirements to programs, and from failures to a repaired one."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from metagpt import ModelOptions, Role, on, template
from metagpt.errors import InvalidReplyError, ModelUnavailableError
from metagpt.roles.software.messages import Candidates, ChecksFailed, Program, Reading, Requirements, Specification, Variations
from metagpt.roles.software.signatures import read_signature
from metagpt.roles.software.sources import DEFAULT_FILE, SourceText, read_files

__all__ = ["MOST_REPAIRS", "Engineer"]

MOST_REPAIRS = 3
"""How often a program is sent back."""

MOST_PROGRAMS = 2
"""Of a sampled model, to stand for one reading: each is run on every input."""

LEAST_SHARE = 0.2
"""Of a reading's programs, drawn and drafted, that must be alike to stand for it."""

_ONE = ModelOptions(n=1)
_LIKELIEST = ModelOptions(n=1, temperature=0.0)
_SEVERAL = ModelOptions(n=4, temperature=0.5)

_EVALUATORS = ("tests", "conftest.py", "run.json")
"""What only the evaluator writes."""


class Engineer(Role):
    """You are a careful Python engineer. You write short, typed, working programs with the standard library alone."""

    @on(Requirements)
    async def write_program(self, requirements: Requirements) -> Candidates:
        """Write programs for each reading, all at once."""
        written = await asyncio.gather(*(self._write(requirements, index) for index in range(len(requirements.readings))))
        programs = [program for of_reading in written if isinstance(of_reading, list) for program in of_reading]
        if not programs:
            raise next(problem for problem in written if isinstance(problem, InvalidReplyError))
        return Candidates(requirements=requirements, programs=programs)

    async def _write(self, requirements: Requirements, index: int) -> list[Program] | InvalidReplyError:
        """The programs that stand for a reading, or why there is none.

        A small model draws several, as it cannot be told what was wrong; of a reading without a vote only the likeliest.
        """
        reading = requirements.readings[index]
        wanted = reading.specification
        sampled = _SEVERAL if reading.votes else _LIKELIEST
        try:
            sources = await self.ask_many(
                SourceText,
                template("engineer/write_program"),
                options=sampled if requirements.is_sampled else _ONE,
                name="write_program",
                goal=requirements.goal,
                signature=wanted.signature,
                summary=wanted.summary,
                examples=wanted.examples,
            )
        except InvalidReplyError as error:  # one reading without a program does not spoil the others
            self.log.info("reading %d of the goal led to no program: %s", index, error)
            return error
        return standing(sources, sources.votes, reading, lambda source: make_program(read_files(source), index, reading))

    @on(ChecksFailed, limit=MOST_REPAIRS)
    async def repair(self, failed: ChecksFailed) -> Candidates:
        """Mend the program that came closest; of a sampled model only if the goal, read another way, leads to none either."""
        misread = failed.repairs == 1 and failed.requirements.is_sampled and bool(failed.requirements.given)
        if misread and (others := varied_candidates(failed, await self._vary(failed.requirements))):
            return others
        reading = failed.requirements.readings[failed.program.reading]
        wanted, files = reading.specification, failed.program.files
        try:
            sources = await self.ask_many(
                SourceText,
                template("engineer/repair"),
                options=_SEVERAL if failed.requirements.is_sampled else _ONE,
                name="repair",
                goal=failed.requirements.goal,
                signature=wanted.signature,
                summary=wanted.summary,
                code="\n".join(files.values()) if len(files) == 1 else "\n".join(map(_fenced, files.items())),
                failure="\n".join(failed.failures[:1] if failed.requirements.is_sampled else failed.failures),  # small models read one
            )
        except InvalidReplyError as error:  # the program with its failures is worth more than none
            tell = self.log.info if failed.requirements.is_sampled else self.log.warning  # a small model's often cannot
            tell("the program stays as it was, for none of its repairs could be read: %s", error)
            return Candidates(requirements=failed.requirements, programs=[failed.program], repairs=MOST_REPAIRS)
        programs = standing(sources, sources.votes, reading, lambda source: _mended(failed.program, read_files(source), reading))
        return Candidates(requirements=failed.requirements, programs=programs, repairs=failed.repairs)

    async def _vary(self, requirements: Requirements) -> Variations:
        """Other readings with their programs: no program does what the goal's examples say, so it was not read as it is meant."""
        try:
            return await self.ask(
                Variations,
                template("engineer/vary"),
                name="vary",
                goal=requirements.goal,
                readings=[reading.specification.model_dump(include={"summary", "signature"}) for reading in requirements.readings],
                examples=requirements.given,
            )
        except (InvalidReplyError, ModelUnavailableError) as error:  # a model fine-tuned for other calls has none
            self.log.info("no other readings: %s", error)
            return Variations()


def varied_candidates(failed: ChecksFailed, found: Variations) -> Candidates | None:
    """The programs of other readings behind the one that failed, for the examples to choose among; None where there is none."""
    readings, programs = list(failed.requirements.readings), [failed.program]
    for variation in found.variations:
        specification = Specification(in_scope=True, summary=variation.summary, signature=variation.signature)
        reading = Reading(specification=specification, votes=0)
        try:
            files = read_files(variation.code)
        except ValueError:
            continue
        if read_signature(variation.signature) is None or len(files) > 1:
            continue
        programs.append(make_program(files, len(readings), reading))
        readings.append(reading)
    if len(programs) == 1:
        return None
    requirements = failed.requirements.model_copy(update={"readings": readings})
    return Candidates(requirements=requirements, programs=programs, repairs=failed.repairs)


def standing(sources: Sequence[str], votes: Sequence[int], reading: Reading, made: Callable[[str], Program]) -> list[Program]:
    """Of the answers to one call the programs to be tried, at most two, each with its share of the reading's votes."""
    counted: Counter[str] = Counter()
    for source, count in zip(sources, votes, strict=True):
        counted[source] += count
    every = [(made(source), count) for source, count in counted.most_common()]
    able = [(program, count) for program, count in every if _can_be_called(program, reading)] or every
    total = sum(count for _, count in able)
    chosen = [(program, count) for program, count in able[:MOST_PROGRAMS] if count >= LEAST_SHARE * total] or able[:1]
    stood = sum(count for _, count in chosen)
    return [program.model_copy(update={"share": count / stood}) for program, count in chosen]


def _mended(program: Program, repaired: dict[str, str], reading: Reading) -> Program:
    """The program with the files of an answer in place of its own."""
    if list(repaired) == [DEFAULT_FILE] and DEFAULT_FILE not in program.files:
        repaired = {program.entry: repaired[DEFAULT_FILE]}  # one file without its path: the one to start with
    return make_program({**program.files, **repaired}, program.reading, reading)


def make_program(files: dict[str, str], index: int, reading: Reading) -> Program:
    """The files of an answer as the program of a reading; a single function's file is called as the function."""
    signature = read_signature(reading.specification.signature)
    kept = {path: text for path, text in files.items() if PurePosixPath(path).parts[0] not in _EVALUATORS} or files
    if signature is not None and list(kept) == [DEFAULT_FILE]:
        kept = {_module_file(signature.name): kept[DEFAULT_FILE]}
    return Program(reading=index, files=kept, entry=_entry(kept, signature.name if signature else None))


def _module_file(function: str) -> str:
    is_taken = function in sys.stdlib_module_names or function in {"tests", "conftest", "requirements"}
    return f"{function}_program.py" if is_taken else f"{function}.py"


def _can_be_called(written: Program, reading: Reading) -> bool:
    """Whether the program has the function that its reading speaks of."""
    signature = read_signature(reading.specification.signature)
    return signature is None or bool(_defining(signature.name).search(written.files[written.entry]))


def _entry(files: dict[str, str], function: str | None) -> str:
    """The file that defines the function; of an application the one that starts it."""
    python = [path for path in files if path.endswith(".py")]
    if function is not None:
        return next((path for path in python if _defining(function).search(files[path])), python[0])
    starting = [path for path in python if path == DEFAULT_FILE or PurePosixPath(path).name == "__main__.py"]
    return (starting or [path for path in python if "__main__" in files[path]] or python)[0]


def _fenced(file: tuple[str, str]) -> str:
    return f"### {file[0]}\n```python\n{file[1]}```"


def _defining(function: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:async )?def {re.escape(function)}\b|^{re.escape(function)}\b *[:=]", re.MULTILINE)
