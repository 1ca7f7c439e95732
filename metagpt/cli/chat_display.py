"""A reply while it is being made: a role's words as they come, a team's work as lines."""

from __future__ import annotations

import asyncio
import sys
from typing import TextIO

from metagpt import events as ev
from metagpt.cli.plain import line_of
from metagpt.cli.wording import visible
from metagpt.message import USER, Message, tag_of
from metagpt.runtime.differences import lines_of

__all__ = ["ReplyDisplay", "spoken"]

_TOLD = (
    ev.MessagePublishedEvent, ev.ActionStartedEvent, ev.ActionEndedEvent, ev.AnsweredEvent, ev.DroppedFromContextEvent,
)  # fmt: skip
"""What is told of a team's work."""
_OF_A_ROLE = (ev.ActionStartedEvent, ev.ActionEndedEvent, ev.AnsweredEvent)
_PATIENCE_S = 0.5
"""How long a failure is kept back: what ends the turn is told by its end, and need not be told twice."""


def spoken(message: Message) -> str:
    """A message as somebody would say it: a single text alone, or every field."""
    values = list(message.model_dump().values())
    if len(values) == 1 and isinstance(values[0], str):
        return visible(values[0])
    return visible("\n".join([f"{tag_of(type(message))}:", *(f"  {line}" for line in lines_of(message))]))


class ReplyDisplay:
    """Shows one reply: on standard output, and what is told beside it where no terminal is there, on standard error.

    Args:
        speaks: Whether one role answers in its own words; else a team works, and tells what came of it.
        file: Where the reply goes.
        aside: Where the rest goes.
    """

    def __init__(self, *, speaks: bool, file: TextIO | None = None, aside: TextIO | None = None) -> None:
        self._speaks = speaks
        self._file = file or sys.stdout
        self._aside = aside or (self._file if self._file.isatty() else sys.stderr)
        self._shown = ""
        """What has been shown of the answer that is being made."""
        self._failure: ev.DeltasDiscardedEvent | ev.HandlerFailedEvent | None = None
        """The last one, not told yet."""
        self._timer: asyncio.TimerHandle | None = None

    def show(self, event: ev.Event) -> None:
        """Show one event."""
        if isinstance(event, ev.DeltasDiscardedEvent | ev.HandlerFailedEvent):
            self._keep_back(event)
            return
        if not isinstance(event, ev.RunEndedEvent):
            self._tell_failure()
        if not self._speaks:
            if isinstance(event, _TOLD) and not _is_an_end(event):
                self._line(line_of(event))
        elif isinstance(event, ev.DeltaEvent):
            self._shown += event.text
            self._write(visible(event.text))
        elif isinstance(event, _OF_A_ROLE) and (line := line_of(event)):
            self._line(f"[{line}]")

    def end(self, output: Message | None) -> None:
        """Show what has not been shown yet; without an output, the caller tells why."""
        if output is None:
            self._failure = None
        self._tell_failure()
        if output is None:
            self._break()
            return
        if self._speaks:
            text = str(getattr(output, "text", ""))
            if self._shown.strip() != text.strip():  # none was streamed, or what was has been discarded
                self._break()
                self._write(visible(text))
                self._shown = text
            self._break()
        else:
            self._write(f"{spoken(output)}\n")

    def _keep_back(self, failure: ev.DeltasDiscardedEvent | ev.HandlerFailedEvent) -> None:
        """Tell it soon, if the turn goes on; a handler's failure takes the place of the call's that it came from."""
        before = self._failure
        if before is not None and _reason(before) not in _reason(failure):
            self._tell_failure()
        self._failure = failure
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._timer is None:
            self._timer = loop.call_later(_PATIENCE_S, self._tell_failure)

    def _tell_failure(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        failure, self._failure = self._failure, None
        if failure is not None:
            self._line(f"[{line_of(failure)}]" if self._speaks else line_of(failure))

    def _line(self, text: str) -> None:
        if text:
            self._break()
            print(text, file=self._aside, flush=True)

    def _break(self) -> None:
        """End the line that is being written."""
        if self._shown and not self._shown.endswith("\n"):
            self._write("\n")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def _reason(failure: ev.DeltasDiscardedEvent | ev.HandlerFailedEvent) -> str:
    return failure.reason if isinstance(failure, ev.DeltasDiscardedEvent) else failure.error


def _is_an_end(event: ev.Event) -> bool:
    """Whether it is what the person said, or what comes of it: neither is told twice."""
    return isinstance(event, ev.MessagePublishedEvent) and (event.envelope.sender == USER or not event.envelope.recipients)
