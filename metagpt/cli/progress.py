"""A run's progress, folded from its events: who works on what, and what it has cost so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from metagpt import events as ev

__all__ = ["Progress", "RoleProgress"]


@dataclass(slots=True)
class RoleProgress:
    """One role."""

    name: str
    working: dict[str, str] = field(default_factory=dict)
    """What it does now, by invocation."""
    since: float = 0.0
    """When it began what it does now."""
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    tail: str = ""
    """The end of the answer that is being made."""


@dataclass(slots=True)
class Progress:
    """The whole run, as far as its events tell."""

    roles: dict[str, RoleProgress] = field(default_factory=dict)
    started: float | None = None
    now: float = 0.0
    """Time of the last event."""

    @property
    def elapsed_s(self) -> float:
        """From the first event to the last."""
        return 0.0 if self.started is None else self.now - self.started

    @property
    def tokens(self) -> int:
        """Of all roles."""
        return sum(role.tokens for role in self.roles.values())

    @property
    def usd(self) -> float:
        """Of all roles."""
        return sum(role.usd for role in self.roles.values())

    @property
    def unpriced(self) -> int:
        """Calls of unknown price, of all roles."""
        return sum(role.unpriced for role in self.roles.values())

    def take(self, event: ev.Event) -> None:
        """Take one event into account."""
        self.started = event.time if self.started is None else self.started
        self.now = max(self.now, event.time)
        self._take_work(event)
        self._take_call(event)

    def _take_work(self, event: ev.Event) -> None:
        match event:
            case ev.HandlerStartedEvent():
                role = self._role(event.role)
                role.since = role.since if role.working else event.time
                role.working[event.invocation] = event.handler.removeprefix(f"{event.role}.")
            case ev.HandlerEndedEvent() | ev.HandlerFailedEvent():
                self._role(event.role).working.pop(event.invocation, None)
            case ev.ActionStartedEvent():
                for role in self.roles.values():
                    if event.invocation in role.working:
                        role.working[event.invocation] = f"runs {event.action}"
            case ev.ApprovalNeededEvent():
                working = self._role(event.role).working
                for invocation in [each for each in working if event.pending.startswith(each)]:
                    working[invocation] = "waits for a person"
            case ev.RunEndedEvent():
                for role in self.roles.values():
                    role.working.clear()
            case _:
                pass

    def _take_call(self, event: ev.Event) -> None:
        match event:
            case ev.ModelCalledEvent():
                role = self._role(event.role)
                role.working[event.invocation] = f"{event.call.removeprefix(f'{event.role}.')} · asks {event.model}"
                role.tail = ""
            case ev.DeltaEvent():
                role = self._role(event.role)
                role.tail = (role.tail + event.text)[-200:]
            case ev.DeltasDiscardedEvent():
                self._role(event.role).tail = ""
            case ev.ModelRepliedEvent():
                self._replied(event)
            case _:
                pass

    def _replied(self, event: ev.ModelRepliedEvent) -> None:
        role = self._role(event.role)
        role.tail = ""
        if event.replayed:
            return
        role.calls += 1
        role.tokens += event.input_tokens + event.output_tokens
        role.usd += event.usd or 0.0
        role.unpriced += event.usd is None

    def _role(self, name: str) -> RoleProgress:
        return self.roles.setdefault(name, RoleProgress(name))
