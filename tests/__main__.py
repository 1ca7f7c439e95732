"""`python -m tests`: format, lint, types, layers and tests, in that order; `--quick` leaves out the slow ones.

Every check runs whatever the others said; the exit status is 0 only if all passed. The tests come last, so that their
summary closes the output. Two checks run at once, and two workers of pytest, which take whole files, for their tests share what a
file's fixtures made. Arguments that are none of its own go to pytest, after ours: `python -m tests --quick tests/test_files.py`,
`python -m tests -n 8` on a machine with more cores, `python -m tests -n 0` for one process.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHECKS", "CODE", "Check", "main"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Check:
    """One command that must succeed."""

    name: str
    command: Sequence[str]
    is_slow: bool = False
    """Left out by `--quick`."""


CODE = ("benchmarks", "examples", "metagpt", "prompts", "roles", "tests")
"""What ruff reads: the root may hold more, such as the folder of a run."""

CHECKS = (
    Check(name="format", command=("ruff", "format", "--check", "--output-format", "concise", *CODE)),
    Check(name="lint", command=("ruff", "check", "--output-format", "concise", *CODE)),
    Check(name="types (mypy)", command=("mypy", "--strict", "metagpt", "examples"), is_slow=True),
    Check(name="types (pyright)", command=("pyright", "--pythonpath", sys.executable), is_slow=True),
    Check(name="layers", command=("lint-imports", "--no-cache")),
)

WORKERS = min(os.cpu_count() or 1, 2)
"""Checks, and workers of pytest, at once. Two, whatever the machine says it has: a container may be given less, and tests that cut a
run in time fail where they starve. `-n 8` is the caller's own word."""

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", **os.environ}
"""One thread of torch for each worker, unless the caller says otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything; 0 if all passed."""
    parser = argparse.ArgumentParser(prog="python -m tests", description="Format, lint, types, layers and tests.")
    parser.add_argument("--quick", action="store_true", help="leave out what takes more than a few seconds")
    chosen, for_pytest = parser.parse_known_args(arguments)
    missing = [name for name in ("pytest", "xdist", "ruff", "mypy", "pyright", "importlinter") if importlib.util.find_spec(name) is None]
    if missing:
        print(f'python -m tests: found no {", ".join(missing)}; expected the dev extra. Run: pip install -c constraints.txt -e ".[dev]"')
        return 2
    with ThreadPoolExecutor(WORKERS) as pool:
        passed = list(pool.map(_run, [check for check in CHECKS if not (chosen.quick and check.is_slow)]))
    if not all(passed):
        print("\nChecks failed above; the tests follow.", flush=True)
    if chosen.quick:
        for_pytest = ["-m", "not slow", *for_pytest]
    at_once = ["-n", str(WORKERS), "--dist", "loadfile"]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", *at_once, *for_pytest], cwd=ROOT, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, check=False
    )
    return tests.returncode or int(not all(passed))


def _run(check: Check) -> bool:
    """Whether the check passed; its output is shown when it did not."""
    program, *rest = check.command
    if check.command[0] == "pyright" and not _pyright_starts():
        print(
            f"{check.name}: skipped, it needs node, and npm's registry the first time; neither a node of this machine nor a download of one worked"
        )
        return True
    started = time.monotonic()
    done = subprocess.run([_beside_python(program), *rest], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    print(f"{check.name}: {'passed' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
    if done.returncode != 0:
        print(f"$ {' '.join(check.command)}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode == 0


def _beside_python(program: str) -> str:
    """The program of this environment, whether or not it is activated."""
    folder = Path(sys.executable).parent
    return shutil.which(program, path=str(folder)) or program


def _pyright_starts() -> bool:
    """Whether pyright can run: the package fetches its program at the first start, and a machine may have no way to it."""
    quiet = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    try:
        done = subprocess.run(
            [_beside_python("pyright"), "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False, env=quiet
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
