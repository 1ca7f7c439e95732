"""The software team on a small model that is asked for sixteen readings at once: examples choose, else agreement does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from metagpt.errors import ModelUnavailableError
from metagpt.events import ActionStartedEvent
from metagpt.models.interface import Delta, ModelReply, ModelRequest
from metagpt.roles.software import Declined, Delivery, Specification, software_team
from metagpt.roles.software.messages import Probes, Variation, Variations
from metagpt.run import Run
from metagpt.testing import FunctionModel, data
from tests.software.answers import sampled_model

OUTSIDE = Specification(in_scope=False)
PROGRAMS = {
    "count the vowels": "def vowels(text: str) -> int:\n    return sum(c in 'aeiou' for c in text.lower())\n",
    "count the vowels one by one": "def vowels(text: str) -> int:\n    return len([c for c in text if c in 'aeiouAEIOU'])\n",
    "count the small vowels": "def vowels(text: str) -> int:\n    return sum(c in 'aeiou' for c in text)\n",
    "count the letters": "def vowels(text: str) -> int:\n    return len(text)\n",
    "fail": "def vowels(text: str) -> int:\n    raise ValueError('no')\n",
    "say nothing": "def vowels(text: str) -> int:\n    return 0\n",
}


def reading(summary: str, *examples: tuple[str, int]) -> Specification:
    return Specification(in_scope=True, signature="vowels(text: str) -> int", summary=summary, examples=list(examples))


def program(request: ModelRequest) -> str:
    return PROGRAMS[request.context["summary"]]


def model_of(
    *specifications: tuple[int, Specification], repair: object = "def vowels(text: str) -> int:\n    return -1\n"
) -> FunctionModel:
    drawn = [specification for count, specification in specifications for _ in range(count)]
    assert len(drawn) == 16
    return sampled_model(drawn, write_program=program, repair=repair)


async def run_team(model: FunctionModel, folder: Path, goal: str = "count vowels in a text") -> Run[Delivery | Declined]:
    return await software_team(model=model, workspace=folder).run(goal)


def delivered(run: Run[Delivery | Declined]) -> Delivery:
    assert isinstance(run.output, Delivery)
    return run.output


async def test_one_request_gives_all_readings_and_each_gets_one_program(tmp_path: Path) -> None:
    model = model_of((10, reading("count the vowels")), (4, reading("count the letters")), (2, OUTSIDE))
    await run_team(model, tmp_path)
    calls = [request.call for request in model.requests]
    assert sorted(calls) == ["engineer.write_program", "engineer.write_program", "evaluator.write_tests", "product_manager.specify"]
    assert [request.options.n for request in model.requests if request.call == "engineer.write_program"] == [4, 4]


class Weighed:
    """A model whose readings have these votes, the rest none."""

    def __init__(self, model: FunctionModel, *votes: int) -> None:
        self.model, self.votes, self.profile = model, votes, model.profile

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        async for item in self.model.stream(request):
            yield self._weighed(item) if isinstance(item, ModelReply) and request.call == "product_manager.specify" else item

    def _weighed(self, reply: ModelReply) -> ModelReply:
        votes = [*self.votes, *[0] * (len(reply.candidates) - len(self.votes))]
        return replace(reply, candidates=tuple(replace(each, votes=of) for each, of in zip(reply.candidates, votes, strict=True)))

    async def close(self) -> None:
        await self.model.close()


@pytest.mark.parametrize(("goal", "tried"), [("count vowels, for 'Apple' that is 2", 12), ("count vowels in a text", 2)])
async def test_readings_without_a_vote_get_one_likeliest_program_where_an_example_can_choose(tmp_path: Path, goal: str, tried: int) -> None:
    readings = [reading(f"count them in way {number}", ("Apple", 2)) for number in range(16)]
    model = sampled_model(readings, write_program=PROGRAMS["count the vowels"], repair=PROGRAMS["count the vowels"])
    await software_team(model=Weighed(model, 12, 4), workspace=tmp_path).run(goal)
    written = [request for request in model.requests if request.call == "engineer.write_program"]
    assert [request.context["summary"] for request in written] == [f"count them in way {number}" for number in range(tried)]
    assert [request.options.n for request in written] == [4, 4, *[1] * (tried - 2)]
    assert [request.options.temperature for request in written[2:]] == [0.0] * (tried - 2)


async def test_readings_of_other_types_than_the_example_get_no_program(tmp_path: Path) -> None:
    others = ["vowels(text: str) -> list[str]", "vowels(words: list[str]) -> int"]
    drawn = [reading("count the letters").model_copy(update={"signature": each}) for each in others]
    model = model_of((6, drawn[0]), (6, drawn[1]), (4, reading("count the vowels")))
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert [request.context["summary"] for request in model.requests if request.call == "engineer.write_program"] == ["count the vowels"]
    assert delivered(run).evidence == "1 example of the goal; 4 of 16 votes agree on 16 inputs"
    await run_team(model_of((16, drawn[1])), tmp_path / "none", "count vowels in a text, for 'Apple' that is 2")


async def test_programs_that_cannot_run_do_not_stand_for_a_reading(tmp_path: Path) -> None:
    right = "import math\n\n\ndef vowels(text: str) -> int:\n    return math.floor(len(text))\n"
    drawn = [right.removeprefix("import math"), right.replace("len(", "lem("), "def (", right]
    model = sampled_model([reading("count the letters")] * 16, write_program=lambda request: data(*drawn))
    found = delivered(await run_team(model, tmp_path))
    assert found.program.files["vowels.py"] == right
    assert found.program.share == 1.0


async def test_two_programs_share_the_votes_of_their_reading(tmp_path: Path) -> None:
    letters, vowels, small = (PROGRAMS[name] for name in ("count the letters", "count the vowels", "count the small vowels"))
    model = sampled_model([reading("count the letters")] * 16, write_program=lambda request: data(letters, letters, letters, vowels))
    run = await run_team(model, tmp_path / "one")
    assert (delivered(run).program.files["vowels.py"], delivered(run).program.share) == (letters, 0.75)
    assert delivered(run).evidence == "12 of 16 votes agree on 15 inputs"
    run = await run_team(model, tmp_path / "two", "count vowels in a text, for 'Apple' that is 2")
    assert delivered(run).program.files["vowels.py"] == vowels, "an example chooses among the programs of one reading, too"
    model = sampled_model([reading("count the letters")] * 16, write_program=lambda request: data(letters, letters, vowels, small))
    run = await run_team(model, tmp_path / "three")
    assert delivered(run).program.share == pytest.approx(2 / 3), "of three the commonest two are tried"


async def test_a_program_without_the_function_is_kept_where_none_has_it(tmp_path: Path) -> None:
    other = PROGRAMS["count the letters"].replace("vowels", "towels")
    model = sampled_model([reading("count the letters")] * 16, write_program=lambda request: data(other, PROGRAMS["say nothing"]))
    assert delivered(await run_team(model, tmp_path / "one")).program.files["vowels.py"] == PROGRAMS["say nothing"]
    model = sampled_model([reading("count the letters")] * 16, write_program=other)
    assert delivered(await run_team(model, tmp_path / "other")).program.files["vowels.py"] == other


async def test_agreement_chooses_and_is_the_evidence(tmp_path: Path) -> None:
    model = model_of((6, reading("count the vowels")), (5, reading("count the vowels one by one")), (5, reading("count the letters")))
    run = await run_team(model, tmp_path)
    assert run.success, delivered(run)
    found = delivered(run)
    assert "'aeiou' for c in text.lower()" in found.program.files["vowels.py"]
    assert found.evidence == "11 of 16 votes agree on 15 inputs"
    assert found.tests == 1
    tests = (tmp_path / "tests/test_vowels.py").read_text()
    assert "Nobody stated these results, the program gave them: 11 of 16 votes agree on 15 inputs." in tests
    assert "assert vowels('queue') == 4" in tests
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "run.json").read_text())["verdict"]["passed"] is True


async def test_an_example_of_the_goal_chooses_against_the_majority(tmp_path: Path) -> None:
    model = model_of((10, reading("count the letters", ("Apple", 2))), (5, reading("count the vowels", ("Apple", 2))), (1, OUTSIDE))
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert run.success, delivered(run)
    assert "lower()" in delivered(run).program.files["vowels.py"]
    assert delivered(run).evidence == "1 example of the goal; 5 of 16 votes agree on 16 inputs"
    assert "assert vowels('Apple') == 2" in (tmp_path / "tests/test_vowels.py").read_text()


async def test_made_up_examples_are_no_evidence(tmp_path: Path) -> None:
    model = model_of((8, reading("count the letters", ("tea", 3))), (8, reading("count the vowels", ("tea", 2))))
    run = await run_team(model, tmp_path)
    assert not run.success
    assert "example" not in delivered(run).evidence
    assert "tea" not in (tmp_path / "tests/test_vowels.py").read_text()


async def test_weak_agreement_is_delivered_as_not_verified(tmp_path: Path) -> None:
    model = model_of((7, reading("count the vowels")), (5, reading("count the letters")), (4, reading("count the small vowels")))
    run = await run_team(model, tmp_path)
    assert run.status == "done"
    assert not run.success
    found = delivered(run)
    assert not found.passed
    assert found.failures == []
    assert found.evidence == "7 of 16 votes agree on 15 inputs"
    assert "**Not verified:**" in (tmp_path / "README.md").read_text()
    assert json.loads((tmp_path / "run.json").read_text())["verdict"]["passed"] is False


async def test_two_ways_that_fit_the_example_equally_often_are_not_verified(tmp_path: Path) -> None:
    example = ("apple", 2)
    model = model_of((8, reading("count the vowels", example)), (8, reading("count the small vowels", example)))
    run = await run_team(model, tmp_path, "count vowels in a text, for 'apple' that is 2")
    assert not run.success
    assert delivered(run).evidence == "1 example of the goal; 8 of 16 votes agree on 16 inputs"


@pytest.mark.parametrize("summary", ["fail", "say nothing"])
async def test_agreeing_to_fail_or_to_say_nothing_is_no_evidence(tmp_path: Path, summary: str) -> None:
    run = await run_team(model_of((16, reading(summary))), tmp_path)
    assert not run.success
    assert not delivered(run).passed


async def test_an_out_of_scope_majority_declines(tmp_path: Path) -> None:
    model = model_of((8, OUTSIDE), (8, reading("count the vowels")))
    run = await run_team(model, tmp_path)
    assert isinstance(run.output, Declined)
    assert not run.success
    assert "8 of its 16 readings say so" in run.output.reason
    assert len(run.output.ways_out) == 3
    assert "state an example in the goal" in run.output.ways_out[-1]
    assert len(model.requests) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("outside", "output"), [(12, Delivery), (13, Declined)])
async def test_a_goal_that_states_an_example_is_declined_by_more(tmp_path: Path, outside: int, output: type) -> None:
    model = model_of((outside, OUTSIDE), (16 - outside, reading("count the vowels")))
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert isinstance(run.output, output)


async def test_an_example_that_says_true_or_false_does_not_keep_a_goal_in_scope(tmp_path: Path) -> None:
    wanted = Specification(in_scope=True, signature="is_animal(text: str) -> bool", summary="count the vowels")
    run = await run_team(model_of((8, OUTSIDE), (8, wanted)), tmp_path, "is the word an animal? 'cat' -> True")
    assert isinstance(run.output, Declined)


async def test_readings_without_a_usable_signature_are_no_candidates_but_count(tmp_path: Path) -> None:
    unusable = reading("count the vowels").model_copy(update={"signature": "vowels of a text"})
    run = await run_team(model_of((7, unusable), (9, reading("count the vowels"))), tmp_path)
    assert not run.success
    assert delivered(run).evidence == "9 of 16 votes agree on 15 inputs"

    run = await run_team(model_of((16, unusable)), tmp_path / "none")
    assert isinstance(run.output, Declined)


async def test_a_program_that_misses_the_example_is_repaired(tmp_path: Path) -> None:
    model = model_of((16, reading("count the letters", ("Apple", 2))), repair=PROGRAMS["count the vowels"])
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert run.success, delivered(run)
    asked = next(request for request in model.requests if request.call == "engineer.repair")
    assert asked.context["failure"] == "vowels('Apple') returned 5, expected 2"


async def test_a_program_that_never_meets_the_example_is_not_passed(tmp_path: Path) -> None:
    model = model_of((16, reading("count the letters", ("Apple", 2))))
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert not run.success
    assert delivered(run).evidence.startswith("0 of 1 example of the goal; ")
    assert [request.call for request in model.requests].count("engineer.repair") == 3


def variation(name: str) -> Variation:
    return Variation(summary=name, signature="vowels(text: str) -> int", code=PROGRAMS.get(name, name))


async def test_a_goal_whose_example_no_program_meets_is_read_another_way(tmp_path: Path) -> None:
    others = ["say nothing", "def vowels(", "fail", "count the small vowels", "count the vowels"]
    model = sampled_model(
        [reading("count the letters")] * 16,
        write_program=program,
        repair=PROGRAMS["fail"],
        vary=Variations(variations=[variation(name) for name in others]),
    )
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    [asked] = [request for request in model.requests if request.call == "engineer.vary"]
    assert asked.context["readings"] == [{"summary": "count the letters", "signature": "vowels(text: str) -> int"}]
    assert [list(example) for example in asked.context["examples"]] == [["Apple", 2]]
    assert not [request for request in model.requests if request.call == "engineer.repair"]
    assert delivered(run).program.files["vowels.py"] == PROGRAMS["count the vowels"]
    assert delivered(run).evidence == "1 example of the goal; none of 16 votes counts for it"
    assert not run.success, "one example that one of many programs meets is not enough"
    assert "count the vowels" in (tmp_path / "README.md").read_text()


async def test_two_examples_that_one_other_reading_alone_meets_are_enough(tmp_path: Path) -> None:
    model = sampled_model(
        [reading("count the letters")] * 16,
        write_program=program,
        repair=PROGRAMS["fail"],
        vary=Variations(variations=[variation("count the small vowels"), variation("count the vowels")]),
    )
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2, and for 'OO' that is 2")
    assert run.success, delivered(run)
    assert delivered(run).program.files["vowels.py"] == PROGRAMS["count the vowels"]


async def test_of_many_other_readings_those_that_meet_the_example_are_tried(tmp_path: Path) -> None:
    wrong = [f"def vowels(text: str) -> int:\n    return {number}\n" for number in range(3, 60)]
    model = sampled_model(
        [reading("count the letters")] * 16,
        write_program=program,
        repair=PROGRAMS["fail"],
        vary=Variations(variations=[variation(code) for code in [*wrong, PROGRAMS["count the vowels"]]]),
    )
    team = software_team(model=model, workspace=tmp_path)
    async with team.stream("count vowels in a text, for 'Apple' that is 2") as stream:
        actions = [event.action async for event in stream if isinstance(event, ActionStartedEvent)]
        run = await stream.result()
    assert delivered(run).program.files["vowels.py"] == PROGRAMS["count the vowels"]
    assert actions == ["observe_program", "test_program", "observe_programs", "observe_program", "observe_program", "test_program"]


@pytest.mark.parametrize("vary", [Variations(variations=[variation("count the small vowels")]), ModelUnavailableError("no such call")])
async def test_where_no_other_reading_helps_the_program_is_repaired(tmp_path: Path, vary: object) -> None:
    def answer(request: ModelRequest) -> object:
        if isinstance(vary, Exception):
            raise vary
        return vary

    model = sampled_model([reading("count the letters")] * 16, write_program=program, repair=PROGRAMS["count the vowels"], vary=answer)
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert delivered(run).program.files["vowels.py"] == PROGRAMS["count the vowels"]
    asked = next(request for request in model.requests if request.call == "engineer.repair")
    assert asked.context["code"] == PROGRAMS["count the letters"]


async def test_one_reading_without_a_program_does_not_spoil_the_others(tmp_path: Path) -> None:
    programs = {**PROGRAMS, "count the letters": "def vowels("}
    drawn = [reading("count the vowels")] * 12 + [reading("count the letters")] * 4
    run = await run_team(sampled_model(drawn, write_program=lambda request: programs[request.context["summary"]]), tmp_path)
    assert run.success


@pytest.mark.parametrize(
    ("signature", "goal", "code"),
    [
        ("totals(scores: dict[str, list[int]]) -> dict[str, int]", "total of each player", "{key: sum(scores[key]) for key in scores}"),
        (
            "by_parity(n: list[int]) -> dict[str, list[int]]",
            "even and odd numbers",
            "{'even': [x for x in n if x % 2 == 0], 'odd': [x for x in n if x % 2]}",
        ),
        ("names(rows: list[dict[str, str]]) -> list[str]", "all the names", "[row['name'] for row in rows if 'name' in row]"),
        (
            "read(text: str) -> list[dict[str, str]]",
            "CSV to dicts",
            "[dict(zip(text.split(chr(10))[0].split(','), line.split(','))) for line in text.split(chr(10))[1:]]",
        ),
    ],
)
async def test_functions_on_groups_and_records_are_tried_on_made_inputs_and_passed(
    tmp_path: Path, signature: str, goal: str, code: str
) -> None:
    wanted = Specification(in_scope=True, signature=signature, summary=goal)
    source = f"def {signature}:\n    return {code}\n"
    model = sampled_model([wanted] * 16, write_program=source, write_tests=Probes())
    run = await run_team(model, tmp_path, goal)
    assert run.success, delivered(run)
    assert delivered(run).evidence.startswith("16 of 16 votes agree on ")


async def test_a_repair_that_cannot_be_read_leaves_the_program_and_its_failures(tmp_path: Path) -> None:
    model = model_of((16, reading("count the letters")), repair="def vowels(text: str) -> int:\n    return [(\n")
    run = await run_team(model, tmp_path, "count vowels in a text, for 'Apple' that is 2")
    assert run.status == "done"
    assert not run.success
    assert delivered(run).program.files["vowels.py"] == PROGRAMS["count the letters"]
    assert "vowels('Apple') returned 5, expected 2" in delivered(run).failures[0]
