"""Meta-learning: sine waves after one step, and intents and relations of classes that were not trained on.

    python -m benchmarks.lab_meta [--parts sinusoid clinc150 fewrel] [--shots 1 5] [--seeds 3] [--tasks 600]

Sine waves as in Finn et al. 2017: two hidden layers of 40, MAML with one inner step at rate 0.02, 25 tasks a batch, Adam at 0.002
over 3,000 batches, tested on 600 tasks with 100 points each. MAML's own figures after one step: 1.13 with 5 shots, 0.77 with 10.

Texts: vectors of frozen MiniLM; training and test share no class. Of FewRel there are but 16 relations, so each of eight seeds parts
them anew: eleven to train on, five to test on; the settings were chosen by training on the first six and testing on the next five.
The two entities of a sentence are masked, as "subject" and "object": their names would be learned by heart. `plain` is fine-tuning from
the same start, which was not meta-trained: the same steps, at the best of five rates on the test tasks themselves. `before` is the
start meta-trained, not adapted. Differences are paired by task.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from metagpt.hub.data import Example, TextData
from metagpt.lab.meta import (
    AdaptationReport,
    EpisodeShape,
    MetaConfig,
    MetaLearner,
    Regressor,
    SinusoidTasks,
    Start,
    compare_adaptation,
    measure_adaptation,
    meta_train,
)
from metagpt.memory.vector import SentenceEncoder

DATA = Path(__file__).parents[2] / "shared" / "data"
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
CONFIGS = {
    ("clinc150", 1): (4, MetaConfig(meta_rate=5e-4, iterations=120, head_rate=3.0)),
    ("clinc150", 5): (4, MetaConfig(meta_rate=1e-3, iterations=80, head_rate=10.0)),
    ("fewrel", 1): (32, MetaConfig(meta_rate=2e-4, iterations=100, head_rate=0.3)),
    ("fewrel", 5): (32, MetaConfig(meta_rate=2e-4, iterations=100, head_rate=0.3)),
}
"""By set and shots: the rank of what is learned, and how."""
FEWREL_SEEDS, FEWREL_TRAINED = 8, 11
VALIDATION_DOMAINS, TEST_DOMAINS = ("utility", "home"), ("work", "small_talk", "meta")


class Looked:
    """The encoder, with every text encoded once."""

    name = "minilm"

    def __init__(self, texts: Iterable[str]) -> None:
        import numpy as np

        unique = list(dict.fromkeys(texts))
        self._stack = np.stack
        self._rows = dict(zip(unique, SentenceEncoder().encode(unique), strict=True))

    def encode(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        return self._stack([self._rows[text] for text in texts])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--parts", nargs="+", choices=("sinusoid", "clinc150", "fewrel"), default=["sinusoid", "clinc150", "fewrel"])
    parser.add_argument("--shots", nargs="+", type=int, choices=(1, 5), default=[1, 5], help="of the texts")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=600, help="to test on")
    parser.add_argument("--each", type=int, default=300, help="texts of a class")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if "sinusoid" in arguments.parts:
        _sine_waves(arguments.seeds, arguments.tasks)
    if "clinc150" in arguments.parts:
        sets = _clinc(arguments.each)
        _texts("clinc150", [sets] * arguments.seeds, arguments)
    if "fewrel" in arguments.parts:
        _texts("fewrel", [_fewrel(arguments.each, seed) for seed in range(FEWREL_SEEDS)], arguments)


def _sine_waves(seeds: int, tasks: int) -> None:
    print("| sine waves | seed | MSE before | MSE after 1 step | MAML's own | s |\n|---|---|---|---|---|---|")
    for shots, reference in ((5, 1.13), (10, 0.77)):
        for seed in range(seeds):
            started = time.perf_counter()
            torch.manual_seed(seed)
            start = Start(Regressor(), inner_rate=0.02)
            config = MetaConfig(inner_rate=0.02, inner_steps=1, meta_rate=2e-3, iterations=3000, tasks=25, seed=seed)
            for _ in meta_train(start, SinusoidTasks(shots=shots, tasks=25, seed=seed), config):
                pass
            report = measure_adaptation(start, [SinusoidTasks(shots=shots, queries=100, tasks=tasks, seed=10_000)[0]], steps=1)
            seconds = time.perf_counter() - started
            print(f"| {shots} shots | {seed} | {report.before} | {report.after()} | {reference} | {seconds:.0f} |", flush=True)


def _texts(part: str, by_seed: Sequence[Mapping[str, TextData]], arguments: argparse.Namespace) -> None:
    ways, group = (15, "domain") if part == "clinc150" else (5, None)
    encoder = Looked(text for data in by_seed[0].values() for text in data.texts)
    print(f"\n| {part}, {ways}-way | seed | plain | meta-trained: before | after | gain | s |\n|---|---|---|---|---|---|---|")
    for shots in arguments.shots:
        shape = EpisodeShape(ways=ways, shots=shots, queries=5, group=group)
        for seed, sets in enumerate(by_seed):
            started = time.perf_counter()
            hidden, config = CONFIGS[part, shots]
            config = replace(config, seed=seed)
            learner = MetaLearner(config, hidden=hidden, encoder=encoder).fit(sets["train"], sets.get("validation"), shape=shape)
            seconds = time.perf_counter() - started
            plain = max(
                (_plain(rate, config, encoder, sets["test"], shape, arguments.tasks) for rate in RATES), key=lambda r: r.after().value
            )
            trained = learner.evaluate(sets["test"], shape=shape, tasks=arguments.tasks)
            gain = compare_adaptation(trained, plain)
            line = f"| {shots} shots | {seed} | {plain.after()} | {trained.before} | {trained.after()} | {gain} | {seconds:.0f} |"
            print(line, flush=True)


def _plain(rate: float, config: MetaConfig, encoder: Looked, test: TextData, shape: EpisodeShape, tasks: int) -> AdaptationReport:
    learner = MetaLearner(replace(config, head_rate=rate), encoder=encoder).untrained(test, ways=shape.ways)
    return learner.evaluate(test, shape=shape, tasks=tasks)


def _clinc(each: int) -> dict[str, TextData]:
    domains = json.loads((DATA / "clinc150" / "domains.json").read_text())
    by_intent: dict[str, list[str]] = {}
    for text, intent in json.loads((DATA / "clinc150" / "data_full.json").read_text())["train"]:
        by_intent.setdefault(intent, []).append(text)
    parts = {"validation": VALIDATION_DOMAINS, "test": TEST_DOMAINS}
    parts["train"] = tuple(domain for domain in domains if domain not in (*VALIDATION_DOMAINS, *TEST_DOMAINS))
    return {
        part: TextData(
            (
                Example(text=text, label=intent, fields={"domain": domain})
                for domain in chosen
                for intent in domains[domain]
                for text in by_intent[intent][:each]
            ),
            name=f"clinc150/{part}",
        )
        for part, chosen in parts.items()
    }


def _fewrel(each: int, seed: int) -> dict[str, TextData]:
    relations = json.loads((DATA / "fewrel" / "val_wiki.json").read_text())
    names = sorted(relations)
    random.Random(seed).shuffle(names)
    parts = {"train": names[:FEWREL_TRAINED], "test": names[FEWREL_TRAINED:]}
    return {
        part: TextData(
            (Example(text=_masked(row), label=relation) for relation in chosen for row in relations[relation][:each]),
            name=f"fewrel/{part}",
        )
        for part, chosen in parts.items()
    }


def _masked(row: Mapping[str, Any]) -> str:
    """The sentence with a word for each entity."""
    words = list(row["tokens"])
    for entity, word in (("h", "subject"), ("t", "object")):
        for first, *others in row[entity][2]:
            words[first] = word
            for place in others:
                words[place] = ""
    return " ".join(filter(None, words))


if __name__ == "__main__":
    main()
