"""The files of a delivery: the program that also runs from a shell, its tests, a README and run.json."""

from __future__ import annotations

import json

from metagpt.roles.software.judging import signature_of
from metagpt.roles.software.messages import Delivery, Example, Program, Requirements
from metagpt.roles.software.readme import entry_command, readme
from metagpt.roles.software.shell import shell_entry
from metagpt.roles.software.written_tests import conftest

__all__ = ["delivered_files", "program_files", "run_record"]


def program_files(requirements: Requirements, program: Program) -> dict[str, str]:
    """The program's files; a function's runs from a shell, too."""
    files = dict(program.files)
    signature = signature_of(requirements, program.reading)
    if signature is not None and "__main__" not in files[program.entry]:
        files[program.entry] = files[program.entry].rstrip() + "\n" + shell_entry(program.entry, signature)
    return files


def delivered_files(requirements: Requirements, delivery: Delivery, tests: dict[str, str], example: Example | None) -> dict[str, str]:
    """Everything that a delivery leaves in the workspace, text by path."""
    files = {**program_files(requirements, delivery.program), **tests}
    if tests:
        files["tests/conftest.py"] = conftest(tests, delivery.program.files)
    files["README.md"] = readme(requirements, delivery, example)
    files["run.json"] = run_record(requirements, delivery)
    return files


def run_record(requirements: Requirements, delivery: Delivery) -> str:
    """`run.json` as far as the team knows it; whoever ran the team adds id, status, models and usage."""
    entry: dict[str, object] = {"command": entry_command(delivery.program.entry)}
    signature = signature_of(requirements, delivery.program.reading)
    if signature is not None:
        entry = {"file": delivery.program.entry, "function": signature.name, "signature": delivery.signature}
    verdict = {"passed": delivery.passed, "tests": delivery.tests, "failures": delivery.failures, "evidence": delivery.evidence}
    return json.dumps({"goal": requirements.goal, "verdict": verdict, "entry": entry}, indent=2, ensure_ascii=False) + "\n"
