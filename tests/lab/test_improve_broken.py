"""Programs that passed, broken on purpose, as lessons in repair."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("torch")

from metagpt.actions.sandbox import open_sandbox
from metagpt.behaviour import observe
from metagpt.hub.data import Example, TextData
from metagpt.lab.embedded.slips import slip
from metagpt.lab.from_runs import CompactPrompts
from metagpt.lab.improvement.broken import repair_call, repairs

EMBEDDED = Path(__file__).resolve().parents[2] / "metagpt/models/embedded_weights"

EVEN = "def even_total(numbers: list[int]) -> int:\n    evens = [n for n in numbers if n % 2 == 0]\n    return sum(evens)\n"
HIGHEST = "def highest(values: list[int]) -> int:\n    return max(values, default=0)\n"
WORDS = "import re\n\n\ndef words(text: str) -> int:\n    found = re.findall(r'\\w+', text)\n    return len(found)\n"


def passed(function: str, signature: str, answer: str, tests: list[object]) -> Example:
    context = {"signature": signature, "summary": "something"}
    fields = {
        "call": "engineer.write_program", "context": json.dumps(context), "answer": answer, "function": function, "tests": json.dumps(tests),
        "run": "1",
    }  # fmt: skip
    return Example(text="prompt", fields=fields)


LESSONS = TextData(
    [
        passed("even_total", "even_total(numbers: list[int]) -> int", EVEN, [[[[1, 2, 4]], 6], [[[]], 0], [[[3]], 0]]),
        passed("highest", "highest(values: list[int]) -> int", HIGHEST, [[[[1, 2, 4]], 4], [[[]], 0]]),
        passed("words", "words(text: str) -> int", WORDS, [[["a b"], 2], [[""], 0]]),
    ],
    name="runs",
)


async def test_every_lesson_is_a_program_that_fails_as_its_prompt_says() -> None:
    prompts = CompactPrompts(EMBEDDED)
    rows = await repairs(LESSONS, prompts, tries=12, seed=3)
    assert {prompt for prompt, _ in rows} & {prompt for prompt, _ in await repairs(LESSONS[:1], prompts, tries=3, seed=3)}, "the same seed"
    assert {answer for _, answer in rows} == {EVEN, HIGHEST, WORDS}
    assert len(rows) == len(set(rows)) > 6
    contexts = [json.loads(prompt.partition("<|context|>")[2].partition("<|answer|>")[0]) for prompt, _ in rows]
    assert any("NameError" in context["failure"] and "import" not in context["code"] for context in contexts), "imports are lost"
    assert any(context["code"] == HIGHEST.replace("highest", "even_total") for context in contexts), "another program of the same types"
    sandbox = open_sandbox()
    for (prompt, answer), context in zip(rows[:3], contexts, strict=False):
        assert prompt.startswith("<|call|>engineer.repair<|context|>")
        assert context["code"] != answer
        called, found = context["failure"].partition(") ")[::2]
        function, argument = called.partition("(")[::2]
        [outcome] = await observe(
            sandbox,
            {"program.py": context["code"]},
            file="program.py",
            function=function,
            inputs=[[json.loads(argument.replace("'", '"'))]],
        )
        [right] = await observe(
            sandbox, {"program.py": answer}, file="program.py", function=function, inputs=[[json.loads(argument.replace("'", '"'))]]
        )
        assert outcome.against(right.value).startswith(found[:60])


async def test_a_model_without_a_call_for_repair_gets_no_lessons_in_it(tmp_path: Path) -> None:
    assert await repairs(LESSONS, CompactPrompts(), tries=10, seed=3) == []
    assert repair_call(CompactPrompts(EMBEDDED), "engineer.write_program") == "engineer.repair"
    assert repair_call(CompactPrompts(EMBEDDED), "product_manager.specify") is None
    assert repair_call(CompactPrompts(EMBEDDED), "another.call") is None


def test_a_slip_changes_one_place() -> None:
    rng = random.Random(1)
    assert slip("x = 1\n", rng) is None
    seen = {slip(EVEN, rng) for _ in range(60)}
    assert EVEN not in seen
    assert EVEN.replace("==", "!=") in seen
    assert EVEN.replace("sum(", "len(") in seen
