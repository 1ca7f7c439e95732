"""The embedded model's pass@1 on held-out goals before and after DPO and GRPO, both by programs run in the sandbox.

    OMP_NUM_THREADS=1 python -m benchmarks.lab_alignment --folder .metagpt/alignment [--training 3072] [--held 250] [--only dpo|grpo]

Cut it at will and start it again with the same folder: marked tasks, drawn answers and trained steps are kept. It prints Markdown.

What is tuned is the product manager's model: its call `specify`, from a goal to a spec. The engineer stays as it is shipped, for any
role may have a model of its own, and a model tuned on one call loses at the others. The training tasks are generated from wordings
and compositions that training may show, by a seed that it did not use; the held-out tasks are compositions and wordings that neither
the model nor this training has seen. A spec is right where the program that the engineer writes from it, without chance, gives the
right result on every test, in the sandbox. Greedy: the spec that is drawn without chance; pass@1: the mean over specs drawn at
temperature 1. DPO learns from pairs of the model's own specs, one whose program passed before one like it that failed; GRPO
draws its own and is rewarded by `program_of_spec`. Both take the training tasks that the model solves sometimes, but not always.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import torch

from benchmarks.kept_runs import kept_run
from metagpt.lab.alignment.spec_reward import SpecReward
from metagpt.lab.embedded.corpus import specify_prompt
from metagpt.lab.embedded.goal_sets import Goal, goals_of
from metagpt.lab.embedded.speak import SmallModel
from metagpt.lab.evaluation import compare_measures, mean_measure
from metagpt.lab.evaluation.evaluate import scored
from metagpt.lab.evaluation.measures import Measure

EMBEDDED = Path(__file__).resolve().parents[1] / "metagpt" / "models" / "embedded_weights"
HELD_OUT = ("held_compositions", "held_wordings")
AT_ONCE = 32
"""Tasks that are answered, run and written down together."""
RESAMPLES = 10_000
DPO = {"learning_rate": 5e-5, "beta": 0.1, "chosen_weight": 1.0, "epochs": 1, "batch": 32}
GRPO = {"learning_rate": 1e-4, "generations": 16, "batch": 128, "temperature": 1.0, "epochs": 1, "max_tokens": 128}


@dataclass(frozen=True, slots=True)
class Mark:
    """How a model did on one held-out task."""

    greedy: bool
    right: int
    """Of the drawn specs, how many led to a right program."""
    drawn: int


def main() -> None:
    """Measure, train, measure again, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lab_alignment", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=Path(".metagpt/alignment"), help="tasks, marks and run folders")
    parser.add_argument("--training", type=int, default=3072, help="training tasks to draw answers to")
    parser.add_argument("--draws", type=int, default=8, help="answers drawn to each of them")
    parser.add_argument("--held", type=int, default=250, help="tasks of each held-out set")
    parser.add_argument("--samples", type=int, default=4, help="specs drawn for each held-out task beside the greedy one")
    parser.add_argument("--only", choices=("dpo", "grpo"))
    parser.add_argument("--model", type=Path, default=EMBEDDED, help="the folder of the model to tune; the one that is shipped if left out")
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--held-seed", type=int, default=4051, help="of the held-out tasks; the settings were chosen on those of 2028")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    training, held = tasks(options.folder, options.training, options.held, seed=options.seed, held_seed=options.held_seed)
    reward = SpecReward(options.model)
    rows = explored(options.model, training, options.folder / "draws.jsonl", options.draws, reward=reward, seed=options.seed)
    marks = {"before": marked(options.model, held, options.folder / "before.jsonl", options.samples, reward=reward, seed=options.seed)}
    notes = []
    for method in ("dpo", "grpo") if options.only is None else (options.only,):
        data = options.folder / f"{method}.jsonl"
        lessons = pairs(rows, options.seed) if method == "dpo" else prompts(rows)
        data.write_text("".join(json.dumps(row) + "\n" for row in lessons), encoding="utf-8")
        results = trained(method, options.model, data, options.folder / method, options.seed)
        notes.append(f"{method.upper()}: {results}")
        marks[method] = marked(
            Path(results["model"]), held, options.folder / f"{method}-after.jsonl", options.samples, reward=reward, seed=options.seed
        )
    print(report(marks, held), *notes, sep="\n")


# Tasks


def tasks(folder: Path, training: int, held: int, *, seed: int, held_seed: int) -> tuple[list[Goal], dict[str, list[Goal]]]:
    """Training tasks and the held-out ones; none of these is like one of those."""
    learnt = kept_goals(folder / "tasks-training.jsonl", "seen", training, seed)
    kept = {name: kept_goals(folder / f"tasks-{name}.jsonl", name, held, held_seed) for name in HELD_OUT}
    shown, compositions = {goal.text for goal in learnt}, {goal.steps for goal in learnt}
    for name, goals in kept.items():
        assert not shown & {goal.text for goal in goals}, f"a goal of {name} is a training goal, too"
    assert not compositions & {goal.steps for goal in kept["held_compositions"]}, "a held-out composition is trained on"
    return learnt, kept


def kept_goals(file: Path, name: str, count: int, seed: int) -> list[Goal]:
    """The goals of a set, made once and read from the file then."""
    if not file.is_file():
        made = [{"text": goal.text, "tests": json_tests(goal), "steps": goal.steps} for goal in goals_of(name, count=count, seed=seed)]
        file.write_text("".join(json.dumps(row) + "\n" for row in made if row["tests"]), encoding="utf-8")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        Goal(row["text"], tuple((argument, result) for (argument,), result in json.loads(row["tests"])), tuple(row["steps"]))
        for row in rows
    ]


def json_tests(goal: Goal) -> str:
    """The goal's tests as rows have them, those that JSON keeps as they are; empty where there are none."""
    found = [[[argument], result] for argument, result in goal.tests if is_kept(argument) and is_kept(result)]
    return json.dumps(found) if found else ""


def is_kept(value: Any) -> bool:
    """Whether a value comes back from JSON as it was."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False


# The model's own answers


def explored(base: Path, goals: Sequence[Goal], file: Path, draws: int, *, reward: SpecReward, seed: int) -> list[dict[str, Any]]:
    """For each training task the answers that the model draws at temperature 1, and which of them passed."""
    model = SmallModel(base, batch=128)

    def draw(batch: Sequence[Goal], number: int) -> Iterator[dict[str, Any]]:
        torch.manual_seed(seed + number)
        asked = [specify_prompt(goal.text) for goal in batch]
        tests = [json_tests(goal) for goal in batch]
        answers = model.answers(asked, samples=draws, temperature=1.0)
        earned = reward(completions=answers, tests=[cases for cases in tests for _ in range(draws)])
        for place, (prompt, cases) in enumerate(zip(asked, tests, strict=True)):
            part = slice(place * draws, (place + 1) * draws)
            yield {"text": prompt, "function": "", "tests": cases, "answers": answers[part], "passed": [r == 1.0 for r in earned[part]]}

    return in_batches(goals, file, draw)


def pairs(rows: Sequence[dict[str, Any]], seed: int, most: int = 2) -> list[dict[str, str]]:
    """For each task with both kinds up to `most` failed answers, each beside the passed one of as many steps that is most like it.

    Of answers of any length the failed ones are longer, for most training tasks have one step: DPO then learns to leave steps out,
    and is worse at long goals.
    """
    rng = random.Random(seed)
    found = []
    for row in rows:
        passed, failed = (
            [answer for answer, is_right in zip(row["answers"], row["passed"], strict=True) if is_right is kind] for kind in (True, False)
        )
        alike = sorted(
            (
                (SequenceMatcher(None, chosen, rejected).ratio(), rng.random(), chosen, rejected)
                for rejected in failed
                for chosen in set(passed)
                if num_steps(chosen) == num_steps(rejected)
            ),
            reverse=True,
        )
        best: dict[str, str] = {}
        for _, _, chosen, rejected in alike:
            best.setdefault(rejected, chosen)
        found += [{"text": row["text"], "chosen": chosen, "rejected": rejected} for rejected, chosen in list(best.items())[:most]]
    rng.shuffle(found)
    return found


def num_steps(answer: str) -> int:
    """Steps of a spec; none of one that declines or cannot be read."""
    try:
        spec = json.loads(answer)
    except ValueError:
        return 0
    return len(str(spec.get("summary", "")).split("; ")) if isinstance(spec, dict) and spec.get("in_scope") else 0


def prompts(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The tasks with both kinds of answers: from the others a group of answers of equal reward would teach nothing."""
    return [{name: row[name] for name in ("text", "function", "tests")} for row in rows if any(row["passed"]) and not all(row["passed"])]


def trained(method: str, base: Path, data: Path, folder: Path, seed: int) -> dict[str, Any]:
    """The results of the job `align`, done, gone on with, or read."""
    values: dict[str, Any] = {"method": method, "model": str(base), "data": str(data), "device": "cpu", "seed": seed, "save_every": 10}
    values |= DPO if method == "dpo" else {**GRPO, "reward": "program_of_spec", "tests_weight": 0, "form_weight": 0}
    started = time.monotonic()
    results = kept_run("align", values, folder)
    print(f"{method}: {time.monotonic() - started:.0f} s", flush=True)
    return results


# Marks


def marked(model: Path, held: dict[str, list[Goal]], file: Path, samples: int, *, reward: SpecReward, seed: int) -> list[Mark]:
    """How a model does on all held-out tasks, those of one set after the other."""
    small: list[SmallModel] = []

    def mark(batch: Sequence[Goal], number: int) -> Iterator[dict[str, Any]]:
        if not small:
            small.append(SmallModel(model, batch=128))
        asked, tests = [specify_prompt(goal.text) for goal in batch], [json_tests(goal) for goal in batch]
        torch.manual_seed(seed + number)
        greedy = reward(completions=small[0].answers(asked), tests=tests)
        answers = small[0].answers(asked, samples=samples, temperature=1.0)
        drawn = reward(completions=answers, tests=[cases for cases in tests for _ in range(samples)])
        for place, first in enumerate(greedy):
            right = sum(earned == 1.0 for earned in drawn[place * samples : (place + 1) * samples])
            yield {"greedy": first == 1.0, "right": right, "drawn": samples}

    return [Mark(**row) for row in in_batches([goal for goals in held.values() for goal in goals], file, mark)]


def in_batches(goals: Sequence[Goal], file: Path, work: Callable[[Sequence[Goal], int], Iterator[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A line of the file for each goal, made by `work` from a batch and its first number; what is there is not made again."""
    done = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    done = done[: len(done) - len(done) % AT_ONCE if len(done) < len(goals) else len(goals)]
    for start in range(len(done), len(goals), AT_ONCE):
        done += work(goals[start : start + AT_ONCE], start)
        file.write_text("".join(json.dumps(row) + "\n" for row in done), encoding="utf-8")
        print(f"{file.name}: {len(done)} of {len(goals)}", flush=True)
    return done


# The report


def report(marks: dict[str, list[Mark]], held: dict[str, list[Goal]]) -> str:
    """Before and after with 95 % intervals, and the paired differences."""
    names = [name for name in marks if name != "before"]
    head = ["held-out set", "tasks", "measure", "before"] + [f"after {name.upper()}" for name in names]
    head += [f"{name.upper()} - before, p" for name in names]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    parts, start = {}, 0
    for name, goals in held.items():
        parts[name.replace("held_", "")] = slice(start, start := start + len(goals))
    for name, part in {**parts, "both": slice(0, start)}.items():
        for measure in ("greedy", "pass@1"):
            taken = {model: measured(measure, found[part]) for model, found in marks.items()}
            cells = [name, str(part.stop - part.start), measure, *(with_interval(each) for each in taken.values())]
            lines.append("| " + " | ".join([*cells, *(gain(taken["before"], taken[model]) for model in names)]) + " |")
    return "\n".join(lines)


def measured(name: str, marks: Sequence[Mark]) -> Measure:
    """The share of greedy programs that are right, or pass@1: 1 - C(n-c, 1) / C(n, 1) = c / n, without bias."""
    if name == "greedy":
        return mean_measure(name, [mark.greedy for mark in marks], is_share=True)
    return mean_measure(name, [mark.right / mark.drawn for mark in marks])


def with_interval(measure: Measure) -> str:
    """A score in per cent with its interval."""
    [score] = scored([measure], resamples=RESAMPLES)
    return f"{score.value:.1%} ({score.interval.low:.1%} to {score.interval.high:.1%})"


def gain(before: Measure, after: Measure) -> str:
    """The paired difference in points, its interval, and the p of the paired test."""
    found = compare_measures([before], [after], resamples=RESAMPLES).differences[0]
    low, high = 100 * found.interval.low, 100 * found.interval.high
    return f"{100 * (found.second - found.first):+.1f} ({low:+.1f} to {high:+.1f}), {found.p_value:.4f}"


if __name__ == "__main__":
    main()
