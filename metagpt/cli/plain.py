"""Plain lines: a run for pipes and log files."""

from __future__ import annotations

import sys
from typing import TextIO

from metagpt import events as ev
from metagpt.cli.progress import Progress
from metagpt.cli.wording import first_line, money, published, seconds

__all__ = ["PlainDisplay", "line_of"]


class PlainDisplay:
    """Writes a line for each thing that happens, at once."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout
        self._progress = Progress()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: ev.Event) -> None:
        """Tell one event."""
        self._progress.take(event)
        line = line_of(event)
        if line:
            print(f"[{self._progress.elapsed_s:7.1f} s] {line}", file=self._file, flush=True)


def line_of(event: ev.Event) -> str:  # noqa: C901, PLR0912 - one case per event is the table itself
    """The event in a line; empty for what is not told."""
    match event:
        case ev.RunStartedEvent():
            return f"{'resumed' if event.resumed else 'started'} run {event.run_id}: {first_line(event.goal)}"
        case ev.MessagePublishedEvent():
            return published(event)
        case ev.HandlerStartedEvent():
            return f"{event.handler} starts" + (f" again (attempt {event.attempt})" if event.attempt > 1 else "")
        case ev.HandlerFailedEvent():
            return f"{event.handler} failed: {first_line(event.error, 300)}" + ("; it will be tried again" if event.will_retry else "")
        case ev.ModelCalledEvent():
            return f"{event.call} asks {event.model}"
        case ev.ModelRepliedEvent():
            return _replied(event)
        case ev.DeltasDiscardedEvent():
            return f"{event.role}: " + (f"the call failed: {first_line(event.reason, 300)}" if event.reason else "the call was stopped")
        case ev.ActionStartedEvent():
            return f"action {event.action}({first_line(event.arguments, 60)})"
        case ev.ActionEndedEvent():
            return f"action failed: {first_line(event.error, 200)}" if event.error else ""
        case ev.ApprovalNeededEvent():
            return f"{event.role} waits for a person: {first_line(event.text, 200)}"
        case ev.AnsweredEvent():
            who = "nobody answered in time" if event.by_default else "a person answered"
            return f"{event.role}: {who}: {first_line(event.answer, 200)}"
        case ev.DroppedFromContextEvent():
            left_out = ", ".join(f"{count} of {part}" for part, count in event.parts.items())
            return f"{event.call}: left out, for the model's window was too small: {left_out}"
        case _:
            return ""


def _replied(event: ev.ModelRepliedEvent) -> str:
    tokens = f"{event.input_tokens + event.output_tokens:,} tokens"
    if event.replayed:
        return f"{event.call} answered from the journal"
    price = "price unknown" if event.usd is None else money(event.usd)
    return f"{event.call} answered in {seconds(event.seconds)}: {tokens}, {price}"
