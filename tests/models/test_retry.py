"""Retrying: the policy as a value, and the loop that acts on it."""

from __future__ import annotations

import asyncio

import pytest

from metagpt.errors import ConfigError, InvalidReplyError, ModelError, RateLimitError, ServerError
from metagpt.models.retry import RetryPolicy, with_retries

PLAIN = RetryPolicy(jitter=0.0)


def test_pauses_grow_by_the_factor_up_to_the_longest() -> None:
    policy = RetryPolicy(attempts=9, base_s=0.5, factor=2.0, max_s=3.0, jitter=0.0)
    assert [policy.delay_s(attempt, ServerError("x"), seed=1) for attempt in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_last_attempt_is_followed_by_none() -> None:
    assert PLAIN.delay_s(3, ServerError("x"), seed=1) == 2.0
    assert PLAIN.delay_s(4, ServerError("x"), seed=1) is None


def test_jitter_is_bounded_and_the_same_for_the_same_seed() -> None:
    policy = RetryPolicy(jitter=0.25)
    drawn = [policy.delay_s(1, ServerError("x"), seed=seed) for seed in range(50)]
    assert drawn == [policy.delay_s(1, ServerError("x"), seed=seed) for seed in range(50)]
    assert len(set(drawn)) > 40
    assert all(pause is not None and 0.375 <= pause <= 0.625 for pause in drawn)


def test_what_the_server_asks_for_is_waited_in_full() -> None:
    pauses = [RetryPolicy().delay_s(1, RateLimitError("x", retry_after_s=40.0), seed=seed) for seed in range(50)]
    assert all(pause is not None and 40.0 <= pause < 41.0 for pause in pauses)


def test_a_server_that_asks_for_too_long_a_pause_is_given_up() -> None:
    assert PLAIN.delay_s(1, RateLimitError("x", retry_after_s=121.0), seed=1) is None


@pytest.mark.parametrize("error", [InvalidReplyError("x"), asyncio.CancelledError(), KeyboardInterrupt()])
def test_what_is_not_retryable_is_given_up_at_once(error: BaseException) -> None:
    assert PLAIN.delay_s(1, error, seed=1) is None


def test_other_exceptions_of_a_handler_are_tried_again() -> None:
    assert PLAIN.delay_s(1, ValueError("x"), seed=1) == 0.5


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"jitter": 1.5}, {"factor": 0.5}, {"base_s": -1.0}])
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


class Flaky:
    """Fails with each of the errors in turn, then returns."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.slept: list[float] = []

    async def call(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def run(self, policy: RetryPolicy = PLAIN) -> str:
        return asyncio.run(with_retries(self.call, policy=policy, seed=1, sleep=self.sleep))


def test_a_call_that_fails_twice_is_made_three_times() -> None:
    flaky = Flaky(ServerError("1"), RateLimitError("2", retry_after_s=7.0))
    assert flaky.run() == "done"
    assert flaky.slept == [0.5, 7.0]


def test_the_error_of_the_last_attempt_is_raised_unchanged() -> None:
    errors: list[ModelError] = [ServerError("1"), ServerError("2"), ServerError("3"), ServerError("4")]
    flaky = Flaky(*errors)
    with pytest.raises(ServerError) as caught:
        flaky.run()
    assert caught.value is errors[-1]
    assert len(flaky.slept) == 3


@pytest.mark.parametrize("error", [InvalidReplyError("x"), ValueError("a fault of our own")])
def test_only_retryable_model_errors_are_tried_again(error: Exception) -> None:
    flaky = Flaky(error)
    with pytest.raises(type(error)) as caught:
        flaky.run()
    assert caught.value is error
    assert flaky.slept == []


def test_a_cancelled_call_is_not_made_again() -> None:
    flaky = Flaky(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        flaky.run()
    assert flaky.slept == []
