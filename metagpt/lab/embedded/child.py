"""What runs candidate programs: started by `runner` in the sandbox, spoken to in JSON.

It imports nothing of this project, since it runs with `python -I`.
"""

import contextlib
import copy
import importlib.abc
import importlib.util
import io
import json
import resource
import signal
import sys


def _late(*_: object) -> None:
    raise TimeoutError("too slow")


class _Source(importlib.abc.InspectLoader):
    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source


def _outcomes(code: str, inputs: list[object]) -> list[dict[str, object]]:
    try:
        spec = importlib.util.spec_from_loader("program", _Source(code))
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        name = [line[4 : line.index("(")] for line in code.split("\n") if line.startswith("def ")][-1]
        function = getattr(module, name)
    except Exception as error:  # noqa: BLE001  any error of a program is an outcome
        return [{"error": type(error).__name__, "text": str(error)[:200]}] * len(inputs)
    return [_outcome(function, value) for value in inputs]


def _outcome(function: object, value: object) -> dict[str, object]:
    try:
        result = function(copy.deepcopy(value))  # type: ignore[operator]
        text = json.dumps(result)
    except (Exception, RecursionError) as error:  # noqa: BLE001  any error of a program is an outcome
        return {"error": type(error).__name__, "text": str(error)[:200]}
    return {"error": "TooLong", "text": ""} if len(text) > 100_000 else {"value": result}


def main() -> None:
    """Read programs and inputs on standard input, write outcomes to standard output."""
    memory = 512 * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGALRM, _late)
    task = json.load(sys.stdin)
    answers: list[object] = []
    for code, inputs in task["programs"]:
        signal.setitimer(signal.ITIMER_REAL, task["seconds"], 0.1)  # again and again: each later input may loop too
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                answers.append(_outcomes(code, inputs))
        except (TimeoutError, MemoryError, SystemExit) as error:
            answers.append([{"error": type(error).__name__, "text": ""}] * len(inputs))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
