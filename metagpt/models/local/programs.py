"""Programs put together by rules: each step of a spec by the code that a folder's table has for it.

A small model sometimes writes a program that cannot run, though it knows every step: a name slips, an import is another's. What
the table makes of the same spec stands in there. The training's own programs are put together in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagpt.models.local.phrases import Phrase

__all__ = ["Programs", "StepCode", "accepts", "compose", "step_pattern"]

_SIGNATURE = re.compile(r"(?P<name>[A-Za-z_]\w*)\((?P<argument>[A-Za-z_]\w*): (?P<takes>[^()]+)\) -> [^()]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCode:
    """What a step is in a program."""

    name: str
    """Of the variable that holds its result."""
    expression: str
    """Of the input, `{x}`."""
    imports: tuple[str, ...] = ()
    """Lines."""
    helper: str = ""
    """Functions that the expression calls."""


def compose(signature: str, steps: Sequence[StepCode]) -> str:
    """Imports, helper functions, and one function with a line for each step.

    Args:
        signature: As `total(numbers: list[int]) -> int`.
        steps: At least one, each taking what the one before gives.
    """
    name, _, rest = signature.partition("(")
    value = rest.partition(":")[0]
    lines, taken = [], {name, value}
    for step in steps[:-1]:
        result = step.name
        while result in taken:
            result += "_again"
        taken.add(result)
        lines.append(f"    {result} = {step.expression.replace('{x}', value)}")
        value = result
    lines.append(f"    return {steps[-1].expression.replace('{x}', value)}")
    imports = sorted({line for step in steps for line in step.imports})
    helpers = list(dict.fromkeys(step.helper for step in steps if step.helper))
    head = "\n".join(imports) + "\n\n\n" if imports else ""
    return head + "".join(f"{helper}\n\n\n" for helper in helpers) + "\n".join([f"def {signature}:", *lines]) + "\n"


def accepts(takes: str, gives: str) -> bool:
    """Whether a step that takes `takes` can follow one that gives `gives`: whole numbers do for decimal ones."""
    return takes == gives or (takes, gives) in {("float", "int"), ("list[float]", "list[int]")}


def step_pattern(step: str, slots: Mapping[str, Sequence[str]]) -> re.Pattern[str]:
    """What matches a canonical wording with its slots filled, with a group for each slot; one that comes twice has one value."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        slot = match[1]
        if slot in seen:
            return f"(?P={slot})"
        seen.add(slot)
        return f"(?P<{slot}>{_value(slots[slot])})"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", group, re.escape(step)))


def _value(choices: Sequence[str]) -> str:
    """What values of this slot look like: numbers, quoted texts, or its choices alone."""
    if all(re.fullmatch(r"-?\d+(\.\d+)?", choice) for choice in choices):
        return r"-?\d+(?:\.\d+)?"
    if all(choice.startswith('"') for choice in choices):
        return r'"[^"\n]*"'
    return "|".join(re.escape(choice) for choice in choices)


@dataclass(frozen=True)
class Programs:
    """A table's steps as code."""

    phrases: Sequence[Phrase]

    @cached_property
    def _patterns(self) -> list[tuple[Phrase, re.Pattern[str]]]:
        return [(phrase, step_pattern(phrase.step, phrase.slots)) for phrase in self.phrases if phrase.code]

    def draft(self, summary: str, signature: str) -> str | None:
        """The program of a spec; None where the table lacks a step, or steps do not fit together."""
        wanted = _SIGNATURE.fullmatch(signature)
        steps = self._known(summary, wanted["takes"]) if wanted else []
        return compose(signature, [_coded(phrase, values) for phrase, values in steps]) if steps else None

    def steps_of(self, summary: str, takes: str) -> list[tuple[Phrase, str]]:
        """The steps of a spec, with their texts; none where the table lacks one, or they do not fit together."""
        return [(phrase, values.string) for phrase, values in self._known(summary, takes)]

    def _known(self, summary: str, takes: str) -> list[tuple[Phrase, re.Match[str]]]:
        found: list[tuple[Phrase, re.Match[str]]] = []
        for text in summary.split("; "):
            given = found[-1][0].gives if found else takes
            step = next((step for step in self._called(text) if accepts(step[0].takes, given)), None)
            if step is None:
                return []
            found.append(step)
        return found

    def _called(self, text: str) -> list[tuple[Phrase, re.Match[str]]]:
        return [(phrase, match) for phrase, pattern in self._patterns if (match := pattern.fullmatch(text))]


def _coded(phrase: Phrase, values: re.Match[str]) -> StepCode:
    def fill(template: str) -> str:
        for slot in phrase.slots:
            template = template.replace("{" + slot + "}", values[slot])
        return template

    return StepCode(name=phrase.name, expression=fill(phrase.code), imports=phrase.imports, helper=fill(phrase.helper))
