"""Meta-learning: a start from which one gradient step on ten points fits a sine wave, and a few steps learn new classes of text.

Run: python examples/lab_meta.py

Prints:
    sine waves, maml: adapting lowers the error, after meta-training by more than before
    sine waves, fomaml: adapting lowers the error, after meta-training by more than before
    sine waves, reptile: adapting lowers the error, after meta-training by more than before
    'my parcel is late' -> delivery
    'how do I reset my password' -> login
"""

from typing import Literal, get_args

import torch

from metagpt.hub.data import Example, TextData
from metagpt.lab.meta import EpisodeShape, MetaConfig, MetaLearner, Regressor, SinusoidTasks, Start, measure_adaptation, meta_train

Algorithm = Literal["maml", "fomaml", "reptile"]
SEEN = {
    "weather": ["will it rain", "is it cold today", "how hot will it be"],
    "music": ["play a song", "turn the music up", "next track please"],
    "alarm": ["wake me at six", "set an alarm", "cancel my alarm"],
    "cooking": ["how long do I boil eggs", "a recipe for soup", "what goes into a pie"],
}
NEW = {"delivery": ["where is my order", "when will it be delivered"], "login": ["I cannot sign in", "I forgot my login"]}


def texts(by_class: dict[str, list[str]]) -> TextData:
    return TextData(Example(text=text, label=label) for label, found in by_class.items() for text in found)


def sine_waves(algorithm: Algorithm) -> None:
    torch.manual_seed(0)
    start = Start(Regressor(), inner_rate=0.02)
    held_out = [SinusoidTasks(shots=10, queries=50, tasks=100, seed=1)[0]]
    plain = measure_adaptation(start, held_out, steps=1)
    config = MetaConfig(algorithm=algorithm, inner_rate=0.02, inner_steps=2, meta_rate=5e-3, iterations=150)
    for _ in meta_train(start, SinusoidTasks(shots=10), config):
        pass  # each step has its number and loss, and the state to go on from
    trained = measure_adaptation(start, held_out, steps=1)
    gained = trained.before.value - trained.after().value > plain.before.value - plain.after().value > 0
    print(f"sine waves, {algorithm}: adapting lowers the error, after meta-training by {'more' if gained else 'no more'} than before")


def new_classes() -> None:
    learner = MetaLearner(MetaConfig(algorithm="maml", iterations=10, tasks=4))
    learner.fit(texts(SEEN), shape=EpisodeShape(ways=3, shots=1, queries=2))
    classifier = learner.adapt(texts(NEW))
    asked = ["my parcel is late", "how do I reset my password"]
    for text, label in zip(asked, classifier.predict(asked), strict=True):
        print(f"{text!r} -> {label}")


if __name__ == "__main__":
    for algorithm in get_args(Algorithm):
        sine_waves(algorithm)
    new_classes()
