# mypy: disable-error-code="empty-body"
"""Roles: name, persona, copies and state; and what a handler can do: ask, tools, memory, deps."""

import datetime
import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel

from metagpt import Goal, Message, ModelOptions, RetryPolicy, Role, Run, SqliteJournal, Team, WindowMemory, action, on, reply, template, to
from metagpt.actions.interface import as_action
from metagpt.errors import ActionError, ConfigError, HandlerFailedError, InvalidReplyError, RateLimitError, UnroutableError
from metagpt.testing import FunctionModel, ScriptedModel, call, crash_at, data, error, forbid_mutation, text


class Answer(Message):
    text: str = ""


class Pitch(Message):
    text: str


class Again(Message):
    pass


async def run_of(role: Role[Any], model: Any = None, *, goal: str = "g", final: Any = Answer, **keywords: Any) -> Run[Any]:
    deps = keywords.pop("deps", None)
    with forbid_mutation(keywords.pop("journal", None)) as journal:
        return await Team([role], final=final, model=model, journal=journal, **keywords).run(goal, deps=deps)


# name and persona


def test_the_name_is_the_class_name_in_snake_case() -> None:
    for class_name, name in (
        ("Writer", "writer"),
        ("QAEngineer", "qa_engineer"),
        ("ProductManager2", "product_manager2"),
        ("HTTPServer", "http_server"),
    ):
        assert type(class_name, (Role,), {})().name == name
    assert Role().name == "role"
    assert type("Writer", (Role,), {})("ghost").name == "ghost"


def test_name_persona_model_and_actions_may_stand_on_the_class() -> None:
    @action
    async def look(at: str) -> str:
        """Look."""
        return at

    class Chief(Role):
        name = "boss"
        persona = "Bossy."
        model = "openai:gpt"
        actions = (look,)  # type: ignore[assignment]

    chief = Chief()
    assert (chief.name, chief.persona, chief.model, [as_action(each).name for each in chief.actions]) == (
        "boss",
        "Bossy.",
        "openai:gpt",
        ["look"],
    )
    assert Chief(name="other", persona="Kind.", model="openai:x").name == "other"
    assert type("Deputy", (Chief,), {})().name == "deputy"


def test_the_persona_is_the_docstring_of_the_class_or_of_the_role_it_derives_from() -> None:
    class Critic(Role):
        """A strict critic.

        You never praise.
        """

    class Stricter(Critic):
        pass

    assert Critic().persona == "A strict critic.\n\nYou never praise."
    assert Stricter().persona == Critic().persona
    assert Critic(persona="Mild.").persona == "Mild."
    assert Critic(persona="").persona == ""
    assert Role().persona == ""
    assert type("Silent", (Role,), {})().persona == ""


async def test_the_persona_is_the_system_turn_and_an_empty_one_is_none() -> None:
    class Critic(Role):
        """A strict critic."""

        @on(Goal)
        async def judge(self, goal: Goal) -> Answer:
            return Answer(text=await self.ask(str, "Judge."))

    with ScriptedModel([text("bad"), text("bad")]) as model:
        await run_of(Critic(), model)
        await run_of(Critic(persona=""), model)
    assert [(turn.role, turn.text) for turn in model.requests[0].chat] == [("system", "A strict critic."), ("user", "Judge.")]
    assert [turn.role for turn in model.requests[1].chat] == ["user"]


@pytest.mark.parametrize("name", ["template", "memory", "log", "random", "now", "deps", "handlers"])
def test_a_class_that_hides_what_every_role_has_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"Hider\.{name}: found it defined anew"):
        type("Hider", (Role,), {name: "mine"})


@pytest.mark.parametrize("name", ["ask", "do"])
def test_ask_and_do_are_no_names_for_handlers_but_may_be_extended(name: str) -> None:
    async def extended(self: Any, *arguments: Any) -> Any: ...
    async def hear(self: Any, goal: Goal) -> Answer: ...

    type("Extender", (Role,), {name: extended})
    with pytest.raises(ConfigError, match=rf"Hider\.{name}: found it defined anew"):
        type("Hider", (Role,), {name: on(Goal)(hear)})


def test_an_action_that_is_none_and_two_of_one_name_are_refused() -> None:
    @action
    async def look(at: str) -> str:
        """Look."""
        return at

    with pytest.raises(ConfigError, match="Decorate an async function with @action"):
        Role(actions=[print])
    with pytest.raises(ConfigError, match="two actions called 'look'"):
        Role(actions=[look, look])
    with pytest.raises(ConfigError, match="two actions called 'look'"):
        type("Looker", (Role,), {"actions": [look, look]})


def test_what_belongs_to_a_run_is_refused_outside_of_one() -> None:
    uses: tuple[Callable[[Role[Any]], object], ...] = (
        lambda r: r.deps,
        lambda r: r.workspace,
        lambda r: r.memory,
        lambda r: r.random,
        lambda r: r.now(),
        lambda r: r.log,
    )
    for use in uses:
        with pytest.raises(ConfigError, match="Call it in a method marked @on"):
            use(Role())


# constructors and copies


async def test_a_constructor_of_ones_own_may_call_super_or_not() -> None:
    class With(Role):
        def __init__(self, prefix: str) -> None:
            super().__init__("with_super")
            self.prefix = prefix

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            return Answer(text=f"{self.name}: {self.prefix}{goal.text}")

    class Without(With):
        """Persona."""

        def __init__(self, prefix: str) -> None:  # no super().__init__
            self.prefix = prefix

    assert (await run_of(With(">"))).output.text == "with_super: >g"
    assert (await run_of(Without(">"))).output.text == "without: >g"
    assert Without(">").persona == "Persona."
    assert Without(">").actions == ()


class Box:
    """Something that JSON cannot hold and that cannot be copied."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


async def test_nothing_that_a_handler_changes_leaks_into_another_run() -> None:
    class Collector(Role):
        shared: list[str] = []
        by_name = {"a": [1]}
        kinds = set[str]()

        def __init__(self) -> None:
            super().__init__()
            self.own: list[str] = []
            self.nested = {"deep": [0]}
            self.count = 0

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            self.shared.append(goal.text)
            self.by_name["a"].append(2)
            self.kinds.add("x")
            self.own.append(goal.text)
            self.nested["deep"].append(1)
            self.count += 1
            return Answer(text=f"{self.shared} {self.by_name} {self.kinds} {self.own} {self.nested} {self.count}")

    role = Collector()
    first = await run_of(role)
    second = await run_of(role)
    assert first.output == second.output == Answer(text="['g'] {'a': [1, 2]} {'x'} ['g'] {'deep': [0, 1]} 1")
    assert (Collector.shared, Collector.by_name, Collector.kinds, role.own, role.nested, role.count) == (
        [],
        {"a": [1]},
        set(),
        [],
        {"deep": [0]},
        0,
    )


async def test_state_is_kept_from_handler_to_handler_of_one_run() -> None:
    class Counter(Role):
        count = 0

        @on(Goal | Again, limit=5)
        async def go(self, message: Message) -> Again | Answer:
            self.count += 1
            return Again() if self.count < 3 else Answer(text=str(self.count))

    assert (await run_of(Counter())).output.text == "3"
    assert Counter.count == 0


async def test_an_object_of_the_application_is_neither_copied_nor_recorded() -> None:
    class Owner(Role):
        def __init__(self, box: Box) -> None:
            super().__init__()
            self.box = box
            self.boxes = [box]
            self._box = box

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            assert self.box is self._box is self.boxes[0]
            self.boxes.append(Box())
            return Answer(text=str(len(self.boxes)))

    role = Owner(Box())
    assert (await run_of(role)).output.text == "2"
    assert len(role.boxes) == 1


async def test_a_cached_property_is_no_state() -> None:
    class Lazy(Role):
        @cached_property
        def box(self) -> Box:
            return Box()

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            assert self.box is self.box
            return Answer()

    assert (await run_of(Lazy())).status == "done"


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Stats:
    hits: int = 0


class Keeper(Role):
    """Keeps a value of every kind between two handlers."""

    last: Pitch | None = None
    at: datetime.datetime | None = None
    seen: set[str] = set()
    by_id: dict[int, str] = {}
    pair: tuple[int, str] | None = None
    path: Path | None = None
    colour: Colour | None = None
    blob: bytes = b""

    def __init__(self) -> None:
        super().__init__()
        self.plain: dict[str, list[Any]] = {"a": [1, 2.5, None, True]}
        self.untyped_set: set[str] = set()
        self.stats = Stats()

    @on(Goal)
    async def fill(self, goal: Goal) -> Again:
        self.last = Pitch(text="p {{ }}")
        self.at = self.now()
        self.seen.add("x")
        self.by_id[7] = "seven"
        self.pair = (1, "one")
        self.path = Path("a/b")
        self.colour = Colour.RED
        self.blob = b"\x00\xff"
        self.plain["a"].append("more")
        self.untyped_set.add("y")
        self.stats.hits += 1
        return Again()

    @on(Again)
    async def read(self, again: Again) -> Answer:
        assert self.last == Pitch(text="p {{ }}")
        assert isinstance(self.at, datetime.datetime)
        assert self.seen == {"x"}
        assert self.by_id == {7: "seven"}
        assert self.pair == (1, "one")
        assert self.path == Path("a/b")
        assert self.colour is Colour.RED
        assert self.blob == b"\x00\xff"
        assert self.plain == {"a": [1, 2.5, None, True, "more"]}
        assert self.untyped_set == {"y"}
        assert self.stats == Stats(1)
        return Answer(text="kept")


async def test_state_comes_back_as_the_type_that_it_was() -> None:
    role = Keeper()
    assert (await run_of(role)).output.text == "kept"
    assert role.stats == Stats(0)
    assert Keeper.seen == set()


@pytest.mark.parametrize("number", range(1, 5))
async def test_state_comes_back_in_a_resumed_run(number: int, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    team = Team([Keeper()], final=Answer, journal=crash_at(number, journal))
    try:
        run = await team.run("g", run_id="r")
    except BaseException:
        if not list(journal.records("r")):
            return  # it was cut before it began
        run = await Team([Keeper()], final=Answer, journal=journal).resume("r")
    assert run.output.text == "kept"


class Sub(Pitch):
    more: str = ""


UNRECORDABLE = {
    "a message without an annotation": ("extra", Pitch(text="a")),
    "a set where the constructor put none": ("extra", {1}),
    "keys that are no text": ("extra", {1: "a"}),
    "a tuple": ("extra", (1, 2)),
    "a date without an annotation": ("extra", datetime.date(2020, 1, 1)),
    "a subclass of the annotated type": ("typed", Sub(text="a", more="b")),
    "another type than the annotated one": ("number", "text"),
    "no number": ("extra", float("nan")),
    "an object": ("extra", Box()),
    "a function": ("extra", print),
    "configuration": ("persona", "Other."),
    "a private attribute": ("_hidden", 2),
}


@pytest.mark.parametrize("name", UNRECORDABLE)
async def test_state_that_would_not_come_back_is_refused_where_it_is_assigned(name: str) -> None:
    attribute, value = UNRECORDABLE[name]

    class Careless(Role):
        typed: Pitch | None = None
        number: int = 0

        def __init__(self) -> None:
            super().__init__()
            self._hidden = 1

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            setattr(self, attribute, value)
            return Answer()

    with pytest.raises(HandlerFailedError, match=rf"Careless\.{attribute}: found ") as caught:
        await run_of(Careless())
    assert isinstance(caught.value.__cause__, TypeError)


async def test_a_private_container_that_is_changed_in_place_is_refused() -> None:
    class Careless(Role):
        def __init__(self) -> None:
            super().__init__()
            self._seen: list[str] = []

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            self._seen.append(goal.text)
            return Answer()

    role = Careless()
    with pytest.raises(HandlerFailedError, match="Call it 'seen' to make it state"):
        await run_of(role)
    assert role._seen == []


async def test_state_that_is_deleted_is_refused() -> None:
    class Forgetful(Role):
        draft: str | None = None

        @on(Goal)
        async def go(self, goal: Goal) -> Again:
            self.draft = "a"
            return Again()

        @on(Again)
        async def forget(self, again: Again) -> Answer:
            del self.draft
            return Answer()

    with pytest.raises(HandlerFailedError, match=r"Forgetful\.draft: found it deleted"):
        await run_of(Forgetful())


async def test_a_failed_attempt_leaves_no_state_behind() -> None:
    class Stumbling(Role):
        def __init__(self) -> None:
            super().__init__()
            self.tries: list[str] = []

        @on(Goal, retry=1)
        async def go(self, goal: Goal) -> Answer:
            self.tries.append("try")
            if await self.ask(str, "Fail?") == "yes":
                raise ValueError("as asked")
            return Answer(text=str(self.tries))

    with ScriptedModel([text("yes"), text("no")]) as model:
        assert (await run_of(Stumbling(), model)).output.text == "['try']"


async def test_an_annotation_that_names_nothing_is_an_error_only_when_state_needs_it() -> None:
    class Late(Role):
        box: "Nowhere"  # type: ignore[name-defined]  # noqa: F821
        constant: ClassVar[list[str]] = ["a"]

        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            if goal.text == "assign":
                self.box = 1
            self.constant.append("b")
            return Answer(text=str(self.constant))

    assert (await run_of(Late())).output.text == "['a', 'b']"
    assert Late.constant == ["a"]
    with pytest.raises(HandlerFailedError, match=r"Late\.box: .*Nowhere"):
        await run_of(Late(), goal="assign")


# deps


class Database:
    def __init__(self) -> None:
        self.rows = ["row"]


async def test_deps_are_what_the_application_gave_this_run() -> None:
    class Reader(Role[Database]):
        @on(Goal)
        async def read(self, goal: Goal) -> Answer:
            return Answer(text=self.deps.rows[0])

    assert (await run_of(Reader(), deps=Database())).output.text == "row"


# ask: forms


class Point(BaseModel):
    x: int


class Alike(Message):
    text: str


FORMS: list[tuple[Any, Any, Any]] = [
    (Pitch, data(Pitch(text="a")), Pitch(text="a")),
    (Pitch | Alike, data(Alike(text="a")), Alike(text="a")),
    (Pitch | Again, data(Again()), Again()),
    (list[Pitch], data([Pitch(text="a")]), [Pitch(text="a")]),
    (list[int], data([1, 2]), [1, 2]),
    (dict[str, int], data({"a": 1}), {"a": 1}),
    (tuple[int, str], data((1, "a")), (1, "a")),
    (Literal["yes", "no"], data("yes"), "yes"),
    (Colour, data(Colour.RED), Colour.RED),
    (str, text("plain {{ text }}"), "plain {{ text }}"),
    (str, data("plain"), "plain"),
    (int, data(3), 3),
    (float, data(2.5), 2.5),
    (bool, data(False), False),
    (int | None, data(None), None),
    (Point, data(Point(x=1)), Point(x=1)),
    (Stats, data(Stats(2)), Stats(2)),
    (datetime.date, data(datetime.date(2020, 1, 2)), datetime.date(2020, 1, 2)),
]


@pytest.mark.parametrize(("form", "reply", "expected"), FORMS)
async def test_ask_answers_as_the_form(form: Any, reply: Any, expected: Any) -> None:
    got: list[Any] = []

    class Asker(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            got.append(await self.ask(form, "Answer."))
            return Answer()

    with ScriptedModel([reply]) as model:
        await run_of(Asker(), model)
    assert got == [expected]
    assert type(got[0]) is type(expected)


def asker(form: Any = str, prompt: str = "Ask.", **keywords: Any) -> Role[Any]:
    class Asker(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            return Answer(text=str(await self.ask(form, prompt, **{"goal": goal, **keywords})))

    return Asker()


async def test_an_undefined_name_in_a_prompt_is_an_error_before_any_call() -> None:
    for prompt in ("{{ missing }}", "{{ goal.txt }}", "{% if missing %}x{% endif %}", "{% for x in missing %}{% endfor %}"):
        model = ScriptedModel([])
        with pytest.raises(HandlerFailedError, match=r"asker\.go: found a prompt that does not render") as caught:
            await run_of(asker(prompt=prompt), model)
        assert isinstance(caught.value.__cause__, ConfigError)
        assert model.requests == []


async def test_braces_in_a_value_are_not_rendered_again() -> None:
    goal = "{{ 7 * 7 }} {% raw %} {# gone #} <b> & \\ $x"
    with ScriptedModel([text("ok")]) as model:
        await run_of(asker(prompt="Say: {{ goal.text }}"), model, goal=goal)
    assert model.requests[0].chat[-1].text == f"Say: {goal}"


async def test_a_prompt_may_neither_mutate_nor_break_out() -> None:
    for prompt in ("{{ goal.__class__.__mro__ }}", "{{ names.append(1) }}", "{{ ''.__class__ }}"):
        with pytest.raises(HandlerFailedError, match="does not render"):
            await run_of(asker(prompt=prompt, names=[1]), ScriptedModel([]))


async def test_the_context_travels_with_the_request_as_json() -> None:
    with ScriptedModel([text("ok")]) as model:
        await run_of(asker(at=datetime.date(2020, 1, 2), points=[Point(x=1)]), model)
    assert model.requests[0].context == {"goal": {"text": "g"}, "at": "2020-01-02", "points": [{"x": 1}]}


# ask: names


async def test_calls_are_named_by_role_and_handler_and_counted() -> None:
    class Asker(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            await self.ask(str, "One.")
            await self.ask(str, "Two.")
            await self.ask(str, "Three.", name="third")
            await self.ask(str, "Four.")
            return Answer()

    with ScriptedModel([text("")] * 4) as model:
        await run_of(Asker("boss"), model)
    assert [request.call for request in model.requests] == ["boss.go", "boss.go#2", "boss.third", "boss.go#4"]


async def test_a_subclass_asks_under_its_own_name() -> None:
    class Other(type(asker())):  # type: ignore[misc]
        pass

    with ScriptedModel([text("")]) as model:
        await run_of(Other(), model)
    assert model.requests[0].call == "other.go"


# ask: options, candidates, models


async def test_options_reach_the_model_and_may_name_another_one() -> None:
    usual, other = ScriptedModel([]), ScriptedModel([text("other")])

    class Chooser(Team[Goal, Message]):
        def model_for(self, role: str, reference: str | None = None) -> Any:
            return other if reference == "openai:other" else usual

    options = ModelOptions(model="openai:other", temperature=0.3, top_p=0.9, max_tokens=7, stop=("END",), seed=5)
    team = Chooser([asker(options=options)], final=Answer)
    assert (await team.run("g")).output == Answer(text="other")
    sent = other.requests[0].options
    assert (sent.temperature, sent.top_p, sent.max_tokens, sent.stop, sent.seed) == (0.3, 0.9, 7, ("END",), 5)


async def test_each_role_is_answered_by_its_own_model_or_the_teams() -> None:
    class Second(Role):
        @on(Pitch)
        async def go(self, pitch: Pitch) -> Answer:
            return Answer(text=await self.ask(str, "Second."))

    class First(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Pitch:
            return Pitch(text=await self.ask(str, "First."))

    own, team = ScriptedModel([text("own")]), ScriptedModel([text("team")])
    with own, team:
        run = await Team([First(model=own), Second()], final=Answer, model=team).run("g")
    assert run.output.text == "team"
    named = ScriptedModel([text("named")])
    with named, ScriptedModel([text("team")]) as team:
        await Team([First(model=own), Second()], final=Answer, model=team, models={"first": named}).run("g")


async def test_ask_many_answers_every_candidate_that_fits() -> None:
    class Many(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            found = await self.ask_many(int, "Numbers.", options=ModelOptions(n=3))
            return Answer(text=str(found))

    with ScriptedModel([data(1, "no number", 3)]) as model:
        assert (await run_of(Many(), model)).output.text == "[1, 3]"
    assert model.requests[0].options.n == 3


async def test_an_answer_that_does_not_fit_is_asked_again_with_the_error_and_not_for_ever() -> None:
    with ScriptedModel([text("no json"), data({"text": 5, "extra": 1}), data(Pitch(text="right"))]) as model:
        assert (await run_of(asker(Pitch), model)).output.text == "text='right'"
    first, second, third = model.requests
    assert [turn.role for turn in third.chat] == ["user", "assistant", "user", "assistant", "user"]
    assert second.chat[: len(first.chat)] == first.chat
    assert second.chat[-2].text == "no json"
    assert "text" in third.chat[-1].text
    assert "extra" in third.chat[-1].text

    with ScriptedModel([text("no json")] * 3) as model, pytest.raises(HandlerFailedError) as caught:
        await run_of(asker(Pitch), model)
    assert isinstance(caught.value.__cause__, InvalidReplyError)
    assert len(model.requests) == 3


async def test_a_handler_may_catch_the_model_error_and_go_on() -> None:
    class Tolerant(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            try:
                return Answer(text=await self.ask(str, "Ask."))
            except RateLimitError:
                return Answer(text="later")

    with ScriptedModel([error(RateLimitError("slow down"))]) as model:
        run = await run_of(Tolerant(), model, call_retry=RetryPolicy(attempts=1))
    assert run.output.text == "later"


# tools


@action
async def add(first: int, second: int = 1) -> int:
    """Add two numbers."""
    return first + second


@action
async def fail() -> None:
    """Fail."""
    raise ValueError("as it says")


async def test_a_model_may_use_tools_before_it_answers() -> None:
    with ScriptedModel([call("add", first=1, second=2), call("add", first=3), text("6")]) as model:
        run = await run_of(asker(tools=[add]), model)
    assert run.output.text == "6"
    assert [tool.name for tool in model.requests[0].tools] == ["add"]
    results = [turn for turn in model.requests[2].chat if turn.role == "tool"]
    assert [turn.text for turn in results] == ["3", "4"]
    calls = [turn.tool_calls[0].id for turn in model.requests[2].chat if turn.tool_calls]
    assert calls == [turn.tool_call_id for turn in results]
    assert len(set(calls)) == 2


async def test_without_tools_none_is_offered_even_if_the_role_has_actions() -> None:
    with ScriptedModel([text("")]) as model:
        await run_of(type(asker())(actions=[add]), model)
    assert model.requests[0].tools == ()


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (call("ad", first=1), "Did you mean 'add'?"),
        (call("add"), "first"),
        (call("add", first="many"), "first"),
        (call("add", first=1, third=2), "third"),
        (call("fail"), "ValueError: as it says"),
    ],
)
async def test_what_is_wrong_with_a_tool_call_is_told_to_the_model(wanted: Any, told: str) -> None:
    with ScriptedModel([wanted, text("sorry")]) as model:
        assert (await run_of(asker(tools=[add, fail]), model)).output.text == "sorry"
    last = model.requests[1].chat[-1]
    assert last.role == "tool"
    assert last.text.startswith("Error: ")
    assert told in last.text


async def test_tools_are_not_called_for_ever() -> None:
    with ScriptedModel([call("add", first=1)] * 3) as model, pytest.raises(HandlerFailedError, match="after 2 rounds"):
        await run_of(asker(tools=[add], options=ModelOptions(max_rounds=2)), model)


async def test_do_performs_an_action_by_name_or_itself() -> None:
    class Doer(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            with pytest.raises(ActionError, match="Did you mean 'add'"):
                await self.do("ad", first=1)
            with pytest.raises(ActionError, match="first"):
                await self.do(add)
            with pytest.raises(ActionError, match="as it says"):
                await self.do(fail)
            return Answer(text=f"{await self.do('add', first=1)} {await self.do(add, first=2, second=2)}")

    assert (await run_of(Doer(actions=[add]))).output.text == "2 4"


# memory


async def test_notes_stand_in_the_chat_of_later_calls() -> None:
    class Learner(Role):
        @on(Goal)
        async def learn(self, goal: Goal) -> Again:
            await self.memory.remember("Teapots drip.")
            assert await self.memory.recall("teapots") == ["Teapots drip."]
            return Again()

        @on(Again)
        async def use(self, again: Again) -> Answer:
            assert await self.memory.recall("teapots") == ["Teapots drip."]
            assert await self.memory.recall("samovars") == []
            return Answer(text=await self.ask(str, "What drips?"))

    with ScriptedModel([text("teapots")]) as model:
        await run_of(Learner(), model)
    assert [turn.text for turn in model.requests[0].chat] == ["You remember: Teapots drip.", "What drips?"]


async def test_exchanges_are_remembered_where_the_memory_says_so() -> None:
    class Twice(Role):
        @on(Goal)
        async def one(self, goal: Goal) -> Again:
            await self.ask(str, "One?")
            return Again()

        @on(Again)
        async def two(self, again: Again) -> Answer:
            return Answer(text=await self.ask(str, "Two?"))

    with ScriptedModel([text("1"), text("2")]) as model:
        await run_of(Twice(memory=WindowMemory(exchanges=True)), model)
    assert [(turn.role, turn.text) for turn in model.requests[1].chat] == [("user", "One?"), ("assistant", "1"), ("user", "Two?")]


async def test_the_window_of_the_memory_bounds_what_is_sent() -> None:
    class Chatty(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Again:
            for number in range(5):
                await self.memory.remember(f"note {number}")
            return Again()

        @on(Again)
        async def use(self, again: Again) -> Answer:
            return Answer(text=await self.ask(str, "Now?"))

    with ScriptedModel([text("")]) as model:
        await run_of(Chatty(memory=WindowMemory(last=2)), model)
    assert [turn.text for turn in model.requests[0].chat] == ["You remember: note 3", "You remember: note 4", "Now?"]


async def test_memory_belongs_to_role_and_session() -> None:
    class Greeter(Role):
        @on(Goal)
        async def greet(self, goal: Goal) -> Answer:
            known = await self.memory.recall(goal.text)
            await self.memory.remember(goal.text)
            return Answer(text=str(known))

    team = Team([Greeter()], final=Answer)
    assert (await team.run("Ada", session="s")).output.text == "[]"
    assert (await team.run("Ada", session="s")).output.text == "['Ada']"
    assert (await team.run("Ada", session="other")).output.text == "[]"
    assert (await team.run("Ada")).output.text == "[]"


# what a handler returns


async def test_to_and_reply_reach_only_whom_they_address() -> None:
    class Question(Message):
        pass

    class Reply(Message):
        by: str

    class Asker(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> tuple[Question, Question]:
            return to(Question(), "left"), to(Question(), "right", "left")

        @on(Reply)
        async def take(self, answer: Reply) -> Answer:
            return Answer(text=answer.by)

    class Expert(Role):
        @on(Question)
        async def answer(self, question: Question) -> Reply:
            return reply(Reply(by=self.name))

    class Eavesdropper(Role):
        @on(Reply)
        async def hear(self, answer: Reply) -> Answer:
            return Answer(text="overheard")

    run = await Team([Asker(), Expert("left"), Expert("right"), Eavesdropper()], final=Answer).run("g")
    assert sorted(each.text for each in run.outputs) == ["left", "left", "right"]


async def test_a_list_may_address_each_item() -> None:
    class Boss(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> list[Pitch]:
            return [to(Pitch(text="1"), "left"), to(Pitch(text="2"), "right")]

        @on(list[Answer])
        async def all(self, answers: list[Answer]) -> Again:
            return Again() if [a.text for a in answers] == ["left1", "right2"] else None  # type: ignore[return-value]

    class Worker(Role):
        @on(Pitch)
        async def work(self, pitch: Pitch) -> Answer:
            return Answer(text=self.name + pitch.text)

    run = await Team([Boss(), Worker("left"), Worker("right")], final=Again).run("g")
    assert run.output == Again()


async def test_an_address_that_is_no_role_fails_the_run() -> None:
    class Boss(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            return to(Answer(), "bos")

    with pytest.raises(UnroutableError, match="Did you mean 'boss'"):
        await run_of(Boss())


WRONG_RETURNS: list[tuple[Any, Any, str]] = [
    (Answer, Pitch(text="a"), "found a Pitch returned; expected Answer"),
    (Answer, None, "found None returned; expected Answer"),
    (Answer, "text", "found 'text' returned"),
    (Answer, [Answer()], "found a list returned"),
    (Answer, (Answer(),), "found a tuple returned"),
    (list[Answer], Answer(), "found a Answer returned"),
    (list[Answer], [Pitch(text="a")], "found a Pitch returned"),
    (list[Answer], [Answer(), None], "found None returned"),
    (tuple[Answer, Answer], [Answer()], "found a list returned"),
    (tuple[Answer, Answer], (Answer(), "x"), "found 'x' returned"),
    (None, Answer(), "found a Answer returned; expected None"),
    (Answer | None, 0, "found 0 returned"),
]


@pytest.mark.parametrize(("annotation", "value", "words"), WRONG_RETURNS)
async def test_a_return_that_is_not_what_the_annotation_says_fails_the_run(annotation: Any, value: Any, words: str) -> None:
    async def go(self: Any, goal: Goal) -> Any:
        return value

    go.__annotations__["return"] = annotation
    role = type("Liar", (Role,), {"go": on(Goal)(go)})()
    final = None if annotation is None else Answer
    with pytest.raises(HandlerFailedError, match=r"liar\.go: ") as caught:
        await run_of(role, final=final)
    assert words in str(caught.value)
    assert (caught.value.role, caught.value.handler, caught.value.message) == ("liar", "liar.go", "Goal")


async def test_a_message_changed_in_place_is_caught_by_forbid_mutation() -> None:
    class Items(Message):
        names: list[str]

    class Vandal(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Items:
            return Items(names=["a"])

        @on(Items)
        async def spoil(self, items: Items) -> Answer:
            items.names.append("b")
            return Answer()

    with pytest.raises(AssertionError, match="changed after it was recorded"):
        await run_of(Vandal())


async def test_chance_is_the_same_in_every_run_of_one_seed() -> None:
    class Dice(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            return Answer(text=str([self.random.random() for _ in range(3)]))

    first = await Team([Dice()], final=Answer, seed=7).run("g", run_id="same")
    second = await Team([Dice()], final=Answer, seed=7).run("g", run_id="same")
    other = await Team([Dice()], final=Answer, seed=8).run("g", run_id="same")
    assert first.output == second.output != other.output


async def test_a_function_model_answers_with_what_its_function_returns() -> None:
    model = FunctionModel(lambda request: request.chat[-1].text.upper())
    assert (await run_of(asker(prompt="shout"), model)).output.text == "SHOUT"


# prompt files


async def test_a_prompt_file_is_found_beside_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompts" / "writer").mkdir(parents=True)
    (tmp_path / "prompts" / "writer" / "pitch.md.j2").write_text("Pitch {{ goal.text }}!\n")
    (tmp_path / "my_roles.py").write_text(
        "from metagpt import Goal, Message, Role, on, template\n"
        "class Line(Message):\n    text: str\n"
        "class Writer(Role):\n    @on(Goal)\n    async def pitch(self, goal: Goal) -> Line:\n"
        "        return Line(text=await self.ask(str, template('writer/pitch'), goal=goal))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_roles  # type: ignore[import-not-found]

    with ScriptedModel([text("ok")]) as model:
        await Team([my_roles.Writer()], final=my_roles.Line, model=model).run("{{ x }}")
    assert model.requests[0].chat[-1].text == "Pitch {{ x }}!"


async def test_a_prompt_file_that_is_missing_is_an_error_before_any_call() -> None:
    role = asker()

    class Lost(type(role)):  # type: ignore[misc]
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            return Answer(text=await self.ask(str, template("nowhere/nothing")))

    with pytest.raises(HandlerFailedError, match=r"no prompt file 'nowhere/nothing.md.j2'"):
        await run_of(Lost(), ScriptedModel([]))
