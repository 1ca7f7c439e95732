"""From the journal of runs to examples, preference pairs and rewards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, Message, ModelHub, Role, SqliteJournal, Team, on
from metagpt.errors import LabError
from metagpt.hub.data import load_data, load_splits
from metagpt.journal.trajectories import RecordedCall, Trajectory, read_trajectories
from metagpt.lab.from_runs import HELD_OUT, TRAIN, CompactPrompts, credit, gather, is_held_out, push_runs, record_models
from metagpt.lab.from_runs.answers import trained_form
from metagpt.testing import ScriptedModel
from metagpt.testing.scripted import data
from tests.lab.software_runs import RIGHT, WRONG, goal_text, open_journal, run_once

CARD = """---
prompt_format: compact
calls:
  engineer.write_program: [signature, summary]
  engineer.repair: [signature, summary, code, failure]
---

# A model for tests
"""
KEPT = next(n for n in range(2, 40) if is_held_out(goal_text(n)))
"""A number whose goal is held out."""
TRAINED = [n for n in range(2, 40) if not is_held_out(goal_text(n))]


def prompts(folder: Path) -> CompactPrompts:
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "README.md").write_text(CARD)
    return CompactPrompts(folder / "model")


async def test_runs_become_examples_pairs_and_rewards(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    right, mended, failed = TRAINED[:3]
    await run_once(journal, right)
    await run_once(journal, mended, wrong_first=True)
    await run_once(journal, failed, never_right=True)
    await run_once(journal, KEPT)
    found = gather(read_trajectories(journal), prompts(tmp_path), role="engineer")

    assert sorted(found) == ["engineer.repair", "engineer.write_program"]
    written = found["engineer.write_program"]
    (example,) = written.examples[TRAIN]
    summary = f'"signature": "add_{right}(number: int) -> int", "summary": "add {right}"'
    assert example.text == f"<|call|>engineer.write_program<|context|>{{{summary}}}<|answer|>"
    code = RIGHT.format(name=f"add_{right}", n=right)
    assert example.fields["answer"] == code
    assert example.fields["function"] == f"add_{right}"
    assert [[[1], 1 + right], [[5], 5 + right], [[0], right], [[3], 3 + right], [[7], 7 + right]] == json.loads(example.fields["tests"])
    assert [each.fields["function"] for each in written.examples[HELD_OUT]] == [f"add_{KEPT}"]

    (pair,) = written.pairs[TRAIN]
    assert f"add {mended}" in pair.text
    assert pair.fields["rejected"] == WRONG.format(name=f"add_{mended}", n=mended)
    assert pair.fields["chosen"] == RIGHT.format(name=f"add_{mended}", n=mended), "without the fence that it came in"
    (repair,) = found["engineer.repair"].examples[TRAIN]
    assert repair.fields["answer"] == pair.fields["chosen"]
    assert '"failure": "add_' in repair.text

    earned = {(each.fields.get("function", ""), each.label) for each in written.rewards[TRAIN]}
    assert {label for _, label in earned} == {0.0, 1.0}
    assert [each.label for each in written.rewards[HELD_OUT]] == [1.0]


async def test_a_run_that_failed_gives_no_example(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    await run_once(journal, 2, never_right=True)
    found = gather(read_trajectories(journal), prompts(tmp_path), role="engineer")
    assert not any(each.examples or each.pairs for each in found.values())
    assert {example.label for each in found.values() for part in each.rewards.values() for example in part} == {0.0}


async def test_secrets_stay_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "sk-live-0123456789abcdef")
    journal = open_journal(tmp_path)
    await run_once(journal, 2, secret=" My key is sk-live-0123456789abcdef.")
    hub = ModelHub(tmp_path / "hub")
    entries = push_runs(hub, gather(read_trajectories(journal), CompactPrompts()))
    splits = {name: load_splits(f"hub:{entry.reference}", hub=hub) for name, entry in entries.items()}
    rows = [json.dumps(example.as_json()) for parts in splits.values() for part in parts.values() for example in part]
    assert any("My key is ***." in row for row in rows)
    assert not any("sk-live" in row for row in rows)
    assert not any(b"sk-live" in path.read_bytes() for path in (tmp_path / "hub").rglob("*") if path.is_file())


async def test_lineage_leads_from_the_model_over_runs_to_the_set(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    runs = [await run_once(journal, n) for n in TRAINED[:2]]
    hub = ModelHub(tmp_path / "hub")
    found = gather(read_trajectories(journal), prompts(tmp_path), role="engineer")
    entries = push_runs(hub, found)
    assert push_runs(hub, found) == entries, "the same content is no new version"
    assert sorted(entries) == ["engineer.write_program", "engineer.write_program.rewards"]
    assert entries["engineer.write_program"].parents == tuple(f"run:{run_id}" for run_id in runs)
    assert "2 train prompts with passed answers, from 2 runs." in hub.card("engineer.write_program").summary
    assert len(load_data("hub:engineer.write_program", split=TRAIN, hub=hub)) == 2

    calls = (recorded("x", model="embedded"), recorded("x", model="hub:gone@3"))
    record_models(hub, [Trajectory(run_id=runs[0], team="t", goal="g", success=True, output=None, calls=calls)])
    assert hub.registry.runs()[runs[0]] == ["embedded@1"]
    edges = set(hub.lineage().edges)
    assert {("embedded@1", f"run:{runs[0]}"), (f"run:{runs[0]}", "engineer.write_program@1")} <= edges


def recorded(*answers: str, votes: tuple[int, ...] = (), **said: Any) -> RecordedCall:
    values = {"invocation": "i", "call": "engineer.write_program", "model": "m", "context": {"signature": "f(a: int) -> int"}} | said
    return RecordedCall(schema=None, answers=answers, votes=votes or (1,) * len(answers), **values)


@pytest.mark.parametrize(
    ("answers", "votes", "agreed"),
    [
        (("a", "b"), (1, 3), ["b"]),
        (("a", "b", "a", "a"), (), ["a"]),
        (("a", "b"), (1, 2), []),
        (("a", "a", "a"), (), []),
        (("a",), (), []),
        (("a", "b"), (0, 0), []),
    ],
)
def test_what_three_votes_in_four_are_for_is_agreed_on_unless_nobody_says_otherwise(
    answers: tuple[str, ...], votes: tuple[int, ...], agreed: list[str]
) -> None:
    trajectory = Trajectory(run_id="r", team="t", goal="g", success=False, output=None, calls=(recorded(*answers, votes=votes),))
    assert [each.answer for each in credit(trajectory) if each.outcome == "agreed"] == agreed


def test_a_call_with_a_passed_answer_is_not_agreed_on_otherwise(tmp_path: Path) -> None:
    call = recorded("def f(a): return a", "def f(a): return a + 1", votes=(1, 3), context={"signature": "f(a: int) -> int", "summary": "s"})
    output = {"type": "Delivery", "body": {"code": "def f(a): return a"}}
    passed = Trajectory(run_id="r", team="t", goal=goal_text(TRAINED[0]), success=True, output=output, calls=(call,))
    assert [each.outcome for each in credit(passed)] == ["passed", "open"]
    failed = Trajectory(run_id="q", team="t", goal=goal_text(TRAINED[1]), success=False, output=None, calls=(call,))
    (found,) = gather([failed], prompts(tmp_path)).values()
    assert {name: [row.fields["answer"] for row in parts[TRAIN]] for name, parts in found.sets.items()} == {
        ".agreed": ["def f(a): return a + 1"]
    }


async def test_what_a_goal_asks_in_the_held_out_part_is_not_trained_on(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    await run_once(journal, TRAINED[0])
    held_goal = next(f" v{n}" for n in range(100) if is_held_out(goal_text(TRAINED[0]) + f" v{n}"))
    await run_once(journal, TRAINED[0], secret=held_goal)  # another goal that comes to the same prompt
    written = gather(read_trajectories(journal), prompts(tmp_path), role="engineer")["engineer.write_program"]
    assert list(written.examples) == [HELD_OUT]


class Draft(Message):
    text: str


class Essay(Message):
    text: str
    words: int


class Writer(Role):
    """A writer."""

    @on(Goal)
    async def draft(self, goal: Goal) -> Draft:
        drafts = await self.ask_many(Draft, "Draft: {{ goal }}", goal=goal.text)
        return drafts[-1]

    @on(Draft)
    async def finish(self, draft: Draft) -> Essay:
        return await self.ask(Essay, "Finish: {{ draft }}", draft=draft.text)


async def test_only_the_candidate_that_was_used_is_credited(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    script = [data(Draft(text="first"), Draft(text="second")), data(Essay(text="the end", words=2))]
    with ScriptedModel(script) as model:
        await Team([Writer()], final=Essay, journal=journal, model=model, success=lambda essay: True).run("tea")
    (trajectory,) = read_trajectories(journal)
    outcomes = {attempt.answer: attempt.outcome for attempt in credit(trajectory)}
    assert outcomes == {'{"text":"first"}': "open", '{"text":"second"}': "passed", '{"text":"the end","words":2}': "passed"}
    found = gather([trajectory], CompactPrompts())
    (row,) = [example for part in found["writer.draft"].examples.values() for example in part]
    assert row.fields["answer"] == '{"text": "second"}'
    assert json.loads(row.fields["schema"])["properties"]


async def test_runs_of_another_team_are_left_out(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    await run_once(journal, 2)
    assert [each.team for each in read_trajectories(journal, team="software")] == ["software"]
    assert list(read_trajectories(journal, team="debate")) == []


async def test_a_context_that_lacks_what_the_model_reads_is_refused(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    await run_once(journal, 2)
    card = CARD.replace("[signature, summary]", "[signature, colour]")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "README.md").write_text(card)
    with pytest.raises(LabError, match=r"found the call 'engineer.write_program' without \['colour'\]"):
        gather(read_trajectories(journal), CompactPrompts(tmp_path / "model"))


@pytest.mark.parametrize(
    ("answer", "trained"),
    [
        ('{"a":1,"b":"x"}', '{"a": 1, "b": "x"}'),
        ("Here:\n```python\nx = 1\n```\nDone.", "x = 1\n"),
        ("x = 1\n", "x = 1\n"),
        ("### a.py\n```\na\n```\n### b.py\n```\nb\n```", "### a.py\n```\na\n```\n### b.py\n```\nb\n```"),
    ],
)
def test_an_answer_is_trained_in_the_form_that_a_compact_model_gives(answer: str, trained: str) -> None:
    assert trained_form(answer) == trained
