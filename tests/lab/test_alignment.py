"""DPO and GRPO on a tiny model: what they learn, what they refuse, and that a run that was cut goes on."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from metagpt import ModelHub, plugins  # noqa: E402
from metagpt.errors import ConfigError, LabError  # noqa: E402
from metagpt.hub.data import Example, TextData, push_data  # noqa: E402
from metagpt.lab.alignment import FormReward, LengthReward, TestsReward  # noqa: E402
from metagpt.lab.alignment.guard import LossGuard  # noqa: E402
from metagpt.lab.alignment.rows import pair_rows, prompt_rows  # noqa: E402
from metagpt.lab.alignment.spec_reward import SpecReward  # noqa: E402
from metagpt.lab.alignment.weights import load_model  # noqa: E402
from metagpt.lab.jobs import Recipe, RunFolder, run_recipe  # noqa: E402
from metagpt.models.compact import compact_prompt  # noqa: E402
from tests.models.tiny_model import save_tiny_model  # noqa: E402

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "model")


def jsonl(file: Path, rows: list[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def pairs(file: Path, count: int = 8) -> str:
    return jsonl(file, [{"text": f"add {n}", "chosen": f"return x + {n}", "rejected": f"return x - {n}"} for n in range(count)])


def recipe(**values: Any) -> Recipe:
    return Recipe(kind="align", values={"device": "cpu", "batch": 4, "learning_rate": 1e-3, **values})


def preference(folder: Path, prompt: str, answer: str) -> float:
    """Log-probability of the answer."""
    from transformers import AutoTokenizer

    tokenizer, weights = AutoTokenizer.from_pretrained(folder), load_model(folder)
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said = tokenizer(answer, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = weights(input_ids=torch.tensor([asked + said])).logits[0].log_softmax(-1)
    return sum(float(logits[len(asked) + place - 1, token]) for place, token in enumerate(said))


@pytest.mark.parametrize("lora", [False, True])
def test_dpo_moves_the_model_towards_what_was_chosen(tmp_path: Path, model: Path, lora: bool) -> None:
    told = recipe(method="dpo", model=str(model), data=pairs(tmp_path / "pairs.jsonl"), max_steps=6, lora=lora)
    folder, results = run_recipe(told, out=tmp_path / "run")
    assert results["first_loss"] == pytest.approx(math.log(2), abs=1e-4), "before the first step the model is its own reference"
    assert results["last_loss"] < results["first_loss"]
    margins = [preference(at, "add 3", "return x + 3") - preference(at, "add 3", "return x - 3") for at in (model, folder.path / "model")]
    assert margins[1] > margins[0]
    assert [line["step"] for line in folder.logged() if "loss" in line] == [1, 2, 3, 4, 5, 6]


def test_dpo_with_a_weight_on_chosen_answers_makes_them_likelier(tmp_path: Path, model: Path) -> None:
    told = recipe(method="dpo", model=str(model), data=pairs(tmp_path / "pairs.jsonl"), max_steps=6, chosen_weight=1.0)
    folder, results = run_recipe(told, out=tmp_path / "run")
    per_token = -preference(model, "add 3", "return x + 3") / len("return x + 3")
    assert results["first_loss"] > math.log(2) + 0.5 * per_token, "the loss on chosen answers stands beside DPO's"
    assert preference(folder.path / "model", "add 3", "return x + 3") > preference(model, "add 3", "return x + 3")


def test_grpo_raises_the_reward(tmp_path: Path, model: Path) -> None:
    data = jsonl(tmp_path / "prompts.jsonl", [{"text": f"add {n}"} for n in range(8)])
    told = recipe(
        method="grpo", model=str(model), data=data, max_steps=12, generations=16, batch=16, max_tokens=4, temperature=1.0, learning_rate=1e-2,
        tests_weight=0, form_weight=1, form_pattern=".*[0-9].*",
    )  # fmt: skip
    _, results = run_recipe(told, out=tmp_path / "run")
    assert results["first_reward"] < 0.5 < 0.8 < results["last_reward"], "answers with a digit in them"


def test_a_run_that_was_cut_goes_on_to_the_same_weights(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = recipe(method="dpo", model=str(model), data=pairs(tmp_path / "pairs.jsonl"), max_steps=4, save_every=2)
    whole, _ = run_recipe(told, out=tmp_path / "whole")

    def cut(self: LossGuard, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LossGuard, "on_step_end", cut)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(told, out=tmp_path / "cut")
    assert not (tmp_path / "cut" / "model").exists()
    run_recipe(Recipe(kind=""), resume=tmp_path / "cut")
    one, other = (load_model(folder / "model").state_dict() for folder in (whole.path, tmp_path / "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_that_is_no_number_stops_before_anything_is_saved(tmp_path: Path, model: Path) -> None:
    weights = load_model(model)
    weights.model.norm.weight.data[0] = math.nan
    weights.save_pretrained(model)
    with pytest.raises(LabError, match=r"align dpo: step 1: found loss nan; expected a number. Lower the learning rate \(0.001\)"):
        run_recipe(recipe(method="dpo", model=str(model), data=pairs(tmp_path / "pairs.jsonl")), out=tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()
    assert not (tmp_path / "run" / "results.json").exists()


def test_the_tuned_model_is_pushed_with_its_lineage(tmp_path: Path, model: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    hub.push(model, "writer")
    rows = [Example(text=f"add {n}", fields={"chosen": "yes", "rejected": "no"}) for n in range(4)]
    push_data(hub, "writer.pairs", TextData(rows))
    told = recipe(method="dpo", model="hub:writer", data="hub:writer.pairs", max_steps=1, hub=str(hub.path), push="writer")
    _, results = run_recipe(told, out=tmp_path / "run")
    assert results["pushed"] == "writer@2"
    assert hub.get("writer@2").parents == ("writer@1", "writer.pairs@1")
    assert hub.card("writer").summary == "hub:writer@1 after DPO on 4 rows of hub:writer.pairs."


def test_rewards_of_tests_form_and_length() -> None:
    right, wrong = "def double(x):\n    return 2 * x\n", "def double(x):\n    return x + 2\n"
    answers = [right, f"```python\n{right}```", wrong, "def triple(x):\n    return 2 * x\n", "no program"]
    columns = {"function": ["double"] * 5, "tests": [json.dumps([[[1], 2], [[2], 4], [[3], 6], [[4], 8]])] * 5}
    assert TestsReward()(completions=answers, **columns) == [1.0, 1.0, 0.25, 0.0, 0.0]
    assert TestsReward()(completions=[right], function=[""], tests=[""]) == [None]
    assert FormReward()(completions=answers, **columns) == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert FormReward(r"\d+")(completions=["12", "12 eggs"], **columns) == [1.0, 0.0]
    assert LengthReward(10)(completions=["a" * 5, "a" * 10, "a" * 20, ""]) == [1.0, 1.0, 0.5, 1.0]


EMBEDDED = Path(__file__).parents[2] / "metagpt" / "models" / "embedded_weights"
SUM_OF_EVENS = json.dumps([[[[1, 2, 4]], 6], [[[3]], 0], [[[]], 0]])


def spec(summary: str, signature: str) -> str:
    return json.dumps({"in_scope": True, "summary": summary, "signature": signature, "examples": []})


def test_a_spec_is_worth_what_the_program_that_follows_from_it_passes() -> None:
    signature = "total(numbers: list[int]) -> int"
    right, wrong = spec("keep the even numbers; add up the numbers", signature), spec("add up the numbers", signature)
    renamed = right.replace("total(", "add_up(")
    answers = [right, wrong, '{"in_scope": false, "summary": "", "signature": "", "examples": []}', "no spec", renamed, "[" * 100_000]
    reward = SpecReward(EMBEDDED)
    assert reward(completions=answers, tests=[SUM_OF_EVENS] * 6) == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert reward(completions=[right, wrong], tests=["", SUM_OF_EVENS]) == [None, 0.0]


def test_grpo_is_rewarded_by_the_programs_of_specs(tmp_path: Path) -> None:
    prompt = compact_prompt("product_manager.specify", {"goal": "the sum of the even numbers in a list of integers"})
    data = jsonl(tmp_path / "goals.jsonl", [{"text": prompt, "tests": SUM_OF_EVENS}])
    told = recipe(
        method="grpo", model=str(EMBEDDED), data=data, reward="program_of_spec", tests_weight=0, form_weight=0, generations=4, max_steps=1,
        max_tokens=128, temperature=0.2,
    )  # fmt: skip
    folder, results = run_recipe(told, out=tmp_path / "run")
    assert results["first_reward"] > 0.5, "nearly without chance it reads this goal rightly"
    assert "rewards/program_of_spec/mean" in next(iter(folder.logged()))


@dataclass
class Digits:
    """The reward of a plugin: whether there is a digit in the answer."""

    base: Path
    __name__ = "digits"

    def __call__(self, *, prompts: list[str], completions: list[str], function: list[str], tests: list[str], **_: Any) -> list[float]:
        assert (self.base / "config.json").is_file()
        assert all(prompt.startswith("add ") for prompt in prompts)
        assert set(function) == set(tests) == {""}
        return [float(any(sign.isdigit() for sign in answer)) for answer in completions]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint(name, f"{__name__}:{value}", "metagpt.rewards") for name, value in (("digits", "Digits"), ("text", "spec"))]
    points.append(EntryPoint("nothing", "builtins:dict", "metagpt.rewards"))
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(point for point in points if point.group == group))


def test_grpo_learns_from_the_reward_of_a_plugin(tmp_path: Path, model: Path, installed: None) -> None:
    data = jsonl(tmp_path / "prompts.jsonl", [{"text": f"add {n}"} for n in range(8)])
    told = recipe(
        method="grpo", model=str(model), data=data, max_steps=12, generations=16, batch=16, max_tokens=4, temperature=1.0, learning_rate=1e-2,
        reward="digits", tests_weight=0, form_weight=0,
    )  # fmt: skip
    _, results = run_recipe(told, out=tmp_path / "run")
    assert results["first_reward"] < 0.5 < 0.8 < results["last_reward"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("digit", "found no rewards plugin 'digit'.*Did you mean 'digits'"),
        ("text", "reward 'text': found a plugin that refuses base"),
        ("nothing", "reward 'nothing': found the plugin to open {'base': .*}; expected a callable with a __name__"),
    ],
)
def test_what_is_no_reward_is_refused(tmp_path: Path, model: Path, installed: None, name: str, told: str) -> None:
    data = jsonl(tmp_path / "prompts.jsonl", [{"text": "add 1"}])
    with pytest.raises(ConfigError, match=told):
        run_recipe(recipe(method="grpo", model=str(model), data=data, reward=name, tests_weight=0), out=tmp_path / "run")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"method": "ppo"}, "method: found 'ppo'"),
        ({"method": "grpo", "form_pattern": "("}, "is no regular expression"),
        ({"method": "dpo", "model": "nowhere"}, "base: found 'nowhere'; expected embedded, hub:NAME, or the folder"),
        ({"method": "grpo"}, "found no prompts with function and tests"),
        ({"method": "grpo", "tests_weight": 0, "batch": 6, "generations": 4}, "found batch 6 with 4 generations; expected a multiple"),
        ({"method": "grpo", "tests_weight": 0, "form_weight": 0}, "found no reward with a weight"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, model: Path, values: dict[str, Any], told: str) -> None:
    with pytest.raises((ConfigError, LabError), match=told):
        run_recipe(recipe(**{"model": str(model), "data": pairs(tmp_path / "pairs.jsonl"), **values}), out=tmp_path / "run")


def test_rows_name_what_lacks() -> None:
    with pytest.raises(LabError, match="set: found chosen = None; expected an answer"):
        pair_rows(TextData([Example(text="a")], name="set"))
    with pytest.raises(LabError, match="found one text as chosen and rejected"):
        pair_rows(TextData([Example(text="a", fields={"chosen": "b", "rejected": "b"})], name="set"))
    rows = [Example(text="a", fields={"function": "f", "tests": "[]"}), Example(text="a", fields={"function": "f", "tests": "[[1]]"})]
    assert prompt_rows(TextData(rows), needs_tests=True) == [{"prompt": "a", "function": "f", "tests": "[[1]]"}]


@pytest.mark.skipif(not (DATA / "gsm8k").is_dir(), reason="the optional data folder is not there")
def test_grpo_takes_real_questions(tmp_path: Path, model: Path) -> None:
    file = next(path for path in sorted((DATA / "gsm8k").iterdir()) if path.suffix in (".jsonl", ".parquet"))
    from metagpt.hub.data import load_data

    questions = load_data(file, text="question", label="answer")[:8]
    data = jsonl(tmp_path / "questions.jsonl", [{"text": question} for question in questions.texts])
    told = recipe(
        method="grpo", model=str(model), data=data, max_steps=1, generations=4, max_tokens=6, tests_weight=0, form_weight=1,
        form_pattern=r".*\d+",
    )  # fmt: skip
    _, results = run_recipe(told, out=tmp_path / "run")
    assert results["rows"] == 8
    assert 0 <= results["first_reward"] <= 1


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metagpt.hub import Card
    from metagpt.lab.alignment.weights import save_tuned

    weights = load_model(model)

    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(type(weights), "save_pretrained", full_disk)
        with pytest.raises(LabError, match="No space left on device; expected room"):
            save_tuned(weights, model, tmp_path / "out", Card())
    assert list(tmp_path.iterdir()) == [model]
    saved = save_tuned(weights, model, tmp_path / "out", Card(summary="Tuned."))
    assert RunFolder(saved).path.is_dir()
    assert "summary: Tuned." in (saved / "README.md").read_text()
