"""Runs inside the sandbox: calls a program's function on inputs, or its test files, and reports in JSON.

Started as `python -I runner.py` with the job as JSON on standard input; needs the standard library alone. What the program
prints goes to standard error, so standard output holds the report and nothing else. The report carries the job's nonce,
which the program cannot have read: it is taken off standard input before the program is loaded.
"""

import importlib.util
import json
import os
import sys
import traceback


def _plain(value, depth=0):
    """The value as JSON holds it: tuples as lists, sets sorted, keys as text."""
    if depth > 20:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else {"float": repr(value)}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, depth + 1) for item in value), key=repr)
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"a {type(value).__name__} is no plain value")


def _load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _problem(error):
    return f"{type(error).__name__}: {error}"[:500]


def _calls(job):
    name = os.path.splitext(os.path.basename(job["file"]))[0]
    try:
        function = getattr(_load(job["file"], name), job["function"])
    except BaseException as error:
        return [{"error": _problem(error)} for _ in job["inputs"]]
    outcomes = []
    for given in job["inputs"]:
        try:
            outcomes.append({"value": _plain(function(*given))})
        except BaseException as error:
            outcomes.append({"error": _problem(error)})
    return outcomes


def _tests(job):
    outcomes = []
    for number, path in enumerate(job["tests"]):
        try:
            module = _load(path, f"_tests_{number}")
        except BaseException as error:
            outcomes.append({"test": path, "error": _problem(error)})
            continue
        found = [name for name in vars(module) if name.startswith("test") and callable(getattr(module, name))]
        if not found:
            outcomes.append({"test": path, "error": "no test_ function"})
        for name in found:
            try:
                getattr(module, name)()
                outcomes.append({"test": name})
            except BaseException as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                said = str(error) or last.line or ""
                outcomes.append({"test": name, "error": f"{type(error).__name__}: {said}"[:500]})
    return outcomes


def main():
    """Read the job, run it, report."""
    job = json.loads(sys.stdin.read())
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())
    outcomes = _calls(job) if job["kind"] == "calls" else _tests(job)
    sys.stdout.flush()
    report.write(json.dumps({"nonce": job["nonce"], "outcomes": outcomes}))
    report.flush()
    os._exit(0)  # threads the program left behind are not waited for


main()
