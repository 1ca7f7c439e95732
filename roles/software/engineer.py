"""The engineer: from requirements to programs, and from failures to a repaired one."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from pathlib import PurePosixPath

from metagpt import ModelOptions, Role, on, template
from metagpt.errors import InvalidReplyError
from metagpt.roles.software.messages import Candidates, ChecksFailed, Program, Reading, Requirements
from metagpt.roles.software.signatures import read_signature
from metagpt.roles.software.sources import DEFAULT_FILE, SourceText, read_files

__all__ = ["MOST_REPAIRS", "Engineer"]

MOST_REPAIRS = 3
"""How often a program is sent back."""

_LIKELIEST = ModelOptions(n=1)
_SEVERAL = ModelOptions(n=4, temperature=0.5)

_EVALUATORS = ("tests", "conftest.py", "run.json")
"""What only the evaluator writes."""


class Engineer(Role):
    """You are a careful Python engineer. You write short, typed, working programs with the standard library alone."""

    @on(Requirements)
    async def write_program(self, requirements: Requirements) -> Candidates:
        """Write a program for each reading, all at once."""
        written = await asyncio.gather(*(self._write(requirements, index) for index in range(len(requirements.readings))))
        programs = [program for program in written if isinstance(program, Program)]
        if not programs:
            raise next(problem for problem in written if isinstance(problem, InvalidReplyError))
        return Candidates(requirements=requirements, programs=programs)

    async def _write(self, requirements: Requirements, index: int) -> Program | InvalidReplyError:
        """The program of a reading, or why there is none. A small model cannot be told what was wrong: several more are drawn from it."""
        written = await self._drawn(requirements, index, _LIKELIEST)
        if requirements.is_sampled and _flaw(written[0], requirements.readings[index]):
            written += await self._drawn(requirements, index, _SEVERAL)
        return min(written, key=lambda each: _flaw(each, requirements.readings[index]))

    async def _drawn(self, requirements: Requirements, index: int, options: ModelOptions) -> list[Program | InvalidReplyError]:
        """The programs that one call gives, the commonest first; the error where it gives none."""
        wanted = requirements.readings[index].specification
        try:
            sources = await self.ask_many(
                SourceText,
                template("engineer/write_program"),
                options=options,
                name="write_program",
                goal=requirements.goal,
                signature=wanted.signature,
                summary=wanted.summary,
                examples=wanted.examples,
            )
        except InvalidReplyError as error:  # one reading without a program does not spoil the others
            self.log.info("reading %d of the goal led to no program: %s", index, error)
            return [error]
        votes: Counter[str] = Counter()
        for source, count in zip(sources, sources.votes, strict=True):
            votes[source] += count
        return [make_program(read_files(source), index, requirements.readings[index]) for source, _ in votes.most_common()]

    @on(ChecksFailed, limit=MOST_REPAIRS)
    async def repair(self, failed: ChecksFailed) -> Candidates:
        """Mend the program that came closest."""
        reading = failed.requirements.readings[failed.program.reading]
        wanted, files = reading.specification, failed.program.files
        source = await self.ask(
            SourceText,
            template("engineer/repair"),
            name="repair",
            goal=failed.requirements.goal,
            signature=wanted.signature,
            summary=wanted.summary,
            code="\n".join(files.values()) if len(files) == 1 else "\n".join(map(_fenced, files.items())),
            failure="\n".join(failed.failures[:1] if failed.requirements.is_sampled else failed.failures),  # small models read one
        )
        repaired = read_files(source)
        if list(repaired) == [DEFAULT_FILE] and DEFAULT_FILE not in files:
            repaired = {failed.program.entry: repaired[DEFAULT_FILE]}  # one file without its path: the one to start with
        program = make_program({**files, **repaired}, failed.program.reading, reading)
        return Candidates(requirements=failed.requirements, programs=[program], repairs=failed.repairs)


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


def _flaw(written: Program | InvalidReplyError, reading: Reading) -> int:
    """0 for a program that can be called as its reading says, 1 for one that lacks the function, 2 for none at all."""
    if isinstance(written, InvalidReplyError):
        return 2
    signature = read_signature(reading.specification.signature)
    return int(signature is not None and not _defining(signature.name).search(written.files[written.entry]))


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
