# mypy: disable-error-code="empty-body"
"""The graph check: every finding, all at once, and none where there is nothing to find."""

import sys
import time
from collections.abc import Sequence
from typing import Any

import networkx
import pytest

from metagpt import Goal, InMemoryJournal, Message, Role, SqliteJournal, Team, on, reply, to
from metagpt.errors import TeamError
from metagpt.graph import Handler, flow


class Draft(Message):
    text: str = ""


class LongDraft(Draft):
    pass


class Review(Message):
    good: bool = True


class Task(Message):
    pass


class Part(Message):
    pass


class Piece(Message):
    pass


class Checked(Message):
    pass


class Section(Message):
    pass


class Report(Message):
    pass


class Style(Message):
    pass


def findings(*roles: Role[Any], **keywords: Any) -> tuple[str, ...]:
    with pytest.raises(TeamError) as caught:
        Team(roles, **keywords)
    for finding in caught.value.findings:
        assert f"  - {finding}" in str(caught.value)
    return caught.value.findings


def handlers_of(roles: Sequence[Role[Any]]) -> list[Handler]:
    return [Handler(key=f"{r.name}.{n}", role=r.name, spec=spec) for r in roles for n, spec in r.handlers.items()]


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft: ...


class Critic(Role):
    @on(Draft)
    async def review(self, draft: Draft) -> Review: ...


class Reporter(Role):
    @on(list[Checked])
    async def report(self, items: list[Checked]) -> Report: ...


class Splitter(Role):
    @on(Goal)
    async def split(self, goal: Goal) -> list[Task]: ...


class Checker(Role):
    @on(Task)
    async def check(self, task: Task) -> Checked: ...


# findings


def test_a_type_that_nobody_produces() -> None:
    class Listener(Role):
        @on(Review)
        async def hear(self, review: Review) -> None: ...

    found = findings(Writer(), Listener(), final=Draft)
    assert found == ("listener.hear: hears Review, which nobody produces. Return it from a handler, or remove it from @on.",)


def test_a_final_type_that_nobody_produces() -> None:
    assert findings(Writer(), final=Draft | Report) == (
        "final Report: nobody produces it. Return it from a handler, or name another type.",
    )


def test_a_type_that_nobody_hears_and_that_is_not_final() -> None:
    (finding,) = findings(Writer(), Critic())
    assert finding.startswith("critic.review: says Review, which nobody hears and which is not final.")
    (finding,) = findings(Writer(), final=Draft, start=Task)[:1]
    assert "writer.write: hears Goal, which nobody produces" in finding


def test_a_start_that_nobody_hears() -> None:
    assert any(each.startswith("the start: says Goal, which nobody hears") for each in findings(Critic(), final=Review))
    assert any(each.startswith("the start: says Goal") for each in findings())


def test_a_handler_that_is_unreachable() -> None:
    class Left(Role):
        @on(Task, limit=2)
        async def go(self, task: Task) -> Part: ...

    class Right(Role):
        @on(Part)
        async def go(self, part: Part) -> Task: ...

    found = findings(Writer(), Left(), Right(), final=Draft)
    assert [each.split(":")[0] for each in found] == ["left.go", "right.go"]
    assert all("unreachable from the start" in each for each in found)


def test_a_join_whose_parts_are_in_different_fan_outs() -> None:
    class Other(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Part]: ...

    class Joiner(Role):
        @on(Task, Part)
        async def join(self, task: Task, part: Part) -> Report: ...

    (finding,) = findings(Splitter(), Other(), Joiner(), final=Report)
    assert finding.startswith("joiner.join: this join can never complete; its parts are never published in the same fan-out branch.")


def test_a_join_whose_parts_are_items_of_one_fan_out() -> None:
    class Mixed(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Task | Part]: ...

        @on(Task, Part)
        async def join(self, task: Task, part: Part) -> Report: ...

    (finding,) = findings(Mixed(), final=Report)
    assert finding.startswith("mixed.join: this join can never complete")


def test_a_join_of_a_part_inside_and_a_part_outside_of_a_fan_out() -> None:
    class Joiner(Role):
        @on(Draft, Task)
        async def join(self, draft: Draft, task: Task) -> Report: ...

    (finding,) = findings(Splitter(), Writer(), Joiner(), final=Report)
    assert finding.startswith("joiner.join: this join can never complete")


def test_a_kept_part_inside_of_the_fan_out_whose_partner_is_outside() -> None:
    class Joiner(Role):
        @on(Draft, Task, keep=Task)
        async def join(self, draft: Draft, task: Task) -> Report: ...

    (finding,) = findings(Splitter(), Writer(), Joiner(), final=Report)
    assert finding.startswith("joiner.join: this join can never complete")


def test_a_gather_without_a_fan_out() -> None:
    class Listener(Role):
        @on(list[Draft])
        async def gather(self, drafts: list[Draft]) -> Report: ...

    (finding, *_) = findings(Writer(), Listener(), final=Report)
    assert finding.startswith("listener.gather: gathers Draft, but no fan-out is above it.")


def test_a_gathered_type_that_is_also_said_outside_of_the_fan_out() -> None:
    class Hasty(Role):
        @on(Goal)
        async def guess(self, goal: Goal) -> Checked: ...

    (finding,) = findings(Splitter(), Checker(), Hasty(), Reporter(), final=Report)
    assert finding.startswith("reporter.report: gathers Checked, which can also be said outside every fan-out, where nobody hears it.")


def test_a_cycle_without_a_limit_names_its_handlers() -> None:
    class Reviser(Role):
        @on(Review, when=lambda review: not review.good)
        async def revise(self, review: Review) -> Draft: ...

    (finding,) = findings(Writer(), Critic(), Reviser(), final=Review)
    assert finding.startswith("cycle ")
    assert "critic.review -> reviser.revise" in finding or "reviser.revise -> critic.review" in finding
    assert "limit" in finding


def test_every_independent_cycle_is_found() -> None:
    class One(Role):
        @on(Goal | Task)
        async def go(self, message: Goal | Task) -> Task: ...

    class Two(Role):
        @on(Goal | Part)
        async def go(self, message: Goal | Part) -> Part: ...

    assert [each.split(":")[0] for each in findings(One(), Two(), final=Task | Part)] == [
        "cycle one.go -> one.go",
        "cycle two.go -> two.go",
    ]


def test_a_cycle_through_a_base_class_is_found() -> None:
    class Echo(Role):
        @on(Draft)
        async def lengthen(self, draft: Draft) -> LongDraft: ...

    (finding,) = findings(Writer(), Echo(), final=LongDraft)
    assert finding.startswith("cycle echo.lengthen -> echo.lengthen")


def test_a_cycle_through_a_gather_is_found() -> None:
    class Again(Role):
        @on(Goal | Report)
        async def split(self, message: Goal | Report) -> list[Task]: ...

    (finding,) = findings(Again(), Checker(), Reporter(), final=Report)
    assert finding.startswith("cycle ")
    assert "reporter.report" in finding


def test_two_roles_of_one_name() -> None:
    (finding, *_) = findings(Writer(), Writer(), final=Draft)
    assert finding == "role 'writer': 2 roles have this name; names address roles. Pass name='...' to tell them apart."


@pytest.mark.parametrize("name", ["user", "", "a.b", "a#2", "a b", "a=b", "a\n"])
def test_a_name_that_addresses_or_calls_could_not_be_told_by(name: str) -> None:
    (finding,) = findings(Writer(name), final=Draft)
    assert finding.startswith(f"role {name!r}: ")


def test_two_types_of_one_tag() -> None:
    class Other(Role):
        class Draft(Message):  # the same class name, another type
            pass

        @on(Goal)
        async def write(self, goal: Goal) -> Draft: ...

    (finding,) = findings(Writer(), Other(), final=Draft | Other.Draft)
    assert finding.startswith("tag 'Draft': shared by ")
    assert "Other.Draft" in finding
    assert "type_name" in finding


@pytest.mark.parametrize(("first", "second"), [(None, None), (lambda d: True, None), (None, lambda d: True)])
def test_overlapping_handlers_of_one_role_without_when_on_both(first: Any, second: Any) -> None:
    class Reader(Role):
        @on(Draft, when=first)
        async def read(self, draft: Draft) -> Review: ...

        @on(LongDraft, when=second)
        async def skim(self, draft: LongDraft) -> Review: ...

    (finding,) = findings(Writer(), Reader(), final=Review)
    assert finding.startswith("reader.read and reader.skim: both can hear LongDraft, and not both have `when`.")


def test_overlapping_gathers_of_one_role() -> None:
    class Twice(Role):
        @on(list[Checked])
        async def one(self, items: list[Checked]) -> Report: ...

        @on(list[Checked])
        async def two(self, items: list[Checked]) -> Report: ...

    (finding,) = findings(Splitter(), Checker(), Twice(), final=Report)
    assert finding.startswith("twice.one and twice.two: both can hear Checked")


def test_handlers_that_overlap_in_a_type_that_is_both() -> None:
    class Other(Message):
        pass

    class Both(Draft, Other):
        pass

    class Author(Role):
        @on(Goal)
        async def write(self, goal: Goal) -> Both: ...

    class Reader(Role):
        @on(Draft)
        async def read(self, draft: Draft) -> Review: ...

        @on(Other)
        async def skim(self, other: Other) -> Review: ...

    (finding,) = findings(Author(), Reader(), final=Review)
    assert "both can hear Both" in finding


def test_approve_with_a_journal_in_memory(tmp_path: Any) -> None:
    class Careful(Role):
        @on(Goal)
        async def write(self, goal: Goal) -> Draft: ...

        @on(Draft, approve=True)
        async def publish(self, draft: Draft) -> Report: ...

    (finding,) = findings(Careful(), final=Report)
    assert finding.startswith("careful.publish: approve=True with a journal in memory")
    assert findings(Careful(), final=Report, journal=InMemoryJournal()) == (finding,)
    Team([Careful()], final=Report, journal=SqliteJournal(tmp_path / "journal.db"))


def test_all_findings_are_told_at_once() -> None:
    class Loop(Role):
        @on(Goal | Task)
        async def go(self, message: Goal | Task) -> Task: ...

    class Lost(Role):
        @on(Review)
        async def hear(self, review: Review) -> Piece: ...

    found = findings(Loop(), Loop(), Lost(), Reporter(), final=Section)
    for words in ("2 roles", "hears Review", "hears Checked", "final Section", "says Piece", "cycle"):
        assert any(words in each for each in found), words
    assert not any("unreachable" in each for each in found)  # said once: nobody produces what they hear


# teams without findings


def test_the_first_team_of_the_manual() -> None:
    class Reviser(Role):
        @on(Review, when=lambda review: not review.good, limit=3)
        async def revise(self, review: Review) -> Draft: ...

    Team([Writer(), Critic(), Reviser()], final=Review)


def test_nested_fan_outs_with_nested_gathers() -> None:
    class Author(Role):
        @on(Goal)
        async def outline(self, goal: Goal) -> list[Task]: ...

        @on(Task)
        async def split(self, task: Task) -> list[Part]: ...

        @on(Part)
        async def write(self, part: Part) -> Piece: ...

        @on(list[Piece])
        async def section(self, pieces: list[Piece]) -> Section: ...

        @on(list[Section])
        async def bind(self, sections: list[Section]) -> Report: ...

    roles = [Author()]
    Team(roles, final=Report)
    assert flow(handlers_of(roles), Goal).gathers == {"author.split": {"author.section"}, "author.outline": {"author.bind"}}


def test_a_recursive_fan_out_is_gathered_on_every_level() -> None:
    class Tree(Role):
        @on(Goal | Task, limit=5)
        async def split(self, message: Goal | Task) -> list[Task | Part]: ...

        @on(list[Part | Section])
        async def bind(self, parts: list[Part | Section]) -> Section: ...

    Team([Tree()], final=Section)
    assert flow(handlers_of([Tree()]), Goal).gathers == {"tree.split": {"tree.bind"}}


def test_a_gather_whose_result_is_gathered_further_out_is_no_endless_cycle() -> None:
    class Polisher(Role):
        @on(Section)
        async def polish(self, section: Section) -> Checked: ...

    class Author(Role):
        @on(Goal)
        async def outline(self, goal: Goal) -> list[Task]: ...

        @on(Task)
        async def split(self, task: Task) -> list[Checked]: ...

        @on(list[Checked])
        async def bind(self, parts: list[Checked]) -> Section: ...

    Team([Author(), Polisher()], final=Section | Checked)


def test_a_kept_part_joins_across_a_fan_out() -> None:
    class Stylist(Role):
        @on(Goal)
        async def choose(self, goal: Goal) -> Style: ...

        @on(Style, Task, keep=Style)
        async def join(self, style: Style, task: Task) -> Checked: ...

    Team([Splitter(), Stylist(), Reporter()], final=Report)


def test_a_join_inside_of_one_branch() -> None:
    class Pair(Role):
        @on(Task)
        async def both(self, task: Task) -> tuple[Part, Piece]: ...

        @on(Part, Piece)
        async def join(self, part: Part, piece: Piece) -> Checked: ...

    Team([Splitter(), Pair(), Reporter()], final=Report)


def test_a_join_after_the_gather() -> None:
    class Joiner(Role):
        @on(Draft, Report)
        async def join(self, draft: Draft, report: Report) -> Review: ...

    Team([Splitter(), Checker(), Reporter(), Writer(), Joiner()], final=Review)


def test_a_gather_whose_result_enters_a_limited_loop_again() -> None:
    class Again(Role):
        @on(Goal)
        async def start(self, goal: Goal) -> list[Task]: ...

        @on(Report, when=lambda report: False, limit=3)
        async def again(self, report: Report) -> list[Task]: ...

    Team([Again(), Checker(), Reporter()], final=Report)


def test_a_subclass_that_is_published_reaches_who_hears_its_base_and_the_other_way_round() -> None:
    class Verbose(Role):
        @on(Goal)
        async def write(self, goal: Goal) -> LongDraft: ...

    Team([Verbose(), Critic()], final=Review)

    class Picky(Role):
        @on(LongDraft)
        async def review(self, draft: LongDraft) -> Review: ...

    Team([Writer(), Picky()], final=Review)
    Team([Verbose()], final=Draft)
    Team([Writer()], final=LongDraft)


def test_a_union_that_is_heard_and_one_that_is_said() -> None:
    class Either(Role):
        @on(Goal)
        async def choose(self, goal: Goal) -> Draft | Task | None: ...

        @on(Draft | Task)
        async def take(self, message: Draft | Task) -> Report: ...

    Team([Either()], final=Report)


def test_questions_and_answers_with_to_and_reply() -> None:
    class Question(Message):
        pass

    class Answer(Message):
        pass

    class Asker(Role):
        @on(Goal)
        async def ask_expert(self, goal: Goal) -> Question:
            return to(Question(), "expert")

        @on(Answer)
        async def conclude(self, answer: Answer) -> Report: ...

    class Expert(Role):
        @on(Question)
        async def answer(self, question: Question) -> Answer:
            return reply(Answer())

    Team([Asker(), Expert()], final=Report)


def test_handlers_that_overlap_with_when_on_both_or_in_different_roles_or_as_single_and_gather() -> None:
    class Reader(Role):
        @on(Draft, when=lambda d: bool(d.text))
        async def read(self, draft: Draft) -> Review: ...

        @on(LongDraft, when=lambda d: not d.text)
        async def skim(self, draft: LongDraft) -> Review: ...

    Team([Writer(), Reader(), Critic()], final=Review)

    class Both(Role):
        @on(Checked)
        async def one(self, checked: Checked) -> Review: ...

        @on(list[Checked])
        async def all(self, checked: list[Checked]) -> Report: ...

    Team([Splitter(), Checker(), Both()], final=Report | Review)


def test_a_team_that_is_only_to_become_quiet() -> None:
    class Sink(Role):
        @on(Draft)
        async def take(self, draft: Draft) -> None: ...

    Team([Writer(), Sink()])


# the walk itself


def test_a_gather_takes_the_innermost_fan_out_only() -> None:
    class Author(Role):
        @on(Goal)
        async def outline(self, goal: Goal) -> list[Task]: ...

        @on(Task)
        async def split(self, task: Task) -> list[Part]: ...

        @on(list[Part])
        async def bind(self, parts: list[Part]) -> Checked: ...

    assert flow(handlers_of([Author()]), Goal).gathers == {"author.split": {"author.bind"}}


def test_a_gather_under_several_fan_outs_serves_each() -> None:
    class Other(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Checked]: ...

    found = flow(handlers_of([Splitter(), Checker(), Other(), Reporter()]), Goal)
    assert found.gathers == {"splitter.split": {"reporter.report"}, "other.split": {"reporter.report"}}


def test_the_graph_holds_messages_and_handlers() -> None:
    graph = Team([Splitter(), Checker(), Reporter()], final=Report).graph
    assert graph.nodes["Goal"] == {"kind": "message", "start": True, "final": False}
    assert graph.nodes["Report"] == {"kind": "message", "start": False, "final": True}
    assert graph.nodes["reporter.report"] == {"kind": "handler", "role": "reporter", "form": "gather"}
    assert graph.edges["splitter.split", "Task"] == {"fan_out": True}
    assert graph.edges["checker.check", "Checked"] == {"fan_out": False}
    assert networkx.has_path(graph, "Goal", "Report")


# size


def role_that(name: str, heard: Any, said: Any, **keywords: Any) -> Role[Any]:
    async def hear(self: Any, message: Any) -> Any: ...

    hear.__annotations__ = {"message": heard, "return": said}
    role: Role[Any] = type(name, (Role,), {"hear": on(heard, **keywords)(hear)})(name)
    return role


QUICK_S = 5.0
"""Of CPU time, on a busy machine; what grows with the square of the roles takes a minute."""


def cpu_seconds(roles: Sequence[Role[Any]], **keywords: Any) -> float:
    began = time.process_time()
    Team(roles, **keywords)
    return time.process_time() - began


def made(count: int, base: type[Message] = Message) -> list[type[Message]]:
    return [type(f"Made{index}", (base,), {"__module__": __name__}) for index in range(count)]


def test_a_broadcast_to_a_thousand_roles_is_checked_in_seconds() -> None:
    roles = [Writer(), *(role_that(f"reader_{n}", Draft, Review) for n in range(1000))]
    assert cpu_seconds(roles, final=Review) < QUICK_S


def test_a_thousand_roles_that_all_hear_each_other_are_checked_in_seconds() -> None:
    kinds = made(1000, Draft)
    roles = [Writer(), *(role_that(f"r{n}", Draft, kind, limit=2) for n, kind in enumerate(kinds))]
    assert cpu_seconds(roles, final=Draft) < QUICK_S


def test_a_thousand_cycles_are_found_in_seconds() -> None:
    roles = [Writer(), *(role_that(f"r{n}", Draft, Draft) for n in range(1000))]
    began = time.process_time()
    assert len(findings(*roles, final=Draft)) == 1000
    assert time.process_time() - began < QUICK_S


def test_a_chain_of_three_hundred_roles_is_checked_in_seconds() -> None:
    kinds: list[type[Message]] = [Goal, *made(300)]
    roles = [role_that(f"r{n}", kinds[n], kinds[n + 1]) for n in range(300)]
    assert cpu_seconds(roles, final=kinds[-1]) < QUICK_S


def test_a_chain_deeper_than_the_recursion_limit_is_checked() -> None:
    count = sys.getrecursionlimit() + 200
    kinds: list[type[Message]] = [Goal, *made(count)]
    Team([role_that(f"r{n}", kinds[n], kinds[n + 1]) for n in range(count)], final=kinds[-1])


def test_fan_outs_that_can_all_open_each_other_are_checked_in_seconds() -> None:
    kinds = made(4)
    union: Any = kinds[0] | kinds[1] | kinds[2] | kinds[3]
    lists: list[Any] = [list[kind] for kind in kinds]  # type: ignore[valid-type]
    roles = [Splitter(), role_that("first", Task, lists[0]), *(role_that(f"r{n}", union, lists[n], limit=2) for n in range(4))]
    assert cpu_seconds(roles, final=union) < QUICK_S
