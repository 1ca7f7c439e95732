"""The README of a delivery: what the program is, whether to rely on it, how to use and test it."""

from __future__ import annotations

from metagpt.roles.software.judging import signature_of
from metagpt.roles.software.messages import Delivery, Example, Requirements
from metagpt.roles.software.shell import shell_command
from metagpt.roles.software.signatures import Signature
from metagpt.roles.software.written_tests import module_of, one_line

__all__ = ["entry_command", "readme"]


def readme(requirements: Requirements, delivery: Delivery, example: Example | None) -> str:
    """The text; `example` is an argument with the result the program gave for it, where there is one."""
    signature = signature_of(requirements, delivery.program.reading)
    summary = requirements.readings[delivery.program.reading].specification.summary
    title = signature.name if signature else module_of(delivery.program.entry)
    parts = [f"# {title}", summary, f"Made for the goal: {one_line(requirements.goal)}", _state(delivery)]
    if signature is not None:
        parts += ["## Use", _function_use(delivery, signature, example)]
    else:
        parts += ["## Use", _code("sh", " ".join(entry_command(delivery.program.entry)))]
    if delivery.tests:
        parts += ["## Test", _code("sh", "python -m pytest tests")]
    theirs = delivery.program.files.get("README.md")
    return "\n\n".join(filter(None, [*parts, *(["---", theirs.strip()] if theirs else [])])) + "\n"


def entry_command(entry: str) -> list[str]:
    """How to start an application."""
    return ["python", "-m", module_of(entry)] if entry.endswith("/__main__.py") else ["python", entry]


def _state(delivery: Delivery) -> str:
    ran = f"{delivery.tests} test{'s' * (delivery.tests != 1)} ran"
    if delivery.passed:
        return f"**Its tests passed.** {ran}. Evidence: {delivery.evidence}."
    lines = [f"**Not verified:** do not rely on it before you have checked it yourself. {ran}. Evidence: {delivery.evidence}."]
    return "\n".join(
        [*lines, *(["", "What failed:", ""] if delivery.failures else []), *(f"- {one_line(each)}" for each in delivery.failures)]
    )


def _function_use(delivery: Delivery, signature: Signature, example: Example | None) -> str:
    file, call = delivery.program.entry, ""
    if example is not None:
        arguments = signature.arguments(example[0])
        call = f"\n\n{signature.name}({', '.join(map(repr, arguments))})  # {example[1]!r}"
        command = shell_command(file, signature, arguments)
    else:
        command = " ".join(["python", file, *(name.upper() for name, _ in signature.parameters)])
    return "\n\n".join([_code("python", f"from {module_of(file)} import {signature.name}{call}"), "From a shell:", _code("sh", command)])


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
