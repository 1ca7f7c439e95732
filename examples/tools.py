"""Actions are typed async functions: a role performs them, or its model calls them as tools.

Their schema comes from signature and docstring; the policy says who may do what.

Prints:
    tool schema: ['city']
    the model saw: {"city":"Oslo","celsius":4}
    answer: Take a coat.
    denied: forecaster.advise: found action 'weather' (touches network), which the policy denies role 'forecaster'
"""

from typing import TypedDict

from metagpt import Goal, Message, Policy, Role, Rules, Team, action, on
from metagpt.errors import ActionError
from metagpt.testing import ScriptedModel, call, text


class Weather(TypedDict):
    city: str
    celsius: int


@action(network=True, idempotent=True)
async def weather(city: str) -> Weather:
    """The weather of a city, now.

    Args:
        city: its name, as in Oslo.
    """
    return {"city": city, "celsius": 4}


class Advice(Message):
    text: str


class Forecaster(Role):
    """You advise what to wear."""

    @on(Goal)
    async def advise(self, goal: Goal) -> Advice:
        if goal.text == "Bergen":
            return Advice(text=str(await self.do(weather, city=goal.text)))
        return Advice(text=await self.ask(str, "What to wear in {{ goal.text }}?", tools=self.actions, goal=goal))


if __name__ == "__main__":
    with ScriptedModel([call("weather", city="Oslo"), text("Take a coat.")]) as model:
        run = Team([Forecaster(actions=[weather])], final=Advice, model=model).run_sync("Oslo")
        print("tool schema:", list(model.requests[0].tools[0].parameters["properties"]))
        print("the model saw:", model.requests[1].chat[-1].text)
    print("answer:", run.output.text)
    offline = Team([Forecaster()], final=Advice, policy=Policy(rules=Rules(network="deny")))
    try:
        offline.run_sync("Bergen")
    except ActionError as error:
        print("denied:", str(error).split(";")[0])
