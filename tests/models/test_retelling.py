"""Answers weighed by how likely they make their question."""

import json
import math
from collections.abc import Sequence
from typing import Any

from metagpt.models.interface import Candidate, ModelRequest
from metagpt.models.local.retelling import CHANNEL, MOST_RETOLD, NATS_UNTOLD, Retelling, retell_prompt

END = 0


class Teller:
    """Weights that make a goal the likelier the more of its letters stand in the prompt."""

    end_tokens = frozenset({END})
    tokenizer = staticmethod(lambda text, **_: {"input_ids": [ord(letter) for letter in text]})

    def __init__(self, nats: float = 1.0) -> None:
        self.asked = 0
        self.nats = nats
        """For each letter that lacks."""

    def log_likelihoods(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        self.asked += len(pairs)
        assert all(told[-1] == END for _, told in pairs)
        return [-self.nats * sum(letter not in prompt for letter in told[:-1]) for prompt, told in pairs]


def _spec(summary: str, takes: str = "str") -> str:
    return json.dumps({"in_scope": True, "summary": summary, "signature": f"f(x: {takes}) -> int", "examples": []})


def _weighed(goal: str, *candidates: Candidate, nats: float = 1.0) -> tuple[list[int], Teller]:
    teller: Any = Teller(nats)
    retelling = Retelling({"product_manager.specify": "goal"}, lambda: teller)
    request = ModelRequest(call="product_manager.specify", chat=(), context={"goal": goal})
    return [candidate.votes for candidate in retelling.weighed(request, candidates)], teller


def test_votes_go_to_the_answer_that_leaves_nothing_of_the_goal_unsaid() -> None:
    votes, _ = _weighed("@@@@@@@@@@", Candidate(text=_spec("no"), votes=30), Candidate(text=_spec("@"), votes=10))
    lost = math.exp(-CHANNEL * 10)
    assert votes == [round(40 * 30 * lost / (30 * lost + 10)), round(40 * 10 / (30 * lost + 10))]
    assert votes[1] > votes[0]


def test_a_goal_that_no_answer_makes_likely_has_votes_for_none() -> None:
    goal = "@" * 10
    votes, _ = _weighed(goal, Candidate(text=_spec("no"), votes=20), Candidate(text=_spec("nor"), votes=20), nats=8.0)
    untold = math.exp(CHANNEL * (8 * 10 - NATS_UNTOLD * 11))  # of the goal's tokens and its end, beside 8 nats for each letter
    assert votes == [round(20 / (1 + untold)), round(20 / (1 + untold)), 40 - 2 * round(20 / (1 + untold))]
    assert votes[2] > 20


def test_a_single_reading_is_held_against_none_as_well() -> None:
    assert _weighed("@" * 10, Candidate(text=_spec("no"), votes=20), nats=8.0)[0][-1] > 10
    assert _weighed("@" * 10, Candidate(text=_spec("@"), votes=20), nats=8.0)[0] == [20]


def test_equal_answers_share_one_weight_and_all_votes_stay() -> None:
    votes, teller = _weighed("@@", *[Candidate(text=_spec("@"))] * 4, *[Candidate(text=_spec("no"))] * 4)
    assert teller.asked == 2
    assert sum(votes) == 8
    assert votes[0] == votes[3]


def test_a_type_of_argument_tells_readings_apart() -> None:
    assert retell_prompt("count", "str") != retell_prompt("count", "list[str]")
    _, teller = _weighed("@", Candidate(text=_spec("count")), Candidate(text=_spec("count", "list[str]")))
    assert teller.asked == 2


def test_what_declines_or_is_no_spec_keeps_its_votes() -> None:
    declined = json.dumps({"in_scope": False, "summary": "", "signature": "", "examples": []})
    others = [Candidate(text=declined, votes=5), Candidate(text='{"summary": "cut', votes=2), Candidate(text="[1]", votes=1)]
    votes, _ = _weighed("@", *others, Candidate(text=_spec("@"), votes=1), Candidate(text=_spec("no"), votes=1))
    assert votes[:3] == [5, 2, 1]


def test_a_draft_without_votes_gets_none_and_is_not_told() -> None:
    votes, teller = _weighed("@", Candidate(text=_spec("@"), votes=0), Candidate(text=_spec("no"), votes=3), Candidate(text=_spec("x")))
    assert votes[0] == 0
    assert teller.asked == 2


def test_no_more_answers_are_told_than_the_bound() -> None:
    many = [Candidate(text=_spec(f"way {number}"), votes=100 - number) for number in range(MOST_RETOLD + 5)]
    votes, teller = _weighed("@", *many)
    assert teller.asked == MOST_RETOLD
    assert votes[len(many) - 1] == many[-1].votes


def test_another_call_or_no_reading_loads_nothing() -> None:
    def load() -> Any:
        raise AssertionError("loaded")

    retelling = Retelling({"product_manager.specify": "goal"}, load)
    other = ModelRequest(call="engineer.repair", chat=(), context={"code": "x"})
    pair = (Candidate(text=_spec("a")), Candidate(text=_spec("b")))
    assert retelling.weighed(other, pair) == pair
    asked = ModelRequest(call="product_manager.specify", chat=(), context={"goal": "x"})
    unread = (Candidate(text="{}"), Candidate(text=_spec("a"), votes=0))
    assert retelling.weighed(asked, unread) == unread


def test_weights_are_loaded_once_and_given_up_on_close() -> None:
    loads = []

    def load() -> Any:
        loads.append(Teller())
        return loads[-1]

    retelling = Retelling({"product_manager.specify": "goal"}, load)
    request = ModelRequest(call="product_manager.specify", chat=(), context={"goal": "x"})
    pair = (Candidate(text=_spec("a")), Candidate(text=_spec("b")))
    retelling.weighed(request, pair)
    retelling.weighed(request, pair)
    assert len(loads) == 1
    retelling.close()
    retelling.weighed(request, pair)
    assert len(loads) == 2
