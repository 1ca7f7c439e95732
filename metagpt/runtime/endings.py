"""How a run ends: halted by an error, or quiet. Pure: part of the reducer."""

from __future__ import annotations

from metagpt.runtime.commands import Command, EndRun
from metagpt.runtime.state import State
from metagpt.runtime.ticks import ErrorRecord

__all__ = ["end_if_quiet", "halt"]


def halt(
    state: State,
    commands: list[Command],
    kind: str,
    text: str,
    *,
    role: str | None = None,
    handler: str | None = None,
    message: str | None = None,
    cause: str = "",
) -> None:
    """Decide that the run fails, once: the first error is the run's."""
    if state.halted:
        return
    state.halted = True
    commands.append(EndRun("failed", ErrorRecord(type=kind, text=text, role=role, handler=handler, message=message, cause=cause)))


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
    elif state.lone_parts:
        key = next(iter(state.lone_parts))
        halt(
            state,
            commands,
            "DeadlockError",
            f"{key}: found {state.lone_parts[key]} message(s) waiting in this join while nothing else runs; expected a partner for each."
            " Publish the missing part on every path, or use keep=.",
            role=state.wiring.handlers[key].role,
            handler=key,
        )
    else:
        wanted = " or ".join(cls.__name__ for cls in state.wiring.final)
        halt(state, commands, "NoOutputError", f"run {state.run_id}: found the run quiet without output; expected a final {wanted}. Publish one on every path.")
