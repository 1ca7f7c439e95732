"""How a run ends: halted by an error, or quiet. Pure: part of the reducer."""

from __future__ import annotations

from metagpt.runtime.commands import Command, EndRun
from metagpt.runtime.state import State
from metagpt.runtime.ticks import ErrorRecord

__all__ = ["end_if_quiet", "halt", "run_dead"]


def halt(state: State, commands: list[Command], error: ErrorRecord) -> None:
    """Decide that the run fails, once: the first error is the run's."""
    if state.halted:
        return
    state.halted = True
    commands.append(EndRun("failed", error))


def run_dead(state: State, commands: list[Command], error: ErrorRecord) -> None:
    """Halt for good: a message can go nowhere, and resuming the run does not change that."""
    if state.dead_end is None:
        state.dead_end = error
    halt(state, commands, error)


def end_if_quiet(state: State, commands: list[Command]) -> None:
    """End the run when nothing is queued, running or about to be; wait when only people are missing."""
    if state.halted or state.live:
        return
    if state.pending:
        state.halted = True
        commands.append(EndRun("waiting"))
    elif state.outputs or not (state.wiring.final or state.lone_parts):
        state.halted = True
        commands.append(EndRun("done"))
    else:
        halt(state, commands, _deadlock(state) if state.lone_parts else _no_output(state))


def _deadlock(state: State) -> ErrorRecord:
    key, parts = next(iter(state.lone_parts.items()))
    waiting = ", ".join(f"{count} {tag}" for tag, count in parts.items())
    return ErrorRecord(
        type="DeadlockError",
        text=f"{key}: found {waiting} waiting in this join while nothing else runs; expected a partner for each."
        " Publish the missing part on every path, or use keep=.",
        role=state.wiring.handlers[key].role,
        handler=key,
        message=next(iter(parts)),
    )


def _no_output(state: State) -> ErrorRecord:
    wanted = " or ".join(cls.__name__ for cls in state.wiring.final)
    return ErrorRecord(
        type="NoOutputError",
        text=f"run {state.run_id}: found the run quiet without output; expected a final {wanted}. Publish one on every path.",
    )
