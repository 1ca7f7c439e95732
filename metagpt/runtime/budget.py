"""Budgets: bounds on a run, and the ledger that reserves before a call and settles after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from metagpt.models.interface import Price, TokenUsage

__all__ = ["Budget", "Ledger", "Reservation", "Usage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Most that a run may spend; None bounds nothing."""

    usd: float | None = None
    """US dollars; every model of the team must then have a known price."""
    tokens: int | None = None
    """Input and output tokens together."""
    calls: int | None = None
    """Model calls, re-asks and retries included."""
    steps: int | None = None
    """Handlers started."""
    seconds: float | None = None
    """Wall-clock seconds; waiting for people does not count."""

    def __post_init__(self) -> None:
        for name in ("usd", "tokens", "calls", "steps", "seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Budget: found {name}={value!r}; expected more than 0. Leave it out for no bound.")


@dataclass(slots=True)
class Usage:
    """What was spent. `by_role` and `by_model` hold the same figures for each role and model."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    calls: int = 0
    usd: float = 0.0
    """0 for a model whose price is unknown: see `unpriced_calls`."""
    seconds: float = 0.0
    """Of a run: wall-clock time. Of a role or model: time its calls took, added up."""
    unpriced_calls: int = 0
    """Calls of models whose price is unknown."""
    by_role: dict[str, Usage] = field(default_factory=dict)
    by_model: dict[str, Usage] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def add(self, usage: TokenUsage, price: Price | None, *, seconds: float) -> None:
        """Count one call."""
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cached_tokens += usage.cached_tokens
        self.calls += 1
        self.seconds += seconds
        if price is None:
            self.unpriced_calls += 1
        else:
            self.usd += price.usd(usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a call in flight may cost at most."""

    role: str
    model: str
    bound: TokenUsage
    price: Price | None


@dataclass(slots=True)
class Ledger:
    """Usage so far and reservations in flight, against a budget."""

    budget: Budget = field(default_factory=Budget)
    usage: Usage = field(default_factory=Usage)
    steps: int = 0
    reserved_calls: int = 0
    reserved_tokens: int = 0
    reserved_usd: float = 0.0
    open: dict[str, dict[tuple[str, int], Reservation]] = field(default_factory=dict)
    """Reservations by invocation and call."""

    @property
    def has_no_step_left(self) -> bool:
        """Whether the budget of steps is used up."""
        return self.budget.steps is not None and self.steps >= self.budget.steps

    def affordable_tokens(self, input_bound: int, max_tokens: int, price: Price | None) -> int | str:
        """Output tokens the unreserved budget affords, at most `max_tokens`; or, as text, what it lacks."""
        budget, usage = self.budget, self.usage
        if budget.calls is not None and usage.calls + self.reserved_calls >= budget.calls:
            return f"budget of {budget.calls} calls is used up"
        afforded = max_tokens
        if budget.tokens is not None:
            left = budget.tokens - usage.tokens - self.reserved_tokens - input_bound
            if left < 1:
                return f"budget of {budget.tokens} tokens leaves {max(left + input_bound, 0)}, too little for the next call"
            afforded = min(afforded, left)
        if budget.usd is not None:
            if price is None:
                return f"budget of {budget.usd} USD cannot bound a model whose price is unknown"
            left_usd = budget.usd - usage.usd - self.reserved_usd - input_bound * price.input / 1e6
            if left_usd < 0 or (price.output > 0 and left_usd * 1e6 < price.output):
                return f"budget of {budget.usd} USD leaves {budget.usd - usage.usd:.6f}, too little for the next call"
            if price.output > 0:
                afforded = min(afforded, int(left_usd * 1e6 / price.output))
        return afforded

    def reserve(self, invocation: str, call: tuple[str, int], reservation: Reservation) -> None:
        """Set the bound of a call aside until it settles."""
        self.open.setdefault(invocation, {})[call] = reservation
        self._hold(reservation, 1)

    def settle(
        self, invocation: str, call: tuple[str, int], usage: TokenUsage | None, *, seconds: float = 0.0, charged: bool = True
    ) -> None:
        """Turn a reservation into usage: the figures given, the bound where there are none, nothing if not charged."""
        calls = self.open.get(invocation, {})
        reservation = calls.pop(call, None)
        if reservation is None:
            return
        if not calls:
            del self.open[invocation]
        self._hold(reservation, -1)
        spent = usage if usage is not None else reservation.bound if charged else TokenUsage(input_tokens=0, output_tokens=0)
        for part in (
            self.usage,
            self.usage.by_role.setdefault(reservation.role, Usage()),
            self.usage.by_model.setdefault(reservation.model, Usage()),
        ):
            part.add(spent, reservation.price, seconds=0.0 if part is self.usage else seconds)

    def settle_open(self, invocation: str) -> None:
        """Settle the invocation's calls in flight at their bound: nobody waits for them any more."""
        for call in list(self.open.get(invocation, ())):
            self.settle(invocation, call, None)

    def settle_all(self) -> None:
        """Settle every call in flight at its bound: the process that made them is gone."""
        for invocation in list(self.open):
            self.settle_open(invocation)

    def _hold(self, reservation: Reservation, sign: int) -> None:
        bound = reservation.bound
        self.reserved_calls += sign
        self.reserved_tokens += sign * (bound.input_tokens + bound.output_tokens)
        if reservation.price is not None:
            self.reserved_usd += sign * reservation.price.usd(bound)
        if not self.open:
            self.reserved_usd = 0.0  # no drift of rounding while nothing is in flight
