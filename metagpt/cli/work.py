"""Working through a run: watch it, ask people where it waits, and tell how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from metagpt.cli.endings import tell_ending
from metagpt.cli.interruption import Interruption
from metagpt.cli.json_lines import JsonDisplay
from metagpt.cli.models_used import note_models
from metagpt.cli.people import ask_people, is_person_here
from metagpt.cli.plain import PlainDisplay
from metagpt.cli.prepare import Prepared
from metagpt.cli.record import complete_record
from metagpt.cli.statuses import INTERRUPTED, status_of_run
from metagpt.errors import JournalError, RunError
from metagpt.events import Event
from metagpt.run import Run, RunStream
from metagpt.runtime.ticks import Answer

__all__ = ["Display", "work"]

AnyRun = Run[Any]
Begin = Callable[[], RunStream[Any]]


class Display(Protocol):
    """Shows events to somebody, inside `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: Event) -> None:
        """Show one event."""
        ...


def work(prepared: Prepared, begin: Begin | None, run_id: str, *, json: bool, resume: Callable[..., str]) -> int:
    """Run to the end, or to where a person is needed who is not here.

    Args:
        prepared: The team.
        begin: Starts the run; None for one that waits already.
        run_id: The run.
        json: Whether events are written as JSON lines.
        resume: Makes the line that resumes the run, of answers.

    Returns:
        The exit status.
    """
    with Interruption() as interruption:
        try:
            run = asyncio.run(_all(prepared, begin, run_id, _display(json), interruption, asks=not json and is_person_here()))
        except KeyboardInterrupt:
            recorded = f"what was done is recorded. Go on with: {resume()}" if _has_begun(prepared, run_id) else "nothing was begun"
            print(f"\ninterrupted; {recorded}", file=sys.stderr)
            return INTERRUPTED
    complete_record(run)
    tell_ending(run, prepared.choice.references, file=sys.stderr if json else sys.stdout, brief=json, resume=resume)
    note_models(run)
    return INTERRUPTED if interruption.requested and not run.success else status_of_run(run)


def _has_begun(prepared: Prepared, run_id: str) -> bool:
    try:
        return bool(prepared.team.open_run(run_id).messages)
    except JournalError:
        return False


def _display(json: bool) -> Display:
    if json:
        return JsonDisplay()
    if not sys.stdout.isatty():
        return PlainDisplay()
    from rich.console import Console

    from metagpt.cli.live import LiveDisplay

    console = Console()
    return LiveDisplay(console) if console.is_terminal and not console.is_dumb_terminal else PlainDisplay()


async def _all(prepared: Prepared, begin: Begin | None, run_id: str, display: Display, interruption: Interruption, *, asks: bool) -> AnyRun:
    try:
        run: AnyRun = prepared.team.open_run(run_id) if begin is None else await _follow(begin(), display, interruption)
        while run.status == "waiting" and asks and not interruption.requested:
            try:
                answers = ask_people(prepared.team, run)
            except EOFError:  # the person went away: it waits on
                return run
            run = await _follow(_answered(prepared, run_id, answers), display, interruption)
        return run
    finally:
        await prepared.close()


def _answered(prepared: Prepared, run_id: str, answers: Mapping[str, Answer]) -> RunStream[Any]:
    return prepared.team.resume_stream(run_id, answers=answers)


async def _follow(stream: RunStream[Any], display: Display, interruption: Interruption) -> AnyRun:
    """One stretch of the run, shown; a run that failed or was cancelled is returned as it is."""
    with display:
        async with stream:
            with interruption.cancels(stream.cancel):
                async for event in stream:
                    display.show(event)
                try:
                    return await stream.result()
                except RunError as error:
                    if error.run is None:
                        raise
                    return error.run
