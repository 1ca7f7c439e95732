"""The debate team: rounds until the judge is sure, or until the last one."""

from __future__ import annotations

import pytest

from metagpt import InMemoryJournal, Team
from metagpt.errors import ConfigError
from metagpt.roles.debate import Verdict, debate_team
from metagpt.testing import Crash, ScriptedModel, crash_at, data, text


def ruling(winner: str, *, settled: bool, question: str = "") -> object:
    return data({"winner": winner, "reasons": "its facts", "is_settled": settled, "question": question})


async def test_a_settled_debate_ends_after_one_round() -> None:
    script = {"proponent": [text("for")], "opponent": [text("against")], "judge": [ruling("opponent", settled=True)]}
    with ScriptedModel(script) as model:  # type: ignore[arg-type]  # steps
        run = await debate_team(model=model).run("tea before coffee")
    assert run.output == Verdict(motion="tea before coffee", winner="opponent", reasons="its facts", rounds=1)
    against = model.requests[1]
    assert "<proponent>\nfor\n</proponent>" in against.chat[-1].text
    assert against.chat[0].text.startswith("You argue against the motion.")


async def test_the_judges_question_opens_another_round_that_knows_what_was_said() -> None:
    script = {
        "proponent": [text("first"), text("second")],
        "opponent": [text("no"), text("never")],
        "judge": [ruling("draw", settled=False, question="and the price?"), ruling("proponent", settled=True)],
    }
    with ScriptedModel(script) as model:  # type: ignore[arg-type]  # steps
        run = await debate_team(model=model).run("tea")
    assert (run.output.winner, run.output.rounds) == ("proponent", 2)
    again = next(request for request in model.requests[3:] if request.call == "proponent.argue").chat[-1].text
    assert "The judge asks: and the price?" in again
    assert "<opponent>\nno\n</opponent>" in again


@pytest.mark.parametrize("rounds", [1, 2])
async def test_the_last_round_is_decided_whatever_the_judge_would_like(rounds: int) -> None:
    script = {"proponent": [text("a")] * rounds, "opponent": [text("b")] * rounds, "judge": [ruling("draw", settled=False)] * rounds}
    with ScriptedModel(script) as model:  # type: ignore[arg-type]  # steps
        run = await debate_team(rounds=rounds, model=model).run("tea")
    assert (run.output.winner, run.output.rounds) == ("draw", rounds)
    assert "This was the last round: decide." in model.requests[-1].chat[-1].text


async def test_a_debate_that_was_cut_goes_on_where_it_stood() -> None:
    journal = InMemoryJournal()
    script = {"proponent": [text("a")], "opponent": [text("b")], "judge": [ruling("draw", settled=True)]}
    with ScriptedModel(script) as model:  # type: ignore[arg-type]  # steps
        with pytest.raises(Crash):
            await debate_team(model=model, journal=crash_at(6, journal)).run("tea", run_id="r")
        run = await debate_team(model=model, journal=journal).resume("r")
    assert run.success


@pytest.mark.parametrize("rounds", [0, 11])
def test_a_number_of_rounds_that_makes_no_debate_is_refused(rounds: int) -> None:
    with pytest.raises(ConfigError, match="expected 1 to 10"):
        debate_team(rounds=rounds)


def test_it_is_found_by_its_name() -> None:
    assert Team.load("debate", rounds=2).name == "debate"
