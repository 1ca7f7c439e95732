"""What a role's model learns again beside the lessons of its runs."""

from __future__ import annotations

import pytest

from metagpt.errors import ConfigError, LabError
from metagpt.lab.improvement.rehearsal import rehearsed
from metagpt.lab.improvement.settings import Settings


def test_only_calls_of_the_role_are_rehearsed_the_same_ones_for_a_seed() -> None:
    rows = rehearsed("embedded-goals", "engineer", count=20, seed=1)
    assert len(rows) == 20
    assert {prompt.partition("<|context|>")[0] for prompt, _ in rows} == {"<|call|>engineer.write_program", "<|call|>engineer.repair"}
    assert all("def " in answer for _, answer in rows)
    assert rehearsed("embedded-goals", "engineer", count=20, seed=1) == rows
    assert rehearsed("embedded-goals", "engineer", count=20, seed=2) != rows


def test_what_the_model_will_be_judged_by_is_not_rehearsed() -> None:
    asked = {prompt for prompt, _ in rehearsed("embedded-goals", "engineer", count=10, seed=1)}
    rows = rehearsed("embedded-goals", "engineer", count=10, seed=1, asked=asked)
    assert len(rows) == 10
    assert not asked & {prompt for prompt, _ in rows}


def test_a_corpus_without_the_roles_calls_is_refused() -> None:
    with pytest.raises(LabError, match="found no call of the role 'poet' in the corpus 'embedded-goals'"):
        rehearsed("embedded-goals", "poet", count=2, seed=1)
    with pytest.raises(ConfigError, match="no-such"):
        rehearsed("no-such", "engineer", count=2, seed=1)


def test_rehearsal_comes_with_a_batch_and_rate_that_suit_it_unless_others_are_said() -> None:
    plain, rehearsing = Settings(role="engineer"), Settings(role="engineer", rehearse="embedded-goals")
    assert (plain.batch, plain.rate("full")) == (8, 5e-5)
    assert (rehearsing.batch, rehearsing.rate("full")) == (32, 3e-4)
    said = Settings(role="engineer", rehearse="embedded-goals", batch=4, learning_rate=1e-4)
    assert (said.batch, said.rate("full")) == (4, 1e-4)
