"""Budgets: reserved before, settled after, never overshot by a server that honours max_tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from metagpt import Approve, Budget, Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.errors import BudgetExceededError, ConfigError, HandlerFailedError, ModelError, RateLimitError, RefusedError, StreamCutError
from metagpt.models.interface import Candidate, Delta, ModelOptions, ModelProfile, ModelReply, ModelRequest, Price, TokenUsage
from metagpt.models.retry import RetryPolicy
from metagpt.testing import Crash, FakeClock, FunctionModel, crash_at
from tests.runtime.messages import Final, Item, Part, Summary

ONCE = RetryPolicy(attempts=1)


class Metered:
    """A model that uses what it is given, to the last token, and notes what it was given."""

    def __init__(
        self, *, limit: int = 1000, price: Price | None = None, reports: bool = True, fails: list[BaseException] | None = None
    ) -> None:
        self.profile = ModelProfile(reference="metered", max_output_tokens=limit, price=price)
        self.given: list[ModelOptions] = []
        self.bounds: list[int] = []
        self._reports = reports
        self._fails = fails or []

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        self.given.append(request.options)
        await asyncio.sleep(0)
        if self._fails:
            raise self._fails.pop(0)
        count = request.options.n or 1
        usage = TokenUsage(input_tokens=20, output_tokens=(request.options.max_tokens or self.profile.max_output_tokens) * count)
        yield ModelReply(candidates=(Candidate(text="x"),) * count, usage=usage if self._reports else None)

    async def close(self) -> None: ...


class Asker(Role):
    """Asks as often as the goal says."""

    @on(Goal)
    async def work(self, goal: Goal) -> Final:
        for n in range(int(goal.text)):
            await self.ask(str, "ask {{ n }}", n=n, options=self.options)
        return Final(text="")

    options = ModelOptions()


def asker(**options: Any) -> Asker:
    role = Asker()
    role.options = ModelOptions(**options)
    return role


async def test_without_a_budget_a_request_is_sent_as_it_was_asked() -> None:
    model = Metered()
    await Team([Asker()], final=Final, model=model).run("1")
    assert model.given[0].max_tokens is None


async def test_max_tokens_is_the_least_of_asked_the_models_limit_and_what_is_left() -> None:
    model = Metered(limit=300)

    class Three(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            await self.ask(str, "a", options=ModelOptions(max_tokens=50))
            await self.ask(str, "b", options=ModelOptions(max_tokens=5000))
            await self.ask(str, "c")
            return Final(text="")

    run = await Team([Three()], final=Final, model=model, budget=Budget(tokens=600)).run("go")
    asked, limited, rest = (options.max_tokens for options in model.given)
    assert (asked, limited) == (50, 300)
    assert rest is not None
    assert 0 < rest < 300
    assert run.usage.tokens <= 600


async def test_too_little_left_ends_the_run_before_the_call() -> None:
    model = Metered(limit=100)
    with pytest.raises(BudgetExceededError, match=r"asker\.work#\d: the budget of 400 tokens leaves") as caught:
        await Team([Asker()], final=Final, model=model, budget=Budget(tokens=400)).run("50")
    error = caught.value
    assert (error.role, error.handler, error.message) == ("asker", "asker.work", "Goal")
    assert error.run is not None
    assert error.run.usage.tokens <= 400
    assert len(model.given) == error.run.usage.calls


async def test_calls_at_once_never_pass_the_budget_together() -> None:
    class Split(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=n) for n in range(30)]

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            return Summary(parts=[])

    class Worker(Role):
        @on(Item, concurrency=10)
        async def work(self, item: Item) -> Part:
            await self.ask(str, "ask {{ n }}", n=item.n)
            return Part(n=item.n)

    model = Metered(limit=100, price=Price(input=1, output=3))
    with pytest.raises(BudgetExceededError) as caught:
        await Team([Split(), Worker()], final=Summary, model=model, budget=Budget(tokens=2000)).run("go")
    assert caught.value.run is not None
    assert caught.value.run.usage.tokens <= 2000


async def test_a_money_budget_bounds_the_output_by_its_price() -> None:
    model = Metered(limit=1000, price=Price(input=1.0, output=4.0))
    with pytest.raises(BudgetExceededError, match="USD") as caught:
        await Team([Asker()], final=Final, model=model, budget=Budget(usd=0.002)).run("50")
    assert caught.value.run is not None
    assert 0 < caught.value.run.usage.usd <= 0.002
    assert all(options.max_tokens is not None and options.max_tokens <= 500 for options in model.given)


async def test_several_candidates_share_what_the_budget_affords() -> None:
    model = Metered(limit=100)
    with pytest.raises(BudgetExceededError) as caught:
        await Team([asker(n=4)], final=Final, model=model, budget=Budget(tokens=700)).run("50")
    assert caught.value.run is not None
    assert caught.value.run.usage.tokens <= 700
    assert all((options.max_tokens or 0) * (options.n or 1) <= 700 for options in model.given)


async def test_fewer_candidates_are_drawn_where_the_budget_affords_fewer_tokens_than_candidates() -> None:
    drawn = set()
    for tokens in range(100, 400):
        model = Metered(limit=100)
        try:
            run = await Team([asker(n=4)], final=Final, model=model, budget=Budget(tokens=tokens)).run("1")
        except BudgetExceededError:
            continue
        assert run.usage.tokens <= tokens
        drawn.add(model.given[0].n)
    assert drawn == {1, 2, 3, 4}


async def test_a_call_that_a_failing_sibling_prevented_is_not_paid_for() -> None:
    fails = [True]

    class Broken(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            if fails:
                fails.clear()
                raise ValueError("in the moment that the other one asks")

    journal = InMemoryJournal()
    model = Metered(limit=100)
    team = Team([Broken(), Asker()], final=Final, model=model, journal=journal)
    with pytest.raises(HandlerFailedError) as caught:
        await team.run("1")
    assert caught.value.run is not None
    assert caught.value.run.usage.calls == len(model.given) == 0
    run = await team.resume(caught.value.run.id)
    assert run.usage.calls == len(model.given) == 1


async def test_an_unknown_price_under_a_money_budget_is_refused_at_the_start() -> None:
    model = Metered(price=None)
    team = Team([Asker()], final=Final, model=model, budget=Budget(usd=1.0))
    with pytest.raises(ConfigError, match="price"):
        await team.run("1")
    assert model.given == []
    assert team.journal.runs() == []


async def test_a_model_of_unknown_price_that_is_named_for_one_call_ends_the_run_before_the_call() -> None:
    known, unknown = Metered(price=Price(input=0, output=0)), Metered(price=None)

    class Sneaky(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "a", options=ModelOptions(model="other")))

    team = Team([Sneaky()], final=Final, model=known, budget=Budget(usd=1.0))
    team._opened["other"] = unknown
    with pytest.raises(BudgetExceededError, match="price is unknown"):
        await team.run("go")
    assert unknown.given == []


async def test_a_reply_without_usage_settles_at_its_bound() -> None:
    model = Metered(limit=100, reports=False)
    run = await Team([Asker()], final=Final, model=model, budget=Budget(tokens=1000)).run("1")
    assert run.usage.output_tokens == 100
    assert run.usage.input_tokens > 20


@pytest.mark.parametrize(("error", "output_tokens"), [(StreamCutError("cut"), 100), (RefusedError("no"), 100), (RateLimitError("slow"), 0)])
async def test_a_failed_call_settles_at_its_bound_unless_no_token_was_made(error: ModelError, output_tokens: int) -> None:
    model = Metered(limit=100, fails=[error])
    with pytest.raises(HandlerFailedError) as caught:
        await Team([Asker()], final=Final, model=model, call_retry=ONCE).run("1")
    assert caught.value.run is not None
    assert caught.value.run.usage.output_tokens == output_tokens
    assert caught.value.run.usage.calls == 1


@pytest.mark.parametrize("problem", [AssertionError("a bug in a plugin"), ZeroDivisionError()])
async def test_a_call_that_fails_in_no_foreseen_way_is_not_left_reserved(problem: Exception) -> None:
    class Lenient(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            try:
                await self.ask(str, "a")
            except (AssertionError, ZeroDivisionError):
                await self.ask(str, "b")
            return Final(text="")

    run = await Team([Lenient()], final=Final, model=Metered(limit=100, fails=[problem])).run("go")
    ledger = run._state.ledger
    assert (ledger.open, ledger.reserved_tokens, run.usage.calls) == ({}, 0, 2)
    assert run.usage.output_tokens == 200


async def test_a_call_that_the_handler_gives_up_settles_at_its_bound() -> None:
    class Hanging(Metered):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
            await asyncio.Event().wait()
            yield Delta("")

    class Impatient(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            asking = asyncio.ensure_future(self.ask(str, "a"))
            for _ in range(5):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
            return Final(text="")

    run = await Team([Impatient()], final=Final, model=Hanging(limit=100)).run("go")
    assert (run.usage.output_tokens, run.usage.calls) == (100, 1)
    assert run._state.ledger.open == {}


async def test_a_call_in_flight_at_a_kill_settles_at_its_bound() -> None:
    journal = InMemoryJournal()
    model = Metered(limit=100)
    with pytest.raises(Crash):  # 1 start, 2 call requested, 3 call ended
        await Team([Asker()], final=Final, model=model, journal=crash_at(3, journal)).run("1", run_id="r")
    run = await Team([Asker()], final=Final, model=model, journal=journal).resume("r")
    assert run.usage.calls == 2
    assert run.usage.output_tokens == 200


async def test_what_is_replayed_is_not_paid_again() -> None:
    journal = InMemoryJournal()
    model = Metered(limit=100)
    with pytest.raises(Crash):  # 4 second call requested
        await Team([Asker()], final=Final, model=model, journal=crash_at(4, journal)).run("2", run_id="r")
    run = await Team([Asker()], final=Final, model=model, journal=journal).resume("r")
    assert (run.usage.calls, len(model.given)) == (2, 2)


async def test_a_run_that_was_stopped_by_its_budget_goes_on_with_a_larger_one_and_pays_for_no_refused_call() -> None:
    journal = InMemoryJournal()
    model = Metered(limit=100)
    with pytest.raises(BudgetExceededError) as caught:
        await Team([Asker()], final=Final, model=model, journal=journal, budget=Budget(tokens=400)).run("6")
    assert caught.value.run is not None
    run = await Team([Asker()], final=Final, model=model, journal=journal, budget=Budget(tokens=100_000)).resume(caught.value.run.id)
    assert run.usage.calls == len(model.given) == 6


async def test_a_smaller_budget_on_resume_does_not_rewrite_what_was_recorded() -> None:
    journal = InMemoryJournal()
    model = Metered(limit=100)

    class Steps(Role):
        @on(Goal)
        async def begin(self, goal: Goal) -> Item:
            return Item(n=0)

        @on(Item, limit=5)
        async def step(self, item: Item) -> Item | Final:
            await self.ask(str, "step {{ n }}", n=item.n)
            return Item(n=item.n + 1) if item.n < 4 else Final(text="")

    with pytest.raises(Crash):
        await Team([Steps()], final=Final, model=model, journal=crash_at(12, journal)).run("go", run_id="r")
    with pytest.raises(BudgetExceededError):
        await Team([Steps()], final=Final, model=model, journal=journal, budget=Budget(steps=1)).resume("r")
    run = await Team([Steps()], final=Final, model=model, journal=journal).resume("r")
    assert run.output == Final(text="")
    assert run.usage.calls <= 6


async def test_calls_are_counted_with_retries_and_re_asks() -> None:
    model = Metered(limit=10, fails=[RateLimitError("slow"), RateLimitError("slow")])
    with pytest.raises(BudgetExceededError, match="2 calls"):
        await Team([Asker()], final=Final, model=model, budget=Budget(calls=2), clock=FakeClock()).run("1")
    assert len(model.given) == 2


async def test_steps_are_handlers_started_retries_included() -> None:
    class Broken(Role):
        @on(Goal, retry=10)
        async def work(self, goal: Goal) -> Final:
            raise ValueError("never")

    with pytest.raises(BudgetExceededError, match="3 steps") as caught:
        await Team([Broken()], final=Final, budget=Budget(steps=3)).run("go")
    assert caught.value.handler == "broken.work"


async def test_the_deadline_cancels_what_still_runs() -> None:
    cancelled = []

    class Slow(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(True)
            raise AssertionError

    clock = FakeClock()
    with pytest.raises(BudgetExceededError, match="deadline of 5"):
        await Team([Slow()], final=Final, budget=Budget(seconds=5), clock=clock).run("go")
    assert cancelled == [True]
    assert clock.now() == 1_000_005


class Patient(Role):
    @on(Goal, approve=True)
    async def work(self, goal: Goal) -> Item:
        await self.ask(str, "a")
        return Item(n=1)

    @on(Item)
    async def rest(self, item: Item) -> Final:
        await self.ask(str, "b")
        return Final(text="")


async def test_waiting_for_people_does_not_count_against_the_deadline(tmp_path: Any) -> None:
    clock = FakeClock()

    async def think(request: ModelRequest) -> str:
        await clock.sleep(3)
        return "x"

    team = Team(
        [Patient()],
        final=Final,
        model=FunctionModel(think),
        budget=Budget(seconds=7),
        clock=clock,
        journal=SqliteJournal(tmp_path / "j.db"),
    )
    run = await team.run("go")
    assert run.status == "waiting"
    assert run.usage.seconds == 3
    clock._now += 1_000_000  # the person sleeps on it
    run = await team.resume(run.id, answers={run.pending[0].id: Approve()})
    assert run.status == "done"
    assert run.usage.seconds == 6


async def test_the_time_before_a_kill_counts_against_the_deadline() -> None:
    clock = FakeClock()

    async def think(request: ModelRequest) -> str:
        await clock.sleep(4)
        return "x"

    journal = InMemoryJournal()
    keywords: dict[str, Any] = {"final": Final, "model": FunctionModel(think), "budget": Budget(seconds=10), "clock": clock}
    with pytest.raises(Crash):  # the third call is requested at 8 s
        await Team([Asker()], journal=crash_at(6, journal), **keywords).run("4", run_id="r")
    began = clock.now()
    with pytest.raises(BudgetExceededError, match="deadline"):
        await Team([Asker()], journal=journal, **keywords).resume("r")
    assert clock.now() - began == 2


async def test_usage_is_known_by_role_and_by_model() -> None:
    class Worker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            await self.ask(str, "a")

    model = Metered(limit=10, price=Price(input=1e6, output=1e6))
    run = await Team([Worker("one"), Worker("two")], model=model).run("go")
    assert {name: usage.calls for name, usage in run.usage.by_role.items()} == {"one": 1, "two": 1}
    assert run.usage.by_model["metered"].output_tokens == 20
    assert run.usage.usd == 60


async def test_calls_of_a_model_without_a_price_are_counted_as_such() -> None:
    run = await Team([Asker()], final=Final, model=Metered(limit=10)).run("3")
    assert (run.usage.unpriced_calls, run.usage.usd) == (3, 0.0)


@pytest.mark.parametrize("name", ["usd", "tokens", "calls", "steps", "seconds"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_budget_of_nothing_is_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        Budget(**{name: value})
