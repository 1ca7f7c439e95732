"""A budget holds before the call, not after it: what could exceed it is never sent.

Prints:
    BudgetExceededError: the budget of 5 calls is used up
    calls: 5
    dollars: 0.0101
    by role: {'poet': 5}
"""

from metagpt import Budget, Goal, Message, Role, Team, Usage, on
from metagpt.errors import BudgetExceededError
from metagpt.models.interface import ModelProfile, ModelRequest, Price
from metagpt.testing import FunctionModel


class Verse(Message):
    text: str


class Poet(Role):
    """A poet who never ends."""

    @on(Goal | Verse, limit=1000)
    async def go_on(self, last: Goal | Verse) -> Verse:
        return await self.ask(Verse, "Write the verse after: {{ last.text }}", last=last)


def answer(request: ModelRequest) -> Verse:
    """What the model of this example says."""
    return Verse(text="and the tea was hot")


if __name__ == "__main__":
    priced = ModelProfile(reference="example", price=Price(input=25.0, output=200.0), max_output_tokens=200)
    team = Team([Poet()], final=Verse, model=FunctionModel(answer, profile=priced), budget=Budget(calls=5, usd=1.0))
    try:
        team.run_sync("a poem about tea")
    except BudgetExceededError as error:
        print(f"{type(error).__name__}: {str(error).split(': ', 1)[-1].split(';')[0]}")
        usage = error.run.usage if error.run else Usage()
        print("calls:", usage.calls)
        print("dollars:", round(usage.usd, 4))
        print("by role:", {role: each.calls for role, each in usage.by_role.items()})
