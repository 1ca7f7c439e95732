"""The shipped weights: they load, and they do an easy job right."""

import asyncio
import random
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from metagpt.lab.embedded.corpus import examples
from metagpt.lab.embedded.evaluation import EvaluationConfig, run_trials
from metagpt.lab.embedded.goal_sets import Goal
from metagpt.lab.embedded.speak import SmallModel, read_spec
from metagpt.models.local.pool import load_beside
from metagpt.models.local.retelling import FOLDER, retell_prompt
from metagpt.models.local.settings import LocalSettings

WEIGHTS = Path(__file__).parents[2] / "metagpt" / "models" / "embedded_weights"


@cache
def model() -> SmallModel:
    return SmallModel(WEIGHTS)


def test_every_text_of_the_corpus_survives_the_tokenizer() -> None:
    tokenizer = model().tokenizer
    for example in islice(examples(random.Random(21)), 60):
        text = example.prompt + example.answer
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert tokenizer.decode(tokenizer("naïve — 東京 ½", add_special_tokens=False)["input_ids"]) == "naïve — 東京 ½"


def test_digits_are_tokens_of_their_own() -> None:
    assert len(model().tokenizer("2026", add_special_tokens=False)["input_ids"]) == 4


def test_the_weights_fit_into_the_package() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*")) < 25_000_000


@pytest.mark.parametrize(
    ("goal", "meant", "other"),
    [
        (
            "the sum of the even ones in a list of ints",
            ("keep the even numbers; add up the numbers", "list[int]"),
            ("add up the numbers", "list[int]"),
        ),
        ("count the vowels in a sentence", ("count the vowels", "str"), ("list the vowels in the text", "str")),
        (
            "how long is every word in this list",
            ("get the length of each word in the list", "list[str]"),
            ("find the longest word in the list", "list[str]"),
        ),
    ],
)
def test_the_second_model_finds_a_goal_likelier_from_what_it_means(goal: str, meant: tuple[str, str], other: tuple[str, str]) -> None:
    weights = load_beside("embedded", WEIGHTS / FOLDER, LocalSettings())
    told, *prompts = (
        weights.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (goal, retell_prompt(*meant), retell_prompt(*other))
    )
    right, wrong = weights.log_likelihoods([(prompt, told) for prompt in prompts])
    assert right > wrong


def test_all_who_need_the_second_model_hold_one_copy_of_it() -> None:
    first = load_beside("embedded", WEIGHTS / FOLDER, LocalSettings())
    assert load_beside("another", WEIGHTS / FOLDER, LocalSettings()) is first


def test_an_easy_goal_is_specified() -> None:
    spec = model().specs(
        ["Write a function that returns the sum of the even numbers in a list of integers."], candidates=1, temperature=0.7, seed=1
    )[0][0]
    assert spec is not None
    assert spec.in_scope
    assert spec.takes == "list[int]"


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ("Write a function that checks whether a number is prime.", ((7, True), (9, False), (1, False))),
        ("Write a function that counts the vowels in a string.", (("hello", 2), ("xyz", 0))),
        ("Write a function that doubles every number in a list.", (([1, 2, 4], [2, 4, 8]), ([], []))),
    ],
)
def test_golden_goals_get_right_programs(text: str, tests: tuple[tuple[object, object], ...], tmp_path: Path) -> None:
    config = EvaluationConfig(model=WEIGHTS, out=tmp_path, candidates=8)
    trial = asyncio.run(run_trials(model(), [Goal(text, tests)], config))[0]
    assert trial.is_first_right


def test_a_goal_far_outside_is_declined(tmp_path: Path) -> None:
    config = EvaluationConfig(model=WEIGHTS, out=tmp_path, candidates=8)
    trial = asyncio.run(run_trials(model(), [Goal("Build me a web shop with a login page and payments.")], config))[0]
    assert trial.is_declined


def test_what_is_no_spec_reads_as_none() -> None:
    assert read_spec('{"in_scope": true, "summary": "x"') is None
    assert read_spec('{"in_scope": false, "summary": "", "signature": "", "examples": []}') is not None
