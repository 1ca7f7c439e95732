"""What a team and its runs are typed as."""

from typing import assert_type

from metagpt import (
    Approve,
    Budget,
    Edit,
    Goal,
    HandlerFailedError,
    InMemoryJournal,
    Message,
    ModelError,
    Reject,
    Role,
    Run,
    SqliteJournal,
    Team,
    TeamError,
    on,
)
from metagpt.testing import FakeClock, FunctionModel, ScriptedModel, call, data, error, text


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Order(Message):
    item: str


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return Draft(text=goal.text)


class Database:
    pass


class Clerk(Role[Database]):
    @on(Order)
    async def take(self, order: Order) -> Draft | Review:
        return Review(good=True)


async def main() -> None:
    team = Team([Writer()], final=Draft, success=lambda draft: bool(draft.text), model="embedded", budget=Budget(usd=1.0))
    assert_type(team, Team[Goal, Draft])
    run = await team.run("a goal", run_id="one", session="monday")
    assert_type(run, Run[Draft])
    assert_type(run.output, Draft)
    assert_type(run.outputs, list[Draft])
    assert_type(team.run_sync(Goal(text="a")).output, Draft)

    either = Team([Clerk(), Writer()], start=Order, final=Draft | Review, seed=3, clock=FakeClock())
    assert_type(either, Team[Order, Draft | Review])
    assert_type((await either.run(Order(item="pot"), deps=Database())).output, Draft | Review)

    quiet = Team([Writer()], journal=InMemoryJournal())
    assert_type(quiet, Team[Goal, Message])

    try:
        async with team.stream("a goal") as stream:
            async for event in stream:
                print(event.name, event.time)
            assert_type(await stream.result(), Run[Draft])
        await team.resume("one", answers={"a": Approve(), "b": Reject("no"), "c": Edit(Draft(text="")), "d": "text"})
    except HandlerFailedError as problem:
        print(problem.role, problem.handler, problem.run)
    except (ModelError, TeamError):
        pass


model = ScriptedModel([text("a"), data(Draft(text="b")), call("look_up", word="tea"), error(ModelError("c"))])
by_role = ScriptedModel({"writer": [text("a")]})
function = FunctionModel(lambda request: request.call)
Team([Writer(model=model)], final=Draft, journal=SqliteJournal("runs.db", durability="power"))
