"""The files of a delivery: the program that also runs from a shell, its tests, a README and run.json."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from metagpt.roles.software.judging import Verdict, expected_cases
from metagpt.roles.software.messages import Checks, Delivery, Program, Requirements
from metagpt.roles.software.signatures import Signature, read_signature

__all__ = ["program_files", "run_record", "test_files"]

_SHELL = '''

def _main() -> None:
    """Run from a shell: text stays text, other arguments are read as JSON, lists without their brackets too."""
    import argparse
    import json

    def read(text: str) -> object:
        for form in (text, f"[{text}]"):
            try:
                return json.loads(form)
            except ValueError:
                continue
        return [part.strip() for part in text.split(",")]

    parser = argparse.ArgumentParser(description=%(description)r)
%(parser)s
    arguments = parser.parse_args()
    result = %(function)s(%(values)s)
    print(result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str))


if __name__ == "__main__":
    _main()
'''


def _signature(requirements: Requirements, program: Program) -> Signature | None:
    return read_signature(requirements.readings[program.reading].specification.signature)


def program_files(requirements: Requirements, program: Program, delivery: Delivery | None = None) -> dict[str, str]:
    """The program's files; with a delivery also its README."""
    files = dict(program.files)
    signature = _signature(requirements, program)
    if signature is not None and program.entry in files and "__main__" not in files[program.entry]:
        files[program.entry] = files[program.entry].rstrip() + "\n" + _shell_entry(requirements, program, signature)
    if delivery is not None:
        files.setdefault("README.md", _readme(requirements, delivery, signature))
    return files


def _shell_entry(requirements: Requirements, program: Program, signature: Signature) -> str:
    summary = requirements.readings[program.reading].specification.summary
    parser = "\n".join(
        f"    parser.add_argument({name!r}, help={(annotation or 'JSON or text')!r})" for name, annotation in signature.parameters
    )
    values = ", ".join(f"arguments.{n}" if kind == "str" else f"read(arguments.{n})" for n, kind in signature.parameters)
    return _SHELL % {"description": summary, "parser": parser, "function": signature.name, "values": values}


def test_files(requirements: Requirements, program: Program, checks: Checks, verdict: Verdict) -> dict[str, str]:
    """The tests by path: known cases, properties that were stated, and what was observed where nobody stated a result."""
    files = {}
    signature = _signature(requirements, program)
    if signature is not None:
        module = PurePosixPath(program.entry).stem
        text = _case_tests(requirements, program, checks, verdict, signature, module)
        if text:
            files[f"tests/test_{module}.py"] = text
    if checks.source.strip():
        files["tests/test_requirements.py"] = checks.source.rstrip() + "\n"
    return files


def _case_tests(
    requirements: Requirements, program: Program, checks: Checks, verdict: Verdict, signature: Signature, module: str
) -> str:
    reading = requirements.readings[program.reading]
    known = expected_cases(requirements, reading, checks)
    parts = []
    for label, cases, why in (
        ("stated", known, "The goal or its requirements state these results."),
        ("observed", verdict.observed, f"Nobody stated these results; the program gave them ({verdict.evidence})."),
    ):
        if cases:
            rows = "".join(f"        ({signature.arguments(argument)!r}, {expected!r}),\n" for argument, expected in cases)
            parts.append(
                f'def test_{label}_results():\n    """{why}"""\n    for arguments, expected in [\n{rows}    ]:\n'
                f"        assert plain({signature.name}(*arguments)) == plain(expected), arguments\n"
            )
    if not parts:
        return ""
    head = (
        f'"""Tests of {module}, made from the goal: {_one_line(requirements.goal)}"""\n\nimport sys\nfrom pathlib import Path\n\n'
        f"sys.path.insert(0, str(Path(__file__).resolve().parent.parent))\n\nfrom {module} import {signature.name}  # noqa: E402\n\n\n"
        "def plain(value):\n"
        '    """The value as JSON would hold it: tuples as lists, sets sorted."""\n'
        "    if isinstance(value, list | tuple):\n        return [plain(item) for item in value]\n"
        "    if isinstance(value, set | frozenset):\n        return sorted((plain(item) for item in value), key=repr)\n"
        "    if isinstance(value, dict):\n        return {str(key): plain(item) for key, item in value.items()}\n"
        "    return round(value, 9) if isinstance(value, float) else value\n"
    )
    return head + "".join(f"\n\n{part}" for part in parts)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("\\", "/").replace('"', "'")


def _readme(requirements: Requirements, delivery: Delivery, signature: Signature | None) -> str:
    reading = requirements.readings[delivery.program.reading].specification
    state = "Its tests passed." if delivery.passed else "**Not verified**: do not rely on it before you have checked it yourself."
    lines = [f"# {signature.name if signature else 'Program'}", "", f"Made for the goal: {_one_line(requirements.goal)}", "", state]
    lines += [f"Evidence: {delivery.evidence}; {delivery.tests} test(s) run, {len(delivery.failures)} failure(s).", "", "## What it does", "", reading.summary, ""]
    if signature is not None:
        module = PurePosixPath(delivery.program.entry).stem
        shown = " ".join("'…'" for _ in signature.parameters)
        lines += ["## Use", "", "```python", f"from {module} import {signature.name}", "```", "", "or from a shell:", "", "```"]
        lines += [f"python {delivery.program.entry} {shown}", "```", ""]
    else:
        lines += ["## Use", "", "```", f"python {delivery.program.entry}", "```", ""]
    lines += ["## Test", "", "```", "python -m pytest tests", "```", ""]
    return "\n".join(lines)


def run_record(requirements: Requirements, delivery: Delivery) -> str:
    """`run.json` as far as the team knows it; whoever ran the team adds id, status, models and usage."""
    program = delivery.program
    if delivery.signature:
        function = delivery.signature.split("(")[0]
        entry: dict[str, object] = {"file": program.entry, "function": function, "signature": delivery.signature}
    else:
        entry = {"command": ["python", program.entry]}
    verdict = {"passed": delivery.passed, "tests": delivery.tests, "failures": delivery.failures, "evidence": delivery.evidence}
    return json.dumps({"goal": requirements.goal, "verdict": verdict, "entry": entry}, indent=2, ensure_ascii=False) + "\n"
