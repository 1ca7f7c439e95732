"""Trajectories: the model calls of a run, the actions it performed and how it ended, read from its records.

The records are read as JSON, without the team: no message type is needed, and nothing that a record names is ever imported.
Secrets were masked when the records were written, and stay so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from metagpt.journal.interface import Journal, Record, RunHeader

__all__ = ["PerformedAction", "RecordedCall", "Trajectory", "read_trajectories", "read_trajectory"]

Json: TypeAlias = dict[str, Any]  # Any: JSON values

ENDED = ("done", "failed")
"""Runs that came to an end of their own; those that wait, run or were cancelled have no verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A model call that was answered."""

    invocation: str
    """The handler's invocation that made it."""
    call: str
    """`engineer.write_program`."""
    model: str
    """Who answered: the reference in its profile."""
    context: Mapping[str, Any]  # Any: JSON values
    """What a compact model reads."""
    schema: Json | None
    """Of the answer; None for text."""
    answers: tuple[str, ...]
    """Every candidate's text, in order."""
    votes: tuple[int, ...]
    """Of each answer."""

    @property
    def role(self) -> str:
        """The role that asked."""
        return self.call.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedAction:
    """An action that gave a result."""

    invocation: str
    action: str
    arguments: Json
    result: Any  # Any: a JSON value


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """A run as training data."""

    run_id: str
    team: str
    goal: str
    success: bool
    """The run's own verdict."""
    output: Json | None
    """Type and body of the last message that nobody took, as {"type": …, "body": …}."""
    calls: tuple[RecordedCall, ...] = ()
    actions: tuple[PerformedAction, ...] = ()
    messages: tuple[Json, ...] = ()
    """Type and body of every message, in order."""


@dataclass(slots=True)
class _Fold:
    """A run's records, taken in one after the other."""

    asked: dict[tuple[str, str, int], Json] = field(default_factory=dict)
    started: dict[tuple[str, str, int], Json] = field(default_factory=dict)
    calls: list[RecordedCall] = field(default_factory=list)
    actions: list[PerformedAction] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)
    output: Json | None = None
    success: bool = False

    def take(self, kind: str, body: Json) -> None:
        match kind:
            case "RunStarted":
                self.messages.append(body["goal"]["message"])
            case "CallRequested":
                self.asked[_key(body)] = body
            case "CallEnded":
                self._answered(self.asked.pop(_key(body), None), body)
            case "ActionStarted":
                self.started[_key(body)] = body
            case "ActionEnded":
                self._performed(self.started.pop(_key(body), None), body)
            case "HandlerEnded":
                for envelope in body["outputs"]:
                    self.messages.append(envelope["message"])
                    self.output = self.output if envelope["recipients"] else envelope["message"]
            case "RunEnded":
                self.success = body["success"]

    def _answered(self, asked: Json | None, body: Json) -> None:
        request = asked["request"] if asked else None
        if request is None:
            return  # a call whose request was not recorded teaches nothing
        said = [each for each in body["reply"]["candidates"] if each["text"] and not each["tool_calls"]]
        if said:
            self.calls.append(
                RecordedCall(
                    invocation=body["invocation"], call=body["call"], model=asked["model"] if asked else "",
                    context=request["context"], schema=request["schema"],
                    answers=tuple(each["text"] for each in said), votes=tuple(each.get("votes", 1) for each in said),
                )
            )  # fmt: skip

    def _performed(self, started: Json | None, body: Json) -> None:
        if started is not None:
            arguments, result = json.loads(started["arguments"]), json.loads(body["result"])
            self.actions.append(
                PerformedAction(invocation=body["invocation"], action=started["action"], arguments=arguments, result=result)
            )


def _key(body: Json) -> tuple[str, str, int]:
    return body["invocation"], body["key"], body["nth"]


def read_trajectory(header: RunHeader, records: Iterable[Record]) -> Trajectory:
    """Fold the records of one run."""
    fold = _Fold()
    for record in records:
        fold.take(record.kind, json.loads(record.body))
    return Trajectory(
        run_id=header.run_id, team=header.team, goal=header.goal, success=fold.success, output=fold.output,
        calls=tuple(fold.calls), actions=tuple(fold.actions), messages=tuple(fold.messages),
    )  # fmt: skip


def read_trajectories(journal: Journal, *, team: str | None = None) -> Iterator[Trajectory]:
    """The runs that have ended, the oldest first.

    Args:
        journal: Where they are.
        team: Only runs of the team of that name; all if left out.
    """
    for header in reversed(journal.runs()):
        if header.status in ENDED and team in (None, header.team):
            yield read_trajectory(header, journal.records(header.run_id))
