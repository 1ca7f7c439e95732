"""The author: all findings together, and a report that cites them by number."""

from __future__ import annotations

import re

from metagpt import Role, on, template
from metagpt.roles.research.messages import Finding, Report, Source

__all__ = ["REPORT", "Author"]

REPORT = "report.md"
"""The file in the run's workspace."""

_TRIES = 2
_MARK = re.compile(r"\[(\d+)\]")


class Author(Role):
    """You write short, plain reports. Every statement carries the number of the source it rests on, as [1]."""

    @on(list[Finding])
    async def write(self, findings: list[Finding]) -> Report:
        """Write once, when every question has been read up."""
        answered = [finding for finding in findings if finding.answer]
        unanswered = [finding.question for finding in findings if not finding.answer]
        sources = _numbered(answered)
        text = await self._text(answered, sources, unanswered) if sources else "The documents do not answer this."
        cited = _marks(text)
        report = Report(text=text, sources=[source for source in sources if source.number in cited], unanswered=unanswered)
        self.workspace.write_text(REPORT, as_markdown(report))
        return report

    async def _text(self, answered: list[Finding], sources: list[Source], unanswered: list[str]) -> str:
        """The report's text; numbers that stand for nothing are asked to be mended, and then taken out."""
        known = {source.number for source in sources}
        numbers = {(source.document, source.quote): source.number for source in sources}
        notes = [
            {
                "question": finding.question,
                "answer": finding.answer,
                "numbers": [numbers[citation.document, citation.quote] for citation in finding.citations],
            }
            for finding in answered
        ]
        text, wrong = "", ""
        for _ in range(_TRIES):
            text = await self.ask(
                str, template("author/write"), name="write", goal=answered[0].goal, notes=notes, sources=sources,
                unanswered=unanswered, wrong=wrong,
            )  # fmt: skip
            marks = _marks(text)
            if marks and marks <= known:
                break
            unknown = ", ".join(f"[{number}]" for number in sorted(marks - known))
            wrong = f"Your last answer cited {unknown}, which is none of the sources." if unknown else "Your last answer cited no source."
        return _MARK.sub(lambda mark: mark[0] if int(mark[1]) in known else "", text).strip()


def _numbered(findings: list[Finding]) -> list[Source]:
    """Every quote once, in the order of the findings."""
    quotes = dict.fromkeys((citation.document, citation.quote) for finding in findings for citation in finding.citations)
    return [Source(number=number, document=document, quote=quote) for number, (document, quote) in enumerate(quotes, 1)]


def _marks(text: str) -> set[int]:
    return {int(number) for number in _MARK.findall(text)}


def as_markdown(report: Report) -> str:
    """The report as a file."""
    lines = [report.text, ""]
    if report.sources:
        lines += [
            "## Sources",
            "",
            *(f"{source.number}. {source.document}: “{' '.join(source.quote.split())}”" for source in report.sources),
            "",
        ]
    if report.unanswered:
        lines += ["## What the documents do not say", "", *(f"- {question}" for question in report.unanswered), ""]
    return "\n".join(lines)
