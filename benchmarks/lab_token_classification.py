"""`python -m benchmarks.lab_token_classification`: WNUT-17 and CrossNER with MiniLM; all weights, LoRA, bottleneck adapters.

Every score is also computed by seqeval, and the two must be equal to the last digit. With --quick a few steps on a few sentences show
that everything runs.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metagpt.hub.data import TextData, load_data
from metagpt.lab.evaluation import compare_models, evaluate_model
from metagpt.lab.finetuning import finetune

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BASE = "hub:all-minilm-l6-v2"
SETS: Mapping[str, tuple[str, str, str]] = {
    "wnut17": ("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll", "wnut17/emerging.test.conll"),
    **{
        f"crossner-{name}": (f"crossner/{name}/train.txt", f"crossner/{name}/dev.txt", f"crossner/{name}/test.txt")
        for name in ("ai", "music", "science")
    },
}
METHODS: Mapping[str, dict[str, Any]] = {
    "full": {"learning_rate": 2e-4},
    "lora": {"rank": 16, "alpha": 32, "targets": ("query", "key", "value", "dense")},
    "bottleneck": {"width": 64},
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One training and its test."""

    data: str
    method: str
    f1: float
    low: float
    high: float
    seqeval: float
    """The same F1 by the reference."""
    trained: int
    parameters: int
    wall_s: float


def main() -> None:
    """Train, test, compare and print."""
    arguments = _arguments()
    for name in arguments.sets:
        train, dev, test = (load_data(arguments.data / path, format="conll") for path in SETS[name])
        if arguments.quick:
            train, dev, test = train[:32], dev[:32], test[:32]
        dev = of_known_types(dev, train)
        said = {}
        for method in METHODS:
            line, said[method] = measure(name, method, train, dev, test, arguments)
            print(json.dumps(asdict(line)), flush=True)
        for other in ("lora", "bottleneck"):
            print(compare_models(said["full"], said[other], test.labels, names=("full", other)).verdict, flush=True)


def of_known_types(dev: TextData, train: TextData) -> TextData:
    """The sentences whose types training shows; others cannot choose a checkpoint."""
    known = {tag.partition("-")[2] for tag in train.classes}
    return dev.take(place for place, tags in enumerate(dev.labels) if all(tag.partition("-")[2] in known for tag in tags))


def measure(name: str, method: str, train: TextData, dev: TextData, test: TextData, arguments: argparse.Namespace) -> tuple[Line, Any]:
    """One method on one set. Sets are the publishers' own: sentences that they repeat in several parts stay."""
    settings = {
        "max_epochs": arguments.epochs,
        "patience": 3,
        "bf16": True,
        "learning_rate": arguments.rate,
        **METHODS[method],
        **({"max_steps": 2} if arguments.quick else {}),
    }
    began = time.perf_counter()
    trained = finetune(
        BASE, train, validation=dev, task="token-classification", method=method, seed=arguments.seed, device=arguments.device,
        allow_leaks=True, **settings,
    )  # fmt: skip
    wall_s = time.perf_counter() - began
    predictions = trained.predict(test)
    report = evaluate_model(predictions, test.labels)
    theirs = seqeval_f1(predictions, test.labels)
    if report["entity_f1_micro"] != theirs:
        raise SystemExit(f"{name}, {method}: found F1 {report['entity_f1_micro']!r}, and {theirs!r} by seqeval; expected the same digits.")
    score = report.scores[0]
    return Line(
        data=name, method=method, f1=score.value, low=score.interval.low, high=score.interval.high, seqeval=theirs,
        trained=trained.record.trained, parameters=trained.record.parameters, wall_s=round(wall_s, 1),
    ), predictions  # fmt: skip


def seqeval_f1(predictions: list[list[str]], labels: list[list[str]]) -> float:
    """Micro F1 by the reference implementation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from seqeval.metrics import f1_score

        return float(f1_score(labels, predictions))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lab_token_classification", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; all if left out")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with wnut17 and crossner")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate of LoRA and of the adapters; of all weights 2e-4")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="a few steps on a few sentences")
    arguments = parser.parse_args()
    arguments.sets = arguments.sets or list(SETS)
    unknown = [name for name in arguments.sets if name not in SETS]
    if unknown:
        parser.error(f"no set {unknown[0]!r}; expected one of {', '.join(SETS)}")
    return arguments


if __name__ == "__main__":
    main()
