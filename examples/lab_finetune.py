"""Fine-tune an encoder for three tasks by three methods; evaluate, save, load, and push with lineage. Needs the extra `lab`.

Prints:
    classification, lora: accuracy 1.0, fewer than 1 in 100 parameters trained
    loaded: ['economy', 'sports']
    stopped early: True
    token classification, bottleneck adapters: O O B-city
    regression, all weights: a good note is above a bad one: True
    topics@1 was made from ['all-minilm-l6-v2@1']
"""

import tempfile
from pathlib import Path
from typing import Any

from metagpt import ModelHub
from metagpt.hub.data import Example, TextData
from metagpt.lab import FinetunedModel, finetune

BASE = "hub:all-minilm-l6-v2"
QUICK: Any = {"validation_share": 0, "device": "cpu", "max_length": 16, "batch_size": 8}


def topics(first: int, last: int) -> TextData:
    rows = [(f"The team won match {n}", "sports") for n in range(first, last)]
    rows += [(f"The bank raised rates by {n} points", "economy") for n in range(first, last)]
    return TextData(Example(text=text, label=label) for text, label in rows)


def flights() -> TextData:
    tagged = [
        (["fly", "to", city], ("O", "O", "B-city")) for city in ("Rome", "Oslo", "Lima", "Cairo", "Paris", "Delhi", "Berlin", "Quito")
    ]
    return TextData(Example(text=" ".join(words), label=tags, fields={"tokens": words}) for words, tags in tagged)


def notes() -> TextData:
    return TextData(Example(text=f"{word} meal {n}", label=float(mark)) for n in range(8) for word, mark in (("good", 5), ("bad", 1)))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        hub = ModelHub(Path(folder) / "hub")

        classifier = finetune(BASE, topics(0, 12), method="lora", learning_rate=1e-2, max_steps=12, hub=hub, **QUICK)
        report = classifier.evaluate(topics(50, 54))
        share = classifier.record.trained / classifier.record.parameters
        print(f"classification, lora: accuracy {report['accuracy']}, fewer than 1 in 100 parameters trained" if share < 0.01 else share)
        saved = classifier.save(Path(folder) / "topics")
        print("loaded:", FinetunedModel.load(saved).predict(["The central bank raised rates", "The team won the final match"]))

        steps: list[int] = []
        finetune(
            BASE, topics(0, 12), validation=topics(20, 24), patience=2, learning_rate=5e-4, max_epochs=20, hub=hub,
            on_log=lambda told: steps.append(int(told["step"])), **{**QUICK, "batch_size": 24},
        )  # fmt: skip
        print("stopped early:", 1 < max(steps) < 20)

        tagger = finetune(
            BASE, flights(), task="token-classification", method="bottleneck", width=16, learning_rate=5e-3, max_steps=12, hub=hub, **QUICK
        )
        print("token classification, bottleneck adapters:", *tagger.predict([["fly", "to", "Madrid"]])[0])

        marker = finetune(BASE, notes(), task="regression", learning_rate=5e-4, max_steps=12, hub=hub, **QUICK)
        good, bad = marker.predict(["good meal 20", "bad meal 20"])
        print("regression, all weights: a good note is above a bad one:", good > bad)

        entry = classifier.push("topics", hub=hub)
        print(entry.reference, "was made from", list(entry.parents))


if __name__ == "__main__":
    main()
