"""Run many candidate programs at once for evaluation: in the sandbox, in one process of it."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metagpt.actions.sandbox import Limits, open_sandbox

__all__ = ["run_programs"]

_CHILD = Path(__file__).with_name("child.py")


def run_programs(programs: Sequence[tuple[str, Sequence[Any]]], *, seconds: float = 1.0) -> list[list[dict[str, Any]]]:
    """Outcomes of each (code, inputs): for each input `{"value": ...}` or `{"error": kind, "text": ...}`.

    Args:
        programs: Each defines functions; the last one defined is called with each input.
        seconds: Time limit of each program over all its inputs.

    Raises:
        SandboxError: no sandbox isolates on this machine.
    """
    task = json.dumps({"seconds": seconds, "programs": [[code, list(inputs)] for code, inputs in programs]})
    allowed = 10 + seconds * len(programs)
    limits = Limits(cpu_s=int(allowed), wall_s=2 * allowed, output_bytes=256 * 1024 * 1024)
    with tempfile.TemporaryDirectory(prefix="metagpt-programs-") as folder:
        (Path(folder) / _CHILD.name).write_bytes(_CHILD.read_bytes())
        command = [sys.executable, "-I", _CHILD.name]
        done = asyncio.run(open_sandbox().run(command, workspace=Path(folder), stdin=task.encode(), limits=limits))
    try:
        answers: list[list[dict[str, Any]]] = json.loads(done.stdout)
    except ValueError:
        if len(programs) == 1:
            return [[{"error": "Crash", "text": ""}] * len(programs[0][1])]
        return [run_programs([program], seconds=seconds)[0] for program in programs]  # one of them took the process down
    return answers
