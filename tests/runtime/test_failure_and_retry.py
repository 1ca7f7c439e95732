"""What a failed attempt costs: calls that succeeded are never bought again, models are asked anew where they are to blame."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, action, on
from metagpt.actions.interface import ActionContext
from metagpt.errors import ActionError, HandlerFailedError, InvalidReplyError, ModelError, RefusedError, ServerError
from metagpt.models.interface import ModelRequest
from metagpt.models.retry import RetryPolicy
from metagpt.testing import Crash, FakeClock, FunctionModel, ScriptedModel, crash_at, data, error, text
from tests.runtime.messages import Final

ONCE = RetryPolicy(attempts=1)


def asked(model: FunctionModel | ScriptedModel) -> list[str]:
    return [request.chat[-1].text for request in model.requests]


async def test_a_handler_that_fails_twice_is_run_three_times() -> None:
    tries = 0

    class Flaky(Role):
        @on(Goal, retry=2)
        async def work(self, goal: Goal) -> Final:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise ValueError("not yet")
            return Final(text=str(tries))

    assert (await Team([Flaky()], final=Final).run("go")).output == Final(text="3")


async def test_a_handler_that_fails_once_too_often_ends_the_run_with_the_exception_as_cause() -> None:
    class Broken(Role):
        @on(Goal, retry=2)
        async def work(self, goal: Goal) -> Final:
            raise ValueError("never")

    with pytest.raises(HandlerFailedError, match=r"broken\.work: found ValueError: never while handling Goal \(attempt 3\)") as caught:
        await Team([Broken()], final=Final).run("go")
    failed = caught.value
    assert (failed.role, failed.handler, failed.message) == ("broken", "broken.work", "Goal")
    assert isinstance(failed.__cause__, ValueError)
    assert failed.run is not None
    assert (failed.run.status, failed.run.error) == ("failed", failed)


async def test_a_retry_policy_says_how_long_to_wait() -> None:
    clock = FakeClock()
    at: list[float] = []

    class Broken(Role):
        @on(Goal, retry=RetryPolicy(attempts=4, base_s=1.0, factor=3.0, jitter=0.0))
        async def work(self, goal: Goal) -> Final:
            at.append(clock.now())
            raise ServerError("down")

    with pytest.raises(HandlerFailedError):
        await Team([Broken()], final=Final, clock=clock).run("go")
    assert [b - a for a, b in zip(at, at[1:], strict=False)] == [1.0, 3.0, 9.0]


async def test_a_retry_policy_that_raises_ends_the_run_and_does_not_hang_it() -> None:
    class Policy:
        def delay_s(self, attempt: int, error: BaseException, *, seed: int) -> float | None:
            raise LookupError("the policy itself")

    class Broken(Role):
        @on(Goal, retry=Policy())
        async def work(self, goal: Goal) -> Final:
            raise ValueError("never")

    with pytest.raises(HandlerFailedError, match="the policy itself"):
        await Team([Broken()], final=Final).run("go")


class Two(Role):
    """Asks twice."""

    @on(Goal, retry=1)
    async def work(self, goal: Goal) -> Final:
        first = await self.ask(str, "first")
        second = await self.ask(str, "second")
        return Final(text=f"{first} {second}")


async def test_after_a_failed_call_the_next_attempt_reuses_every_recorded_success() -> None:
    with ScriptedModel([text("a"), error(RefusedError("no")), text("b")]) as model:
        run = await Team([Two()], final=Final, model=model).run("go")
    assert run.output == Final(text="a b")
    assert asked(model) == ["first", "second", "second"]


async def test_after_any_other_exception_models_are_asked_anew_and_results_of_actions_are_reused() -> None:
    done: list[str] = []

    @action(writes=True)
    async def build(what: str) -> int:
        done.append(what)
        return len(done)

    class Builder(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            answer = await self.ask(str, "what?")
            number = await self.do(build, what="house")
            if answer == "bad":
                raise ValueError("that will not do")
            return Final(text=f"{answer} {number}")

    with ScriptedModel([text("bad"), text("good")]) as model:
        run = await Team([Builder()], final=Final, model=model).run("go")
    assert run.output == Final(text="good 1")
    assert done == ["house"]


async def test_replies_that_never_fitted_are_not_used_again() -> None:
    class Counter(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            name = await self.ask(str, "name")
            number = await self.ask(int, "number")
            return Final(text=f"{name} {number}")

    with ScriptedModel([text("x"), *[text("no number")] * 3, data(7)]) as model:
        run = await Team([Counter()], final=Final, model=model).run("go")
    assert run.output == Final(text="x 7")  # "x" was bought once, the three bad answers were dropped


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_error() -> None:
    class Counter(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=str(await self.ask(int, "number")))

    with ScriptedModel([text("many"), data(7)]) as model:
        run = await Team([Counter()], final=Final, model=model).run("go")
    assert run.output == Final(text="7")
    assert [turn.role for turn in model.requests[1].chat] == ["user", "assistant", "user"]
    assert run.usage.calls == 2


async def test_an_answer_that_never_fits_ends_the_run_with_the_model_error_as_cause() -> None:
    class Counter(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=str(await self.ask(int, "number")))

    with pytest.raises(HandlerFailedError) as caught:
        await Team([Counter()], final=Final, model=ScriptedModel([text("many")] * 3)).run("go")
    assert isinstance(caught.value.__cause__, InvalidReplyError)


async def test_a_failed_item_may_be_tolerated_by_catching_the_model_error() -> None:
    class Lenient(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            try:
                return Final(text=await self.ask(str, "first"))
            except ModelError as problem:
                return Final(text=type(problem).__name__)

    model = ScriptedModel([error(RefusedError("no"))])
    assert (await Team([Lenient()], final=Final, model=model).run("go")).output == Final(text="RefusedError")


async def test_a_call_that_may_be_tried_again_is_and_each_try_counts() -> None:
    clock = FakeClock()
    with ScriptedModel([error(ServerError("down")), error(ServerError("down")), text("a"), text("b")]) as model:
        run = await Team([Two()], final=Final, model=model, clock=clock).run("go")
    assert run.output == Final(text="a b")
    assert run.usage.calls == 4
    assert clock.now() > 1_000_000


async def test_a_failed_run_that_is_resumed_reuses_what_it_has() -> None:
    journal = InMemoryJournal()
    with pytest.raises(HandlerFailedError) as caught:
        await Team([Two()], final=Final, journal=journal, model=ScriptedModel([text("a")] + [error(RefusedError("no"))] * 2)).run("go")
    assert caught.value.run is not None
    with ScriptedModel([text("b")]) as model:
        run = await Team([Two()], final=Final, journal=journal, model=model).resume(caught.value.run.id)
    assert run.output == Final(text="a b")


async def test_a_fresh_resume_asks_the_models_anew() -> None:
    journal = InMemoryJournal()
    with pytest.raises(HandlerFailedError) as caught:
        await Team([Two()], final=Final, journal=journal, model=ScriptedModel([text("a")] + [error(RefusedError("no"))] * 2)).run("go")
    assert caught.value.run is not None
    with ScriptedModel([text("A"), text("B")]) as model:
        run = await Team([Two()], final=Final, journal=journal, model=model).resume(caught.value.run.id, fresh=True)
    assert run.output == Final(text="A B")


async def test_a_resumed_run_has_all_its_retries_again() -> None:
    journal = InMemoryJournal()
    left = 3

    class Flaky(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            nonlocal left
            if left:
                left -= 1
                raise ValueError("not yet")
            return Final(text="done")

    team = Team([Flaky()], final=Final, journal=journal)
    with pytest.raises(HandlerFailedError) as caught:
        await team.run("go")
    assert caught.value.run is not None
    assert (await team.resume(caught.value.run.id)).output == Final(text="done")


async def test_the_same_question_twice_is_two_calls_and_each_replays_its_own_reply() -> None:
    class Twice(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            answers = [await self.ask(str, "again"), await self.ask(str, "again")]
            return Final(text=" ".join([*answers, await self.ask(str, "last")]))

    with ScriptedModel([text("1"), text("2"), error(RefusedError("no")), text("3")]) as model:
        run = await Team([Twice()], final=Final, model=model).run("go")
    assert run.output == Final(text="1 2 3")


async def test_a_handler_that_asks_something_else_on_replay_gets_a_live_call() -> None:
    attempts = 0

    class Changing(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            nonlocal attempts
            attempts += 1
            first = await self.ask(str, "question {{ number }}", number=attempts)
            return Final(text=f"{first} {await self.ask(str, 'last')}")

    with ScriptedModel([text("1"), error(RefusedError("no")), text("2"), text("3")]) as model:
        run = await Team([Changing()], final=Final, model=model).run("go")
    assert run.output == Final(text="2 3")


async def test_asks_at_once_are_each_recorded_and_replayed() -> None:
    tries = 0

    def answer(request: ModelRequest) -> str:
        nonlocal tries
        if request.chat[-1].text == "last":
            tries += 1
            if tries == 1:
                raise RefusedError("no")
        return request.chat[-1].text.upper()

    class Parallel(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            answers = await asyncio.gather(*(self.ask(str, "ask {{ n }}", n=n) for n in range(5)))
            return Final(text=" ".join([*answers, await self.ask(str, "last")]))

    model = FunctionModel(answer)
    run = await Team([Parallel()], final=Final, model=model).run("go")
    assert run.output == Final(text="ASK 0 ASK 1 ASK 2 ASK 3 ASK 4 LAST")
    assert len(model.requests) == 7


async def test_what_a_handler_left_running_neither_asks_nor_breaks_the_run() -> None:
    problems: list[BaseException] = []
    background: list[asyncio.Task[Any]] = []

    class Careless(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            async def later() -> None:
                await asyncio.sleep(0)
                try:
                    await self.ask(str, "too late")
                except RuntimeError as problem:
                    problems.append(problem)

            background.append(asyncio.ensure_future(later()))
            return Final(text="done")

    journal = InMemoryJournal()
    model = ScriptedModel([])
    team = Team([Careless()], final=Final, model=model, journal=journal)
    run = await team.run("go")
    await asyncio.gather(*background)
    assert "careless.work" in str(problems[0])
    assert team.open_run(run.id).output == Final(text="done")


async def test_the_calls_beside_one_that_failed_are_stopped_and_settle() -> None:
    stopped: list[str] = []

    async def answer(request: ModelRequest) -> str:
        if "bad" in request.chat[-1].text and not stopped:
            raise RefusedError("no")
        if "slow" in request.chat[-1].text and not stopped:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append("slow")
        return "fine"

    class Parallel(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            answers = await asyncio.gather(self.ask(str, "slow"), self.ask(str, "bad"))
            return Final(text=" ".join(answers))

    run = await Team([Parallel()], final=Final, model=FunctionModel(answer)).run("go")
    assert run.output == Final(text="fine fine")
    assert stopped == ["slow"]
    ledger = run._state.ledger
    assert (ledger.open, ledger.reserved_calls, ledger.reserved_tokens) == ({}, 0, 0)


async def test_asks_in_a_task_group_fail_as_calls_do() -> None:
    class Grouped(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            first = await self.ask(str, "first")
            async with asyncio.TaskGroup() as group:
                second = group.create_task(self.ask(str, "second"))
            return Final(text=f"{first} {second.result()}")

    with ScriptedModel([text("a"), error(RefusedError("no")), text("b")]) as model:
        run = await Team([Grouped()], final=Final, model=model).run("go")
    assert run.output == Final(text="a b")


class Stop(BaseException):
    """No Exception."""


@pytest.mark.parametrize("raised", [Stop("x"), ExceptionGroup("several", [ValueError("x")]), asyncio.CancelledError()])
async def test_whatever_a_handler_raises_ends_the_run_with_an_error(raised: BaseException) -> None:
    class Wild(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            raise raised

    with pytest.raises(HandlerFailedError, match=r"wild\.work"):
        await asyncio.wait_for(Team([Wild()], final=Final).run("go"), 5)


async def test_state_that_a_failed_attempt_changed_is_rolled_back() -> None:
    class Counting(Role):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0
            self.seen: list[int] = []

        @on(Goal, retry=2)
        async def work(self, goal: Goal) -> Final:
            self.count += 1
            self.seen.append(self.count)
            if await self.ask(str, "again?") == "yes":
                raise ValueError("again")
            return Final(text=f"{self.count} {self.seen}")

    run = await Team([Counting()], final=Final, model=ScriptedModel([text("yes"), text("yes"), text("no")])).run("go")
    assert run.output == Final(text="1 [1]")


# actions


async def test_a_lost_action_that_merely_reads_runs_again() -> None:
    done: list[str] = []

    @action(reads=True)
    async def look(at: str) -> str:
        done.append(at)
        return "seen"

    class Looker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.do(look, at="it"))

    journal = InMemoryJournal()
    with pytest.raises(Crash):
        await Team([Looker()], final=Final, journal=crash_at(3, journal)).run("go", run_id="r")  # start, action started, action ended
    assert done == ["it"]
    run = await Team([Looker()], final=Final, journal=journal).resume("r")
    assert run.output == Final(text="seen")
    assert done == ["it", "it"]


async def test_a_lost_idempotent_action_runs_again_with_the_same_key() -> None:
    keys: list[str] = []

    @action(writes=True, idempotent=True)
    async def pay(amount: int, context: ActionContext) -> str:
        keys.append(context.idempotency_key)
        return "paid"

    class Payer(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.do(pay, amount=3))

    journal = InMemoryJournal()
    with pytest.raises(Crash):
        await Team([Payer()], final=Final, journal=crash_at(3, journal)).run("go", run_id="r")
    assert (await Team([Payer()], final=Final, journal=journal).resume("r")).output == Final(text="paid")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert keys[0]


async def test_an_action_that_failed_raises_an_action_error_and_may_be_caught() -> None:
    @action
    async def fall() -> None:
        raise OSError("down")

    class Lenient(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            with pytest.raises(ActionError) as caught:
                await self.do(fall)
            problem = caught.value
            return Final(text=f"{problem.role} {problem.handler} {problem.message} {type(problem.__cause__).__name__}")

    run = await Team([Lenient()], final=Final).run("go")
    assert run.output == Final(text="lenient lenient.work Goal OSError")


async def test_a_result_is_the_same_when_it_is_replayed() -> None:
    @action
    async def measure() -> dict[str, tuple[int, ...]]:
        return {"sizes": (1, 2)}

    found: list[Any] = []

    class Measurer(Role):
        @on(Goal, retry=1)
        async def work(self, goal: Goal) -> Final:
            found.append(await self.do(measure))
            if len(found) == 1:
                raise ValueError("again")
            return Final(text="")

    await Team([Measurer()], final=Final).run("go")
    assert found[0] == found[1] == {"sizes": (1, 2)}


async def test_words_that_no_journal_can_hold_fail_the_handler_and_not_the_journal(tmp_path: Any) -> None:
    class Speaker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text="half a pair: \ud800")

    team = Team([Speaker()], final=Final, journal=SqliteJournal(tmp_path / "j.db"))
    with pytest.raises(HandlerFailedError, match=r"speaker\.work") as caught:
        await team.run("go")
    assert caught.value.run is not None
    found = team.open_run(caught.value.run.id)
    assert (found.status, type(found.error), str(found.error)) == ("failed", HandlerFailedError, str(caught.value))


async def test_a_reply_that_no_journal_can_hold_is_raised_where_it_was_asked_for(tmp_path: Any) -> None:
    class Asker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            try:
                return Final(text=await self.ask(str, "q"))
            except TypeError:
                return Final(text="refused")

    model = FunctionModel(lambda request: "half a pair: \ud800")
    run = await Team([Asker()], final=Final, model=model, journal=SqliteJournal(tmp_path / "j.db")).run("go")
    assert run.output == Final(text="refused")


async def test_an_exception_cancels_the_siblings() -> None:
    cancelled: list[str] = []
    started = asyncio.Event()

    class Broken(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            await started.wait()
            raise ValueError("broken")

    class Sibling(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(self.name)
                raise

    with pytest.raises(HandlerFailedError):
        await Team([Broken(), Sibling("one"), Sibling("two")], final=Final).run("go")
    assert cancelled == ["one", "two"]


async def test_a_sibling_that_raises_while_it_is_torn_down_does_not_count_as_failed() -> None:
    started = asyncio.Event()
    tries = 0

    class Broken(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            nonlocal tries
            tries += 1
            await started.wait()
            if tries == 1:
                raise ValueError("the real one")
            return Final(text="done")

    class Messy(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            await self.ask(str, "paid for")
            started.set()
            if tries > 1:
                return
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("the cleaning up failed")

    journal = InMemoryJournal()
    with ScriptedModel([text("x")]) as model:
        team = Team([Broken(), Messy()], final=Final, journal=journal, model=model)
        with pytest.raises(HandlerFailedError, match="the real one") as caught:
            await team.run("go")
        assert caught.value.run is not None
        started.clear()
        run = await team.resume(caught.value.run.id)
    assert run.output == Final(text="done")  # and the sibling's reply was not bought again


async def test_of_two_that_fail_at_once_the_error_and_its_cause_are_of_the_same() -> None:
    class Broken(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            raise ValueError(self.name)

    with pytest.raises(HandlerFailedError) as caught:
        await Team([Broken("one"), Broken("two")], final=Final).run("go")
    assert caught.value.role == "one"
    assert str(caught.value.__cause__) == "one"
