"""The state of a run: owned and changed by the reducer alone, rebuilt by folding the journal's ticks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metagpt.graph import Handler
from metagpt.message import Envelope
from metagpt.runtime.budget import Budget, Ledger
from metagpt.runtime.ticks import ActionEnded, ActionStarted, Answer, CallEnded, ErrorRecord, OutputProposed, Pending, Recalled, Status
from metagpt.runtime.wiring import Wiring

__all__ = ["Branch", "FanOut", "Invocation", "Kept", "Lane", "Records", "State"]

Phase = Literal["deciding", "queued", "running", "delayed", "approving", "publishing", "suspended", "failed"]


@dataclass(slots=True)
class Records:
    """What an invocation already has: replies and results that are never bought again, and what its memory gave."""

    replies: dict[tuple[str, int], CallEnded] = field(default_factory=dict)
    started: dict[tuple[str, int], ActionStarted] = field(default_factory=dict)
    """Actions without a result."""
    results: dict[tuple[str, int], ActionEnded] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    recalled: dict[tuple[str, int], Recalled] = field(default_factory=dict)


@dataclass(slots=True)
class Invocation:
    """One message (or join, or gather) that one handler takes, through all its attempts."""

    id: str
    handler: Handler
    heard: tuple[Envelope, ...]
    """In the order of the handler's parameters; of a gather, all items in order."""
    branch: str
    counts: Mapping[str, int]
    now: float
    """When the newest message in hand was published: what `self.now()` answers at first."""
    attempt: int = 1
    failures: int = 0
    """Attempts that failed since the run was started or resumed, or a person answered: what a retry policy counts."""
    anew: int = 0
    """How often its models were asked anew; chance is drawn anew then, too."""
    seen_memories: int | None = None
    """How many memories its role had when the models were first asked: a replay must see the same. None: not started."""
    seen_state: Mapping[str, str] | None = None
    """Its role's state then."""
    phase: Phase = "queued"
    note: str | None = None
    """What a person wrote who rejected the last attempt."""
    kept: Records | None = None
    proposal: OutputProposed | None = None

    @property
    def records(self) -> Records:
        """Made on first use: most invocations record nothing."""
        if self.kept is None:
            self.kept = Records()
        return self.kept


@dataclass(slots=True)
class Lane:
    """A queue whose invocations run at most `width` at a time."""

    width: int
    running: int = 0
    queue: deque[Invocation] = field(default_factory=deque)


@dataclass(slots=True)
class Kept:
    """The kept part of a `keep` join in one branch."""

    envelope: Envelope
    used: bool = False
    """Whether it ever met a partner."""


@dataclass(slots=True)
class Branch:
    """One item's part of a fan-out; the root branch has no fan-out."""

    id: str
    fan_out: FanOut | None
    index: int = 0
    active: int = 0
    """Invocations, inner fan-outs and joins that wait for a kept part from above: what keeps it from being settled."""
    joins: dict[str, list[deque[Envelope]]] | None = None
    """Parts that wait for partners, a queue per slot, by join handler."""
    kept: dict[str, Kept] | None = None
    """The kept part of each `keep` join."""


@dataclass(slots=True)
class FanOut:
    """A list that a handler returned, until every branch has settled and its gathers have fired."""

    id: str
    handler: str
    parent: Branch
    unsettled: int
    counts: Mapping[str, int]
    now: float
    collected: dict[str, list[tuple[int, int, Envelope]]] = field(default_factory=dict)
    """(item index, order of publication, envelope) for each gather handler."""
    branches: int = 0


@dataclass(slots=True)
class State:
    """All that a run knows of itself."""

    wiring: Wiring
    run_id: str
    ledger: Ledger
    lanes: list[Lane]
    branches: dict[str, Branch]
    status: Status = "running"
    seed: int = 0
    session: str | None = None
    goal: Envelope | None = None
    invocations: dict[str, Invocation] = field(default_factory=dict)
    """Those that have not ended."""
    live: int = 0
    """Invocations that can go on without a person: queued, deciding, running, delayed, publishing."""
    pending: dict[str, Pending] = field(default_factory=dict)
    outputs: list[Envelope] = field(default_factory=list)
    role_state: dict[str, dict[str, str]] = field(default_factory=dict)
    memories: dict[str, list[str]] = field(default_factory=dict)
    published: int = 0
    lone_parts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By join handler, how many parts of each tag wait in it, those of settled branches included."""
    awaiting_kept: dict[str, dict[str, Branch]] = field(default_factory=dict)
    """By `keep` join, the branches where everything but the kept part is there; they are held open for it."""
    halted: bool = False
    """The end is decided; nothing new starts."""
    dead_end: ErrorRecord | None = None
    """A message that can go nowhere: however often the run is resumed, it fails so."""
    error: ErrorRecord | None = None
    success: bool = False
    workspace: str | None = None
    started: float = 0.0
    last: float = 0.0

    @classmethod
    def new(cls, wiring: Wiring, run_id: str, budget: Budget) -> State:
        """A run before its first tick."""
        return cls(
            wiring=wiring,
            run_id=run_id,
            ledger=Ledger(budget=budget),
            lanes=[Lane(width) for width in wiring.lane_widths],
            branches={"": Branch("", None)},
        )
