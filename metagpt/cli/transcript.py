"""What a run's records say, read without its team: the journal's JSON as it stands, no message type needed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from metagpt.journal.interface import Record
from metagpt.models.interface import Price, TokenUsage
from metagpt.runtime.budget import Usage
from metagpt.runtime.identity import derived_id

if TYPE_CHECKING:
    import networkx

__all__ = ["Transcript", "read_transcript"]

Body: TypeAlias = dict[str, Any]  # Any: JSON


@dataclass(slots=True)
class Transcript:
    """A run in the words of its journal."""

    run_id: str
    messages: list[Body] = field(default_factory=list)
    """Every envelope, in order; `handler` says who published it, as far as that is known."""
    pending: dict[str, Body] = field(default_factory=dict)
    """What waits for a person: text, kind and proposed messages by id."""
    usage: Usage = field(default_factory=Usage)
    """What the run spent."""
    calls: dict[str, Usage] = field(default_factory=dict)
    """What each call name has cost."""
    in_flight: dict[tuple[str, str, int], Body] = field(default_factory=dict)
    """Calls that were made and have not ended."""
    workspace: str | None = None
    success: bool = False
    error: str = ""
    output: Body | None = None
    """The last message that nobody took."""
    fanned: set[str] = field(default_factory=set)
    """Ids of the envelopes that are items of a fan-out."""
    started: float = 0.0

    def take(self, kind: str, body: Body) -> None:  # noqa: C901 - one case per kind is the table itself
        """Take one record into account."""
        match kind:
            case "RunStarted":
                self.started = body["time"]
                self._publish(body["goal"])
            case "RunResumed":
                self.started = body["time"]
                self.error = ""
                for key in list(self.in_flight):  # the process that made them died
                    self._settle(key, None, 0.0)
                for answered in body["answers"]:
                    self.pending.pop(answered["pending"], None)
            case "HandlerEnded":
                self._ended(body)
            case "OutputProposed":
                number = "" if body["attempt"] == 1 else f".{body['attempt']}"
                asked = {"kind": "approval", "text": "Approve, reject with a note, or edit?", "proposed": body["messages"]}
                self.pending[body["invocation"] + number] = asked
            case "HandlerSuspended":
                pending = body["pending"]
                self.pending[pending["id"]] = {key: pending[key] for key in ("kind", "role", "handler", "text", "proposed")}
            case "Answered":
                self.pending.pop(body["pending"], None)
            case "CallRequested" | "CallEnded" | "CallFailed":
                self._call(kind, body)
            case "RunEnded":
                self.success, self.workspace = body["success"], body["workspace"]
                self.error = body["error"]["text"] if body["error"] else ""
                self.usage.seconds += body["time"] - self.started
            case _:
                pass

    def _ended(self, body: Body) -> None:
        for envelope in body["outputs"]:
            self._publish(envelope, invocation=body["invocation"])
            if body["fan_out"] is not None:
                self.fanned.add(envelope["id"])

    def _publish(self, envelope: Body, invocation: str = "") -> None:
        envelope["handler"] = self._publisher(envelope, invocation) if invocation else None
        self.messages.append(envelope)
        if not envelope["recipients"] and invocation:
            self.output = envelope

    def _publisher(self, envelope: Body, invocation: str) -> str | None:
        """The handler that said it: one of the sender's that took its causes, and whose invocation has that id."""
        causes = set(envelope["causes"])
        heard = [key for each in self.messages if each["id"] in causes for key in each["recipients"]]
        own = [key for key in dict.fromkeys(heard) if key.rpartition(".")[0] == envelope["sender"]]
        exact = [key for key in own if derived_id(self.run_id, key, *envelope["causes"]) == invocation]
        return next(iter(exact or own), None)

    def _call(self, kind: str, body: Body) -> None:
        key = (body["invocation"], body["key"], body["nth"])
        if kind == "CallRequested":
            self.in_flight[key] = body
        elif kind == "CallEnded":
            usage = body["reply"]["usage"]
            self._settle(key, TokenUsage(**usage) if usage else None, body["seconds"])
        else:
            self._settle(key, None if body["charged"] else TokenUsage(input_tokens=0, output_tokens=0), 0.0)

    def _settle(self, key: tuple[str, str, int], usage: TokenUsage | None, seconds: float) -> None:
        """Count a call that is over: at its bound where nobody knows what it came to."""
        asked = self.in_flight.pop(key, None)
        if asked is None:
            return
        spent = usage or TokenUsage(input_tokens=asked["input_bound"], output_tokens=asked["max_tokens"])
        price = Price(**asked["price"]) if asked["price"] else None
        role = asked["call"].rpartition(".")[0]
        self.usage.add(spent, price, seconds=0.0)
        for group, name in ((self.usage.by_role, role), (self.usage.by_model, asked["model"]), (self.calls, asked["call"])):
            group.setdefault(name, Usage()).add(spent, price, seconds=seconds)

    def graph(self) -> networkx.DiGraph[str]:
        """What really went from whom to whom, in the form of `Team.graph`."""
        import networkx

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        for index, envelope in enumerate(self.messages):
            tag = envelope["message"]["type"]
            is_final = bool(self.output and self.output["message"]["type"] == tag)
            graph.add_node(tag, kind="message", start=index == 0 or graph.nodes.get(tag, {}).get("start", False), final=is_final)
            for key in (*envelope["recipients"], *([envelope["handler"]] if envelope["handler"] else [])):
                graph.add_node(key, kind="handler", role=key.rpartition(".")[0], form="one")
            if envelope["handler"]:
                graph.add_edge(envelope["handler"], tag, fan_out=envelope["id"] in self.fanned)
            for key in envelope["recipients"]:
                graph.add_edge(tag, key)
        return graph


def read_transcript(run_id: str, records: Iterable[Record]) -> Transcript:
    """Fold a run's records."""
    transcript = Transcript(run_id)
    for record in records:
        transcript.take(record.kind, json.loads(record.body))
    return transcript
