"""Runs inside the sandbox: calls a program's function on inputs, or its tests, and reports in JSON.

Started as `python -I -B runner.py` with the job on standard input; needs the standard library alone. There are two
processes. This one holds the job's nonce and the standard output that carries the report, and never loads the program.
A fork of it, made before the job is read, does the work and hands up what came of it. So nothing that a program prints,
patches or finds in its own process is a report, and a program that ends its process early leaves none.

Inside its own process a program can lie about itself all the same. Of a function that does no harm: its results are
compared elsewhere, with values that it never sees. Tests are run once more turned round (controls.py).
"""

# ruff: noqa: BLE001 - whatever a program raises, SystemExit included, is an outcome of its call or test

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import json
import math
import os
import signal
import sys
import time
import traceback
from types import CodeType, ModuleType
from typing import Any, BinaryIO, NoReturn

CALL_CPU_S = 1.0
MOST_LATE = 2
MOST_PROGRAMS_CPU_S = 2.0
MOST_DEPTH = 20
MOST_RESULT_BYTES = 40_000
MOST_ERROR_CHARS = 500
MOST_REPORT_BYTES = 1_000_000
PR_SET_DUMPABLE = 4


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON holds it: tuples as lists, sets sorted, keys as text."""
    if depth > MOST_DEPTH:
        raise ValueError("the result is nested too deeply")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item, depth + 1) for item in value), key=repr)
    if isinstance(value, dict):
        return {plain(str(key)): plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"the result is a {type(value).__name__}, no plain value")


# The process that knows the nonce


def main() -> None:
    """Fork the worker, give it the job, report what it hands up."""
    job_in, job_out = os.pipe()
    outcomes_in, outcomes_out = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(job_out)
        os.close(outcomes_in)
        work(job_in, outcomes_out)
    os.close(job_in)
    os.close(outcomes_out)
    hide()
    job = json.loads(sys.stdin.buffer.read())
    nonce = job.pop("nonce")
    with open(job_out, "wb") as pipe:
        pipe.write(json.dumps(job).encode())
    with open(outcomes_in, "rb") as pipe:
        outcomes = received(pipe)
    if outcomes is None:
        end_as(worker)
    sys.stdout.write(json.dumps({"nonce": nonce, "outcomes": outcomes}))
    sys.stdout.flush()
    os._exit(0)  # whatever the program left running is not waited for


def hide() -> None:
    """Keep this process's memory and open files from others of the same user; on Linux /proc would show them."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass  # no Linux: no /proc either


def received(pipe: BinaryIO) -> list[dict[str, Any]] | None:
    """What the worker handed up, made plain again; None when it ended before it was done."""
    length = int.from_bytes(pipe.read(8), "big")
    content = pipe.read(length) if 0 < length <= MOST_REPORT_BYTES else b""
    if not content or len(content) < length:
        return None
    try:
        return [checked(outcome) for outcome in json.loads(content)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def checked(outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome with nothing in it but what the report may hold."""
    found: dict[str, Any] = {key: shown(str(outcome[key])) for key in ("file", "test", "error") if key in outcome}
    return found if "value" not in outcome or "error" in outcome else {**found, "value": plain(outcome["value"])}


def shown(text: str) -> str:
    """The text, short and without halves of characters."""
    return text[:MOST_ERROR_CHARS].encode(errors="replace").decode()


def end_as(worker: int) -> NoReturn:
    """End the way the worker ended, for the sandbox to tell by which limit."""
    _, status = os.waitpid(worker, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


# The process of the program


def work(job_in: int, outcomes_out: int) -> NoReturn:
    """Do the job and hand up the outcomes; whatever happens, this process goes no further."""
    try:
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        with open(job_in, "rb") as pipe:
            job = json.loads(pipe.read())
        sys.path.insert(0, os.getcwd())
        sys.argv = [job.get("file", "tests")]
        content = json.dumps({"calls": calls, "programs": programs, "tests": tests}[job["kind"]](job)).encode()
        sys.stdout.flush()
        with open(outcomes_out, "wb") as pipe:
            pipe.write(len(content).to_bytes(8, "big") + content)
    except BaseException as error:
        print(problem(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def problem(error: BaseException) -> str:
    """An exception in a line; its own text may be anything, and may fail to be made."""
    try:
        text = str(error)
    except BaseException:
        text = "its text could not be made"
    return f"{type(error).__name__}: {text}"[:MOST_ERROR_CHARS]


def loaded(name: str, path: str, loader: Preread | None = None) -> ModuleType:
    """The module of a file, run; known to others by the name."""
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None, f"{path} is no Python file"
    assert spec.loader is not None, "a file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def calls(job: dict[str, Any], most_bytes: int = MOST_RESULT_BYTES) -> list[dict[str, Any]]:
    """What the function gives for each input; of a result that is larger, only that."""
    try:
        name = os.path.splitext(job["file"])[0].replace("/", ".")
        function = getattr(loaded(name, job["file"]), job["function"])
    except BaseException as error:
        return [{"error": problem(error)} for _ in job["inputs"]]
    signal.signal(signal.SIGVTALRM, out_of_time)
    outcomes: list[dict[str, Any]] = []
    for given in job["inputs"]:
        num_late = sum(outcome.get("error", "").startswith(OutOfTimeError.__name__) for outcome in outcomes)
        outcomes.append(
            called(function, given, most_bytes)
            if num_late < MOST_LATE
            else {"error": f"not tried: {MOST_LATE} other calls gave no result in time"}
        )
    return outcomes


def programs(job: dict[str, Any]) -> list[dict[str, Any]]:
    """What each of several programs gives for each input, one program after the other; the last ones are not tried if time runs out."""
    outcomes: list[dict[str, Any]] = []
    num_results = max(1, len(job["programs"]) * len(job["inputs"]))
    most_bytes = min(MOST_RESULT_BYTES, MOST_REPORT_BYTES // (2 * num_results))  # all of them must fit into the report
    for program in job["programs"]:
        if time.process_time() < MOST_PROGRAMS_CPU_S:
            outcomes += calls({**program, "inputs": job["inputs"]}, most_bytes)
        else:
            outcomes += [{"error": f"not tried: other programs took {MOST_PROGRAMS_CPU_S:g} s"} for _ in job["inputs"]]
    return outcomes


class OutOfTimeError(BaseException):
    """A call took too long; no exception that a program catches by the way."""


def out_of_time(*_: object) -> NoReturn:
    """What the alarm does."""
    raise OutOfTimeError(f"no result within {CALL_CPU_S:g} s")


def called(function: Any, given: list[Any], most_bytes: int) -> dict[str, Any]:
    """What one call came to; one that takes long does not use up the time of the others."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, CALL_CPU_S)
        try:
            value = plain(function(*given))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if len(json.dumps(value)) > most_bytes:
            raise ValueError(f"the result is larger than {most_bytes} characters")
    except BaseException as error:
        return {"error": problem(error)}
    return {"value": value}


class Preread(importlib.machinery.SourceFileLoader):
    """A test file as it was before any code of the program ran."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        with open(path, "rb") as file:
            self.source = file.read()

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.source, self.path)

    def names(self) -> list[str]:
        """Its test functions, without those that it imports."""
        functions = [node for node in ast.parse(self.source).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return list(dict.fromkeys(node.name for node in functions if node.name.startswith("test")))


def tests(job: dict[str, Any]) -> list[dict[str, Any]]:
    """How each test function of each file went; a file without any has failed."""
    loaders = [Preread(f"_tests_{number}", path) for number, path in enumerate(job["tests"])]
    return [{"file": loader.path, **outcome} for loader in loaders for outcome in tests_of(loader)]


def tests_of(loader: Preread) -> list[dict[str, Any]]:
    """How each test function of one file went."""
    try:
        names = loader.names()
        module = loaded(loader.name, loader.path, loader)
        functions = [(name, getattr(module, name)) for name in names]
    except BaseException as error:
        return [{"test": os.path.basename(loader.path), "error": problem(error)}]
    if not functions:
        return [{"test": os.path.basename(loader.path), "error": "it holds no test_ function"}]
    return [{"test": name, **tested(function)} for name, function in functions]


def tested(function: Any) -> dict[str, Any]:
    """Nothing if the test passed, else what went wrong."""
    try:
        returned = function()
        if hasattr(returned, "__await__"):
            import asyncio

            asyncio.run(returned)
        elif returned is not None:
            raise TypeError(f"the test returned a {type(returned).__name__}; a test asserts and returns nothing")
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        found = problem(error)
        return {"error": f"{found}{frames[-1].line}" if found.endswith(": ") and frames else found}
    return {}


if __name__ == "__main__":
    main()
