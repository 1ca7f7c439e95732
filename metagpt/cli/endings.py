"""How a run ended, for people: the output, what it cost, where the files are, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from metagpt.cli.models import EMBEDDED
from metagpt.cli.wording import amount, proposed, said, seconds, shown_path, until_when, visible
from metagpt.errors import UnansweredError
from metagpt.run import Run
from metagpt.runtime.differences import whole
from metagpt.runtime.ticks import Pending

__all__ = ["WAYS_OUT", "tell_ending"]

WAYS_OUT = (
    "The embedded model writes short Python functions and one-file programs over numbers, strings and lists, and knows no more than that.",
    "Two ways to have this done by a bigger model:",
    "  - a key: export OPENAI_API_KEY=… and run it again",
    "  - another model: --model openai:NAME@URL for a server of yours, or --model local:Qwen/Qwen3-4B for one of a model hub, run here",
    "Or, for a short function, state an example in the goal, or one more, such as: for 'banana' that is 3. It tells the right program.",
)


def tell_ending(run: Run[Any], references: Sequence[str], *, file: TextIO, brief: bool, resume: Callable[..., str]) -> None:
    """Write it.

    Args:
        run: The run as it ended.
        references: The models that could answer.
        file: Where to.
        brief: Only what to do next: the rest is in the events already.
        resume: Makes the line that resumes the run, of answers.
    """
    if not brief:
        for line in _outcome(run):
            print(line, file=file)
    for line in _next_steps(run, references, resume):
        print(line, file=file)
    file.flush()


def _outcome(run: Run[Any]) -> Iterator[str]:
    spent = f"{seconds(run.usage.seconds)}, {amount(run.usage)}"
    if run.output is not None:
        yield said(run.output)
    if run.error is not None and run.status == "failed":
        yield f"error: {visible(str(run.error))}"
    word = {"waiting": "waits for a person", "cancelled": "stopped", "failed": "failed"}.get(
        run.status, "success" if run.success else "ended without success"
    )
    yield f"{word}: run {run.id}, {spent}"
    if run.workspace is not None:
        yield f"files: {shown_path(run.workspace)}"


def _next_steps(run: Run[Any], references: Sequence[str], resume: Callable[..., str]) -> Iterator[str]:
    if run.status == "waiting":
        yield from _questions(run, resume)
    elif run.status == "cancelled":
        yield f"interrupted; what was done is recorded. Go on with: {resume()}"
    elif run.status == "failed":
        yield from _questions(run, resume)
        if not isinstance(run.error, UnansweredError):  # for then it would only fail again
            yield f"to try again from there: {resume()}"
    names_its_own = run.output is not None and bool(getattr(run.output, "ways_out", None))
    if EMBEDDED in references and not run.success and run.status in ("done", "failed") and not names_its_own:
        yield from WAYS_OUT


def _questions(run: Run[Any], resume: Callable[..., str]) -> Iterator[str]:
    """What waits for an answer, and the line that gives it; a run that failed as nobody agreed in time may be answered still."""
    for pending in run.pending:
        yield from _question(run, pending)
        example = f"{pending.id}=…" if pending.kind == "question" else f"{pending.id}=approve"
        yield f"answer with {_forms(pending)}: {resume(example)}"


def _question(run: Run[Any], pending: Pending) -> Iterator[str]:
    """What is asked, what it is about, and what would change."""
    yield f"{pending.id}: {visible(pending.text)}"
    yield from (visible(whole(message)) for message in pending.about)
    if shown := proposed(pending, run.difference(pending)):
        yield shown
    if pending.until is not None and run.status == "waiting":
        yield until_when(pending)


def _forms(pending: Pending) -> str:
    if pending.kind == "approval":
        return "ID=approve, ID=reject:NOTE or ID=edit:JSON"
    if pending.kind == "action":
        return "ID=approve, ID=reject:NOTE, ID=edit:JSON (arguments) or ID=RESULT"
    if pending.forms:
        return f"ID=JSON ({' or '.join(pending.forms)})"
    return "ID=TEXT" if pending.schema is None else "ID=JSON"
