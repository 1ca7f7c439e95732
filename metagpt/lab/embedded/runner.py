"""Run candidate programs for evaluation, in a process of their own with limits of time and memory.

A reference for scoring; in service the team's sandbox runs programs.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["run_programs"]

_CHILD = Path(__file__).with_name("child.py")


def run_programs(programs: Sequence[tuple[str, Sequence[Any]]], *, seconds: float = 1.0) -> list[list[dict[str, Any]]]:
    """Outcomes of each (code, inputs): for each input `{"value": ...}` or `{"error": kind, "text": ...}`.

    Args:
        programs: Each defines functions; the last one defined is called with each input.
        seconds: Time limit of each program over all its inputs.
    """
    task = json.dumps({"seconds": seconds, "programs": [[code, list(inputs)] for code, inputs in programs]})
    command = [sys.executable, "-I", str(_CHILD)]
    try:
        done = subprocess.run(command, input=task, capture_output=True, text=True, timeout=10 + seconds * len(programs), check=False)
        answers: list[list[dict[str, Any]]] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        if len(programs) == 1:
            return [[{"error": "Crash", "text": ""}] * len(programs[0][1])]
        return [run_programs([program], seconds=seconds)[0] for program in programs]  # one of them took the process down
    return answers
