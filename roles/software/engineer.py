"""The engineer: from requirements to programs, and from failures to a repaired one."""

from __future__ import annotations

import asyncio
import re

from metagpt import Role, on, template
from metagpt.errors import InvalidReplyError
from metagpt.roles.software.messages import Candidates, ChecksFailed, Program, Reading, Requirements
from metagpt.roles.software.signatures import read_signature
from metagpt.roles.software.sources import SourceText, read_files

__all__ = ["Engineer"]

MOST_REPAIRS = 3


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
        wanted = requirements.readings[index].specification
        try:
            source = await self.ask(
                SourceText,
                template("engineer/write_program"),
                name="write_program",
                goal=requirements.goal,
                signature=wanted.signature,
                summary=wanted.summary,
                examples=wanted.examples,
            )
        except InvalidReplyError as error:  # one reading without a program does not spoil the others
            self.log.warning("reading %d of the goal led to no program: %s", index, error)
            return error
        return _program(source, index, requirements.readings[index])

    @on(ChecksFailed, limit=MOST_REPAIRS)
    async def repair(self, failed: ChecksFailed) -> Candidates:
        """Mend the program that came closest."""
        reading = failed.requirements.readings[failed.program.reading]
        wanted = reading.specification
        source = await self.ask(
            SourceText,
            template("engineer/repair"),
            name="repair",
            goal=failed.requirements.goal,
            signature=wanted.signature,
            summary=wanted.summary,
            code="\n".join(failed.program.files.values()) if len(failed.program.files) == 1 else _fenced(failed.program.files),
            failure="\n".join(failed.failures),
        )
        repaired = _program(source, failed.program.reading, reading)
        files = {**failed.program.files, **repaired.files}
        return Candidates(requirements=failed.requirements, programs=[repaired.model_copy(update={"files": files})], repairs=failed.repairs)


def _program(source: str, index: int, reading: Reading) -> Program:
    """The answer as files; a single function's file is called as the function."""
    signature = read_signature(reading.specification.signature) if reading.specification.signature else None
    entry = f"{signature.name}.py" if signature else "main.py"
    files = read_files(source, entry)
    if entry not in files:
        python = [path for path in files if path.endswith(".py")]
        named = [path for path in python if signature and re.search(rf"^def {signature.name}\b", files[path], re.MULTILINE)]
        entry = (named or [path for path in python if "__main__" in files[path]] or python or list(files))[0]
    return Program(reading=index, files=files, entry=entry)


def _fenced(files: dict[str, str]) -> str:
    return "\n".join(f"### {path}\n```python\n{text}```" for path, text in files.items())
