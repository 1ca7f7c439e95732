"""When a failed model call is tried again, as a value; and the one loop that acts on it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from metagpt.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["RetryPolicy", "with_retries"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and after which pauses something that failed is tried again; it answers, and does not sleep."""

    attempts: int = 4
    """Most attempts, the first one included; 1 never tries again."""
    base_s: float = 0.5
    """Pause after the first attempt."""
    factor: float = 2.0
    """Each further pause is this many times the one before."""
    max_s: float = 30.0
    """Longest pause of our own choice."""
    jitter: float = 0.25
    """Part of the pause, 0 to 1, that chance adds or takes away, so that many callers do not come back at once."""
    max_wait_s: float = 120.0
    """Longest pause a server may ask for; if it asks for more, we give up."""

    def __post_init__(self) -> None:
        limits = (
            ("attempts", self.attempts >= 1, "1 or more"),
            ("base_s", self.base_s >= 0, "0 or more"),
            ("factor", self.factor >= 1, "1 or more"),
            ("max_s", self.max_s >= 0, "0 or more"),
            ("jitter", 0 <= self.jitter <= 1, "0 to 1"),
            ("max_wait_s", self.max_wait_s >= 0, "0 or more"),
        )
        for name, holds, expected in limits:
            if not holds:
                raise ConfigError(f"RetryPolicy: {name}={getattr(self, name)!r}; expected {expected}. Change it.")

    def delay_s(self, attempt: int, error: BaseException, *, seed: int) -> float | None:
        """Seconds before attempt + 1, or None to give up. Same arguments, same answer.

        An interrupt or a cancellation is never tried again, nor a `ModelError` that says that it is not retryable.

        Args:
            attempt: The attempt that failed, from 1.
            error: What it failed with. Its `retry_after_s` is waited in full.
            seed: Where the jitter comes from.
        """
        if attempt >= self.attempts or not isinstance(error, Exception):
            return None
        asked_s = None
        if isinstance(error, ModelError):
            if not error.retryable:
                return None
            asked_s = error.retry_after_s
        chance = random.Random(f"{seed}:{attempt}").random()  # noqa: S311 - spreads load, guards nothing
        if asked_s is None:
            pause_s = min(self.max_s, self.base_s * self.factor ** (attempt - 1))
            return pause_s * (1 + self.jitter * (2 * chance - 1))
        if asked_s > self.max_wait_s:
            return None
        return max(0.0, asked_s) + self.base_s * self.jitter * chance


async def with_retries(call: Callable[[], Awaitable[T]], *, policy: RetryPolicy, seed: int, sleep: Callable[[float], Awaitable[None]]) -> T:
    """What `call` returns, tried again after each retryable `ModelError` as long as `policy` says so.

    Raises:
        BaseException: The error of the last attempt, unchanged.
    """
    from tenacity import AsyncRetrying

    def pause(state: RetryCallState) -> float | None:
        error = state.outcome.exception() if state.outcome else None
        return None if error is None else policy.delay_s(state.attempt_number, error, seed=seed)

    retrying = AsyncRetrying(
        retry=_is_retryable,
        stop=lambda state: pause(state) is None,
        wait=lambda state: pause(state) or 0.0,
        sleep=sleep,
        reraise=True,
    )

    async def attempt() -> T:
        return await call()

    return await retrying(attempt)


def _is_retryable(state: RetryCallState) -> bool:
    outcome = state.outcome
    if outcome is None or not outcome.failed:
        return False
    error = outcome.exception()
    return isinstance(error, ModelError) and error.retryable
