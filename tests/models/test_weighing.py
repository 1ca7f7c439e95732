"""Readings weighed by what speaks for them, and their votes."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from metagpt.errors import ModelUnavailableError
from metagpt.models.interface import Candidate
from metagpt.models.local.drafts import DECLINED, Draft
from metagpt.models.local.sign_weights import SignWeights, read_sign_weights, write_sign_weights
from metagpt.models.local.weighing import VOTES, Signs, readings_of, shares, signs_of, voted

PLAIN = Signs(samples=2, parsed=None, near=None, read=-3.0, retold=-20.0)


WEIGHTS = SignWeights(samples=0.3, read=0.4, retold=0.2, parsed=0.7, near=0.9, none=(-0.6, 0.9, 0.2, -0.8, -1.4))


def _spec(summary: str, takes: str = "str", name: str = "f") -> str:
    return json.dumps({"in_scope": True, "summary": summary, "signature": f"{name}(x: {takes}) -> int", "examples": []})


def _shares(*signs: Signs, declined: float = 0.0, read_declined: float = -30.0) -> tuple[list[float], float]:
    return shares(signs, WEIGHTS, declined=declined, read_declined=read_declined, goal_tokens=20)


@pytest.mark.parametrize(
    ("better", "odds"),
    [
        (replace(PLAIN, samples=5), (5.25 / 2.25) ** WEIGHTS.samples),
        (replace(PLAIN, read=-2.0), math.exp(WEIGHTS.read)),
        (replace(PLAIN, retold=-18.0), math.exp(2 * WEIGHTS.retold)),
        (replace(PLAIN, parsed=1), math.exp(3.5 * WEIGHTS.parsed)),
        (replace(PLAIN, near=2), (math.exp(3.0) / 2) ** WEIGHTS.near),
    ],
)
def test_each_sign_moves_the_odds_by_its_weight(better: Signs, odds: float) -> None:
    (first, second), none = _shares(better, PLAIN)
    assert first / second == pytest.approx(odds)
    assert first + second + none == pytest.approx(1)


def test_none_is_the_likelier_the_more_decline_and_the_less_the_goal_is_told() -> None:
    _, sure = _shares(PLAIN)
    assert _shares(PLAIN, declined=0.5)[1] > sure
    assert _shares(PLAIN, read_declined=-1.0)[1] > sure
    assert _shares(replace(PLAIN, retold=-90.0))[1] > sure
    assert _shares(PLAIN, read_declined=1e9)[1] < 1  # no sign alone is boundless
    assert _shares(PLAIN, PLAIN)[1] > sure  # readings that share the votes are less to be believed


def test_readings_are_told_apart_by_steps_and_type() -> None:
    drawn = [Candidate(text=text) for text in (_spec("a"), _spec("a", name="g"), _spec("a", "int"), DECLINED, "[1]", '{"summary": "cut')]
    drafts = [Draft(text=_spec("a"), kind="parsed", place=1), Draft(text=_spec("b"), kind="near", place=3)]
    readings = readings_of(drawn, drafts)
    assert readings == [("a", "str"), ("a", "int"), ("b", "str")]
    signs = signs_of(readings, drawn, drafts, [-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0])
    assert signs == [
        Signs(samples=2, parsed=1, near=None, read=-1.0, retold=-4.0),
        Signs(samples=1, parsed=None, near=None, read=-2.0, retold=-5.0),
        Signs(samples=0, parsed=None, near=3, read=-3.0, retold=-6.0),
    ]


def test_votes_are_whole_and_go_to_every_answer_that_says_so() -> None:
    drawn = [Candidate(text=text, logprob=-1.0) for text in (_spec("a"), DECLINED, _spec("a", name="g"), "[1]")]
    drafts = [Draft(text=_spec("a", name="h"), kind="parsed", place=1), Draft(text=_spec("b"), kind="parsed", place=2)]
    readings = readings_of(drawn, drafts)
    answers = voted(readings, [0.555, 0.3], 0.145, drawn, drafts)
    assert [(answer.text, answer.votes) for answer in answers] == [
        (_spec("a"), 28),
        (DECLINED, 0),
        (_spec("a", name="g"), 28),
        ("[1]", 0),
        (_spec("b"), 30),
        (DECLINED, 14),
    ]
    assert sum(answer.votes for answer in answers) == VOTES
    assert answers[0].logprob == -1.0


def test_the_likeliest_drafts_come_first_without_votes_too() -> None:
    drafts = [Draft(text=_spec(name), kind="parsed", place=place) for place, name in enumerate("bcd", 1)]
    readings = [(name, "str") for name in "abcd"]
    answers = voted(readings, [0.99, 0.001, 0.004, 0.002], 0.003, [Candidate(text=_spec("a"))], drafts)
    assert [answer.text for answer in answers[1:4]] == [_spec("c"), _spec("d"), _spec("b")]


def test_a_draft_hardly_anything_speaks_for_stands_there_without_a_vote() -> None:
    drafts = [Draft(text=_spec("b"), kind="near", place=1)]
    answers = voted([("a", "str"), ("b", "str")], [0.999, 0.001], 0.0, [Candidate(text=_spec("a"))], drafts)
    assert [answer.votes for answer in answers] == [100, 0]


def test_the_weights_stand_in_the_folder_of_the_models_that_they_were_fitted_to(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"signs\.json.*weigh --model"):
        read_sign_weights(tmp_path)
    write_sign_weights(tmp_path, WEIGHTS)
    assert read_sign_weights(tmp_path) == WEIGHTS
    (tmp_path / "signs.json").write_text('{"samples": 1, "none": [1]}')
    with pytest.raises(ModelUnavailableError, match=r"read\s+Field required"):
        read_sign_weights(tmp_path)
