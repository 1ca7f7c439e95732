"""The report of an improvement, as Markdown: for the run's folder and the card of what was promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metagpt.lab.evaluation import wilson_interval
from metagpt.lab.improvement.decision import Decision
from metagpt.lab.improvement.exam import Mark

__all__ = ["report"]


def report(title: str, decision: Decision, marks: Mapping[str, Sequence[Mark]], kinds: Sequence[str], facts: Mapping[str, object]) -> str:
    """Title, verdict, a table of both models by kind of task, and what it was made from.

    Args:
        title: Of the page.
        decision: What the test says.
        marks: Of each model, task by task.
        kinds: What kind of task each is: the call, or `goal`.
        facts: Listed at the end.
    """
    lines = [f"# {title}", "", decision.why, "", "| tasks | number | model | first answer right (95 % Wilson) | any answer right |"]
    lines.append("|---|---|---|---|---|")
    for kind in dict.fromkeys(kinds):
        for name, each in marks.items():
            chosen = [mark for mark, of in zip(each, kinds, strict=True) if of == kind]
            first, some = sum(mark.first for mark in chosen), sum(mark.right > 0 for mark in chosen)
            bounds = wilson_interval(first, len(chosen))
            lines.append(
                f"| {kind} | {len(chosen)} | {name} | {first / len(chosen):.1%} ({bounds.low:.1%} to {bounds.high:.1%})"
                f" | {some / len(chosen):.1%} |"
            )
    lines += ["", *(f"- {name}: {value}" for name, value in facts.items())]
    return "\n".join(lines) + "\n"
