"""Intervals, paired tests, reports, pass@k by execution, and the two jobs."""

from __future__ import annotations

import gzip
import json
import random
from itertools import combinations
from pathlib import Path

import pytest

from metagpt.errors import LabError
from metagpt.lab.evaluation import (
    CodeProblem,
    bootstrap_intervals,
    compare_models,
    evaluate_model,
    mcnemar_exact,
    mean_measure,
    pass_at_k,
    pass_measures,
    run_samples,
    wilson_interval,
)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_wilson_is_the_interval_of_the_textbook() -> None:
    """Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611."""
    found = wilson_interval(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert wilson_interval(0, 20).low == 0
    assert round(wilson_interval(0, 20).high, 4) == 0.1611


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    rng = random.Random(2)
    values = [rng.gauss(10, 2) for _ in range(400)]
    found = bootstrap_intervals([mean_measure("mean", values)], resamples=2000)["mean"]
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 2 / 400**0.5, rel=0.15)
    assert found.low < sum(values) / 400 < found.high


def test_mcnemar_is_the_binomial_of_the_disagreements() -> None:
    from scipy.stats import binomtest

    for only_first, only_second in ((0, 0), (1, 5), (10, 2), (7, 7)):
        wanted = binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
        assert mcnemar_exact(only_first, only_second) == pytest.approx(wanted)


def test_a_better_model_wins_and_equal_ones_cannot_be_told_apart() -> None:
    labels = ["a", "b"] * 50
    good = labels[:95] + ["x"] * 5
    bad = labels[:60] + ["x"] * 40
    found = compare_models(bad, good, labels, names=("old", "new"))
    assert found.winner == "new"
    assert found.differences[0].p_value == mcnemar_exact(0, 35)
    assert found.differences[1].test == "paired bootstrap"
    assert found.differences[1].p_value < 0.01
    same = compare_models(good, good, labels)
    assert same.winner is None
    assert same.differences[0].p_value == 1
    assert same.differences[1].p_value == 1
    assert "cannot be told apart" in str(same)


def test_for_errors_the_lower_score_wins() -> None:
    rng = random.Random(4)
    labels = [rng.random() for _ in range(80)]
    near, far = ([label + rng.gauss(0, width) for label in labels] for width in (0.1, 0.5))
    assert compare_models(near, far, labels, names=("near", "far")).winner == "near"
    assert compare_models(far, near, labels, names=("far", "near")).winner == "near"


def test_entities_of_two_models_are_compared_sentence_by_sentence() -> None:
    labels = [["B-x", "I-x", "O", "B-y"]] * 40
    found = compare_models([["B-x", "O", "O", "O"]] * 40, labels, labels)
    assert found.winner == "second"
    assert found.differences[0].measure == "entity_f1_micro"
    assert (found.differences[0].first, found.differences[0].second) == (0.0, 1.0)


def test_a_report_prints_as_a_table_and_is_saved_as_markdown_charts_and_json(tmp_path: Path) -> None:
    report = evaluate_model(["a", "b", "b", "b"] * 10, ["a", "b", "b", "a"] * 10, title="Two classes")
    assert report["accuracy"] == 0.75
    assert "accuracy     0.7500  [0.5981, 0.8581]" in str(report)
    report.save(tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| accuracy | 0.7500 | [0.5981, 0.8581] | wilson |" in text
    for name in ("scores.png", "f1.png", "confusion.png"):
        assert f"]({name})" in text
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [score["name"] for score in told["scores"]] == ["accuracy", "f1_macro", "f1_micro"]
    assert told["taken_for"] == [["a", "a", 10], ["a", "b", 10], ["b", "b", 20]]
    with pytest.raises(LabError, match="Did you mean 'accuracy'"):
        report["acuracy"]


def test_what_is_no_number_is_null_in_json() -> None:
    report = evaluate_model([1.0, 2.0], [2.0, 2.0])
    [score] = [score for score in report.as_json()["scores"] if score["name"] == "r2"]
    assert score["value"] is None


def test_pass_at_k_is_the_mean_over_all_draws_of_k() -> None:
    for samples, passed in ((5, 0), (5, 2), (6, 6)):
        outcomes = [place < passed for place in range(samples)]
        for k in (1, 2, 5):
            draws = [any(draw) for draw in combinations(outcomes, k)]
            assert pass_at_k(samples, passed, k) == pytest.approx(sum(draws) / len(draws))
    with pytest.raises(LabError, match="Draw more samples"):
        pass_at_k(3, 1, 5)


def test_programs_are_run_with_their_tests_and_one_that_ends_early_does_not_pass() -> None:
    problem = CodeProblem(name="add", tests="assert add(1, 2) == 3\n")
    samples = [
        "def add(a, b):\n    return a + b\n",
        "def add(a, b):\n    return a - b\n",
        "import sys\nsys.exit(0)\n",
        "def add(a, b:\n",
    ]
    [verdicts] = run_samples([problem], [samples])
    assert [verdict.passed for verdict in verdicts] == [True, False, False, False]
    assert verdicts[1].reason == "AssertionError"
    assert verdicts[2].reason == "ended with status 0 before its last test"
    [first, third] = pass_measures([verdicts], (1, 3))
    assert (first.value, third.value) == (0.25, 0.75)


@pytest.mark.skipif(not DATA.is_dir(), reason="the optional data folder is absent")
def test_solutions_of_human_eval_pass_and_empty_ones_do_not() -> None:
    with gzip.open(DATA / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(3), strict=False)]
    problems = [CodeProblem.from_human_eval(row) for row in rows]
    verdicts = run_samples(problems, [[row["canonical_solution"], "    return None\n"] for row in rows])
    assert [[verdict.passed for verdict in each] for each in verdicts] == [[True, False]] * 3
