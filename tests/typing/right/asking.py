"""What `ask`, `ask_many`, `deps` and the rest of a handler's belongings are typed as."""

from typing import Literal, assert_type

from metagpt import Goal, Message, ModelOptions, Role, action, on, template


class Draft(Message):
    text: str


class Note(Message):
    text: str


class Database:
    name: str = "db"


@action(reads=True)
async def look_up(word: str, limit: int = 3) -> list[str]:
    """Look a word up."""
    return [word] * limit


class Asker(Role[Database]):
    seen: list[str] = []

    @on(Goal)
    async def go(self, goal: Goal) -> Draft:
        assert_type(await self.ask(Draft, "Write. {{ goal.text }}", goal=goal), Draft)
        assert_type(await self.ask(Draft | Note, template("asker/go"), goal=goal), Draft | Note)
        assert_type(await self.ask(list[Draft], "Several."), list[Draft])
        assert_type(await self.ask(str, "Say."), str)
        assert_type(await self.ask(int, "Count.", options=ModelOptions(temperature=0.0), name="count"), int)
        assert_type(await self.ask(Literal["yes", "no"], "Choose."), Literal["yes", "no"])
        many: list[Note] = await self.ask_many(Note, "Several.")
        assert_type(many[0], Note)
        assert_type(await self.ask(str, "Use.", tools=[look_up]), str)
        assert_type(self.deps, Database)
        assert_type(await look_up("tea", limit=1), list[str])
        await self.memory.remember("tea")
        assert_type(await self.memory.recall("tea"), list[str])
        self.seen.append(self.deps.name)
        self.workspace.write_text("a.txt", self.now().isoformat())
        self.log.info("done %s", self.random.random())
        return Draft(text=await self.do(look_up, word="tea"))


asker = Asker("asker", model="openai:gpt-5-mini", actions=[look_up], persona="Curious.")
