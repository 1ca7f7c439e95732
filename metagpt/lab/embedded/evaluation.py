"""Scores of the embedded model, by execution: from a goal in English to a program that is run and compared."""

import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metagpt.lab.embedded.chain import Chain, chain_inputs, random_chain
from metagpt.lab.embedded.choose import Behaviour, Choice, Thresholds, choose, outcome_key, same_value, stated_examples
from metagpt.lab.embedded.corpus import LENGTHS, ask, is_plain, training_chain
from metagpt.lab.embedded.goals import load_goals
from metagpt.lab.embedded.holdout import is_held_composition
from metagpt.lab.embedded.inputs import KINDS, edge_inputs, random_input
from metagpt.lab.embedded.outside import outside_goal
from metagpt.lab.embedded.runner import run_programs
from metagpt.lab.embedded.sentences import Side, UnsayableError
from metagpt.lab.embedded.speak import SmallModel, Spec

__all__ = ["SETS", "EvaluationConfig", "Goal", "Trial", "evaluate", "goals_of", "score"]


@dataclass(frozen=True)
class Goal:
    """A goal and what a right program does; no tests where it is out of scope."""

    text: str
    tests: tuple[tuple[Any, Any], ...] = ()

    @property
    def in_scope(self) -> bool:
        return bool(self.tests)


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """One evaluation; the same values give the same scores."""

    model: Path
    out: Path
    sets: tuple[str, ...] = ()
    count: int = 100
    candidates: int = 16
    temperature: float = 0.7
    seed: int = 7
    thresholds: Thresholds = Thresholds()


@dataclass(frozen=True)
class Trial:
    """What came of one goal."""

    goal: Goal
    behaviours: tuple[Behaviour, ...]
    correct: tuple[bool, ...]
    """For each behaviour whether its program is right."""
    num_samples: int
    num_outside: int
    num_examples: int
    greedy_correct: bool
    seconds: float

    def choice(self, thresholds: Thresholds) -> Choice:
        return choose(
            self.behaviours,
            num_samples=self.num_samples,
            num_outside=self.num_outside,
            num_examples=self.num_examples,
            thresholds=thresholds,
        )

    def is_right(self, choice: Choice) -> bool:
        return choice.chosen is not None and self.correct[self.behaviours.index(choice.chosen)]


# Sets

SETS = (
    "seen",
    "held_compositions",
    "held_wordings",
    "held_frames",
    "seen_with_example",
    "outside_generated",
    "validation",
    "validation_with_example",
    "validation_outside",
    "test",
    "test_with_example",
    "test_outside",
)
"""Names of the sets; the three of the test goals are scored only when asked for by name."""


def goals_of(name: str, *, count: int, seed: int) -> list[Goal]:
    """The goals of a set."""
    if name.startswith(("validation", "test")):
        written = load_goals("validation" if name.startswith("validation") else "test")
        if name.endswith("_outside"):
            return [Goal(goal.goal) for goal in written if not goal.in_scope]
        texts = [(goal.goal_with_example if name.endswith("_example") else goal.goal, goal) for goal in written if goal.in_scope]
        return [Goal(text, goal.tests) for text, goal in texts]
    rng = random.Random(f"evaluation {name} {seed}")
    if name == "outside_generated":
        return [Goal(outside_goal(rng, held_out=True)) for _ in range(count)]
    return [_generated(name, rng) for _ in range(count)]


def _generated(name: str, rng: random.Random) -> Goal:
    side: Side = {"held_wordings": "wordings", "held_frames": "frames"}.get(name, "training")  # type: ignore[assignment]
    while True:
        chain = _held_chain(rng) if name == "held_compositions" else training_chain(rng, rng.choice(LENGTHS))
        tests = _tests(chain, rng)
        if len(tests) < 6:
            continue
        try:
            asked = ask(chain, rng, side=side, with_examples=name.endswith("_example"))
        except UnsayableError:
            continue
        if len(asked.goal) < 420 and (asked.pairs or not name.endswith("_example")):
            return Goal(asked.goal, tests)


def _held_chain(rng: random.Random) -> Chain:
    while not is_held_composition((chain := random_chain(rng, rng.choice((2, 2, 3)))).ids):
        continue
    return chain


def _tests(chain: Chain, rng: random.Random) -> tuple[tuple[Any, Any], ...]:
    found = []
    for value in chain_inputs(chain, rng, 20, edges=True):
        try:
            result = chain.run(value)
        except Exception:  # noqa: BLE001, S112  an argument unfit for the chain
            continue
        if is_plain(result) or not isinstance(result, float):
            found.append((value, result))
    return tuple(found)


# Trials


def _inputs(takes: str, goal: str) -> list[Any]:
    """Generated inputs on which candidates are compared: every kind of the type, and its edges."""
    if takes not in KINDS:
        return []
    rng = random.Random(f"compare {goal}")
    return [*edge_inputs(takes), *(random_input(takes, rng) for _ in range(16))]


def run_trials(model: SmallModel, goals: Sequence[Goal], config: EvaluationConfig) -> list[Trial]:
    """Specs, programs, runs and comparisons for some goals together."""
    started = time.monotonic()
    found = model.specs([goal.text for goal in goals], candidates=config.candidates, temperature=config.temperature, seed=config.seed)
    model.programs([spec for specs in found for spec in specs if spec is not None and spec.in_scope])
    trials = [_trial(model, goal, specs) for goal, specs in zip(goals, found, strict=True)]
    seconds = (time.monotonic() - started) / len(goals)
    return [Trial(**{**vars(trial), "seconds": seconds}) for trial in trials]


def _trial(model: SmallModel, goal: Goal, specs: Sequence[Spec | None]) -> Trial:
    inside = [spec for spec in specs if spec is not None and spec.in_scope and spec.takes in KINDS]
    counts: dict[tuple[str, str], int] = {}
    for spec, code in zip(inside, model.programs(inside), strict=True):
        counts[code, spec.takes] = counts.get((code, spec.takes), 0) + 1
    examples = stated_examples(goal.text, [spec.examples for spec in inside])
    tasks = [(code, [*_inputs(takes, goal.text), *(a for a, _ in examples), *(a for a, _ in goal.tests)]) for code, takes in counts]
    outcomes = run_programs(tasks) if tasks else []
    behaviours, correct = [], []
    for (code, takes), count, found in zip(counts, counts.values(), outcomes, strict=True):
        compared = len(_inputs(takes, goal.text))
        keys = [takes] + [outcome_key(o.get("value"), error=o.get("error", "")) for o in found[:compared]]
        passed = sum(_is(o, expected) for o, (_, expected) in zip(found[compared:], examples, strict=False))
        behaviours.append(Behaviour(program=code, samples=count, outcomes=tuple(keys[1:]), examples_passed=passed))
        tested = found[compared + len(examples) :]
        correct.append(bool(goal.tests) and all(_is(o, expected) for o, (_, expected) in zip(tested, goal.tests, strict=True)))
    greedy = specs[0]
    greedy_code = model.programs([greedy])[0] if greedy in inside and greedy is not None else None
    greedy_correct = any(right for (code, _), right in zip(counts, correct, strict=True) if code == greedy_code)
    outside = sum(spec is not None and not spec.in_scope for spec in specs)
    return Trial(goal, tuple(behaviours), tuple(correct), len(specs), outside, len(examples), greedy_correct, 0.0)


def _is(outcome: Mapping[str, Any], expected: Any) -> bool:
    return "error" not in outcome and same_value(outcome["value"], expected)


# Scores


def score(trials: Sequence[Trial], thresholds: Thresholds) -> dict[str, float]:
    """Shares of the goals: right and passed, wrong but passed, declined, and what stood in the way."""
    choices = [(trial, trial.choice(thresholds)) for trial in trials]
    passed = [(trial, choice) for trial, choice in choices if choice.verdict == "passed"]
    right = sum(trial.is_right(choice) for trial, choice in passed)
    total = len(trials)
    return {
        "goals": total,
        "right_passed": right / total,
        "wrong_passed": (len(passed) - right) / total,
        "declined": (total - len(passed)) / total,
        "said_outside": sum(choice.verdict == "out of scope" for _, choice in choices) / total,
        "right_chosen": sum(trial.is_right(choice) for trial, choice in choices) / total,
        "first_right": sum(trial.greedy_correct for trial in trials) / total,
        "any_right": sum(any(trial.correct) for trial in trials) / total,
        "seconds_median": statistics.median(trial.seconds for trial in trials),
    }


def interval(share: float, total: int) -> tuple[float, float]:
    """95 % Wilson interval of a share. Source: Wilson 1927, Journal of the American Statistical Association 22."""
    z = 1.959964
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * ((share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def evaluate(config: EvaluationConfig) -> str:
    """Score the sets, write scores.json and scores.md into `config.out`, and return the Markdown."""
    model = SmallModel(config.model)
    names = config.sets or tuple(name for name in SETS if not name.startswith("test"))
    scores: dict[str, Any] = {}
    config.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        goals = goals_of(name, count=config.count, seed=config.seed)
        trials = [trial for start in range(0, len(goals), 12) for trial in run_trials(model, goals[start : start + 12], config)]
        scores[name] = {"chosen": score(trials, config.thresholds), "at": _curve(trials, config.thresholds)}
        _write_trials(trials, config, name)
        report = {"config": {**asdict(config), "model": config.model.name, "out": ""}, "sets": scores}
        (config.out / "scores.json").write_text(json.dumps(report, indent=1, default=str) + "\n")
    text = markdown(scores)
    (config.out / "scores.md").write_text(text)
    return text


def _curve(trials: Sequence[Trial], thresholds: Thresholds) -> dict[str, dict[str, float]]:
    """Scores at other thresholds of agreement."""
    levels = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    return {
        str(level): score(
            trials, Thresholds(agreement=level, agreement_with_examples=thresholds.agreement_with_examples, outside=thresholds.outside)
        )
        for level in levels
    }


def _write_trials(trials: Sequence[Trial], config: EvaluationConfig, name: str) -> None:
    """One line for each goal; of the test goals only the scores are kept, so that nobody looks at single ones."""
    if name.startswith("test"):
        return
    with (config.out / f"{name}.jsonl").open("w") as file:
        for trial in trials:
            choice = trial.choice(config.thresholds)
            shown = {
                "goal": trial.goal.text,
                "right": trial.is_right(choice),
                "verdict": choice.verdict,
                "agreement": choice.agreement,
                "any_right": any(trial.correct),
            }
            shown["program"] = choice.chosen.program if choice.chosen else ""
            shown["outside"], shown["examples"] = trial.num_outside, trial.num_examples
            file.write(json.dumps(shown, ensure_ascii=False) + "\n")


def markdown(scores: Mapping[str, Any]) -> str:
    """The scores as a table, in per cent, with 95 % intervals of the first number."""
    lines = [
        "| set | goals | right, passed | wrong, passed | not passed | first sample right | any of the samples right | s per goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in scores.items():
        s = found["chosen"]
        low, high = interval(s["right_passed"], int(s["goals"]))
        cells = [name.replace("_", " "), f"{s['goals']:.0f}", f"{s['right_passed']:.0%} ({low:.0%} to {high:.0%})"]
        cells += [f"{s[key]:.0%}" for key in ("wrong_passed", "declined", "first_right", "any_right")] + [f"{s['seconds_median']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
