"""Text classification learned from a few examples: meta-trained on some classes, adapted to others."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from metagpt.errors import LabError
from metagpt.hub.builtin import MINILM
from metagpt.hub.card import Card, render_card
from metagpt.hub.data import TextData, check_apart
from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.inheritance import card_of_encoder, inherited
from metagpt.lab.meta.adaptation import Parameters, Points, adapt
from metagpt.lab.meta.episodes import Episodes
from metagpt.lab.meta.report import AdaptationReport, measure_adaptation
from metagpt.lab.meta.settings import MetaConfig
from metagpt.lab.meta.text_network import TextNetwork, TextNetworkConfig
from metagpt.lab.meta.training import Start, meta_train
from metagpt.lab.saving import whole_folder
from metagpt.lab.train import Step
from metagpt.memory.vector.encoder import Encoder, encoder_of

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["AdaptedClassifier", "EpisodeShape", "MetaLearner"]

_SETTINGS = "meta.json"
_WEIGHTS = "model.safetensors"
_CHECKS = 10
"""How often validation is looked at."""
_SAVE_EVERY = 25


@dataclass(frozen=True, kw_only=True)
class EpisodeShape:
    """What a task looks like."""

    ways: int = 5
    """Classes."""
    shots: int = 5
    """Support examples of each class."""
    queries: int = 5
    """Query examples of each class."""
    group: str | None = None
    """A field of the examples, such as the domain, whose values part the classes: a task's classes then come from one part."""


class MetaLearner:
    """A start from which a few steps adapt to new classes, on the vectors of a frozen sentence encoder.

    Args:
        config: How it is meta-trained, and how it adapts.
        hidden: The rank of the change to the vectors that is learned.
        encoder: What turns texts into vectors: `minilm`, a folder, or an `Encoder`. Only names can be saved.
    """

    def __init__(self, config: MetaConfig = MetaConfig(), *, hidden: int = 4, encoder: str | Encoder = "minilm") -> None:
        self.config = config
        self.encoder = encoder_of(encoder)
        self.hidden = hidden
        self.start: Start | None = None

    def fit(
        self,
        train: TextData,
        validation: TextData | None = None,
        *,
        test: TextData | None = None,
        shape: EpisodeShape = EpisodeShape(),
        checkpoint: Path | None = None,
        watch: Callable[[Step], None] | None = None,
    ) -> MetaLearner:
        """Meta-train on episodes of the classes in `train`.

        Args:
            train: Texts of many classes.
            validation: Texts of other classes; the state that adapts best to them is kept, the start among them.
            test: Only checked, for texts and classes of the others; evaluate the result on it.
            shape: Of an episode.
            checkpoint: A file to go on from if it is there; it is written now and then.
            watch: Told of every step.

        Raises:
            LabError: too few classes or examples, texts or classes that stand in several sets, or a loss that is no number.
        """
        parts = {"training": train, "validation": validation, "test": test}
        self._check_apart({name: part for name, part in parts.items() if part is not None})
        episodes = self._episodes(train, shape, tasks=self.config.tasks, seed=self.config.seed)
        held_out = None if validation is None else self._episodes(validation, shape, tasks=16, seed=self.config.seed + 1)
        start = self._new_start(episodes.inputs.shape[1], shape.ways)
        resume = None if checkpoint is None else read_checkpoint(checkpoint)
        best = _Best(start, held_out, self.config, resume["best"] if resume else None)
        every = max(1, self.config.iterations // _CHECKS)
        for step in meta_train(start, episodes, self.config, resume=resume["step"] if resume else None):
            if step.number % every == 0:
                best.look()
            if watch is not None:
                watch(step)
            if checkpoint is not None and step.number % _SAVE_EVERY == 0:
                write_checkpoint(checkpoint, {"step": step.state(), "best": best.state()})
        best.restore()
        self.start = start
        return self

    def untrained(self, train: TextData, *, ways: int = 5) -> MetaLearner:
        """The same start without meta-training: what plain fine-tuning begins from."""
        other = MetaLearner(replace(self.config, learn_rates=False), hidden=self.hidden, encoder=self.encoder)
        other.start = other._new_start(len(self.encoder.encode(train.texts[:1])[0]), ways)
        return other

    def adapt(self, support: TextData, *, steps: int | None = None) -> AdaptedClassifier:
        """Learn the classes of a few labelled texts by that many gradient steps; the learner itself stays as it is.

        Raises:
            LabError: it was not meta-trained, or fewer than two classes.
        """
        start = self._started()
        classes = support.classes
        if len(classes) < 2:
            raise LabError(f"{support.name}: found {len(classes)} class(es); expected two or more. Add examples of another.")
        points = Points(self._encode(support.texts), torch.tensor([classes.index(label) for label in support.labels]))
        network = start.network
        assert isinstance(network, TextNetwork), "made here"
        shared = {name: value.detach() for name, value in start.shared().items()}
        begun = network.with_head(shared, points, len(classes))
        turns = [points] * (self.config.inner_steps if steps is None else steps)
        adapted = adapt(network, begun, turns, rates=start.rates, second_order=False)
        return AdaptedClassifier(self, network, {name: value.detach() for name, value in adapted.items()}, classes)

    def evaluate(
        self, data: TextData, *, shape: EpisodeShape = EpisodeShape(), tasks: int = 200, steps: int | None = None, seed: int = 99
    ) -> AdaptationReport:
        """Accuracy over episodes of classes that were not trained on, before adapting and after each step, with intervals.

        Raises:
            LabError: it was not meta-trained, or too few classes or examples.
        """
        start = self._started()
        episodes = self._episodes(data, shape, tasks=8, seed=seed)
        network = start.network
        assert isinstance(network, TextNetwork), "made here"
        with network.for_ways(shape.ways):
            batches = [episodes[number] for number in range((tasks + 7) // 8)]
            return measure_adaptation(start, batches, steps=self.config.inner_steps if steps is None else steps)

    def save(self, folder: Path | str) -> None:
        """Write weights, settings and card into a new folder; `ModelHub().push` takes it, too.

        Raises:
            LabError: it was not meta-trained, the folder holds something, or the disk has no room; then nothing was written.
        """
        from safetensors.torch import save_file

        start = self._started()
        network = start.network
        assert isinstance(network, TextNetwork), "made here"
        said = {"config": asdict(self.config), "network": asdict(network.config), "encoder": self.encoder.name}
        with whole_folder(Path(folder).expanduser(), "save") as aside:
            save_file({name: value.contiguous() for name, value in start.state_dict().items()}, aside / _WEIGHTS)
            (aside / _SETTINGS).write_text(json.dumps(said, indent=1), encoding="utf-8")
            (aside / "README.md").write_text(render_card(self._card()), encoding="utf-8")

    def _card(self) -> Card:
        encoder = self.encoder.name
        how = f"{self.config.algorithm} over {self.config.iterations * self.config.tasks} tasks"
        card = Card(
            summary=f"A start for classifying texts that adapts to new classes in {self.config.inner_steps} steps, meta-trained by {how}.",
            task="text-classification",
            library="metagpt",
            base_models=(MINILM if encoder == "minilm" else Path(encoder).name,),
            tags=("metagpt", "meta-learning", "few-shot"),
            text=f"# Meta-learned start\n\nOn the vectors of {encoder}. Load it with `metagpt.lab.MetaLearner.load(folder)`.\n",
        )
        return inherited(card, card_of_encoder(encoder))

    @classmethod
    def load(cls, folder: Path | str, *, encoder: str | Encoder | None = None) -> MetaLearner:
        """Read what `save` wrote.

        Raises:
            LabError: the folder holds no such learner.
        """
        from safetensors.torch import load_file

        found = Path(folder)
        if not (found / _SETTINGS).is_file() or not (found / _WEIGHTS).is_file():
            raise LabError(f"{found}: found no {_SETTINGS} and {_WEIGHTS}; expected what `MetaLearner.save` wrote. Name another folder.")
        said = json.loads((found / _SETTINGS).read_text(encoding="utf-8"))
        shape = TextNetworkConfig(**said["network"])
        learner = cls(MetaConfig(**said["config"]), hidden=shape.hidden, encoder=encoder or said["encoder"])
        learner.start = learner._new_start(shape.inputs, shape.ways)
        learner.start.load_state_dict(load_file(found / _WEIGHTS))
        return learner

    def _new_start(self, inputs: int, ways: int) -> Start:
        with torch.random.fork_rng():
            torch.manual_seed(self.config.seed)
            network = TextNetwork(TextNetworkConfig(inputs=inputs, hidden=self.hidden, ways=ways))
        config = self.config
        return Start(network, inner_rate=config.shared_rate, head_rate=config.head_rate, learn_rates=config.learn_rates)

    def _started(self) -> Start:
        if self.start is None:
            raise LabError("MetaLearner: found no start yet; expected one. Call fit first, or untrained.")
        return self.start

    def _encode(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor(self.encoder.encode(texts))

    def _episodes(self, data: TextData, shape: EpisodeShape, *, tasks: int, seed: int) -> Episodes:
        groups: list[Hashable] | None = None
        if shape.group is not None:
            lacking = next((example for example in data if shape.group not in example.fields), None)
            if lacking is not None:
                raise LabError(
                    f"{lacking.origin or data.name}: found no field {shape.group!r}; expected it in every row. Leave `group` out."
                )
            groups = [str(example.fields[shape.group]) for example in data]
        # checked with empty vectors first: encoding is most of the time
        plan = Episodes(
            inputs=torch.zeros(len(data), 0), labels=data.labels, groups=groups, ways=shape.ways, shots=shape.shots,
            queries=shape.queries, tasks=tasks, seed=seed, name=data.name,
        )  # fmt: skip
        return replace(plan, inputs=self._encode(data.texts))

    def _check_apart(self, parts: Mapping[str, TextData]) -> None:
        """Adapting is learned from some classes and judged by others: what stands in both was no new class."""
        if self.config.allow_leaks:
            return
        for (one, first), (other, second) in combinations(parts.items(), 2):
            both = sorted(set(first.classes) & set(second.classes), key=str)
            if both:
                raise LabError(
                    f"meta: found the class {both[0]!r} in {one} and {other}; expected other classes there."
                    " Move it to one, or set allow_leaks."
                )
        check_apart(parts, "meta")


@dataclass(frozen=True, eq=False)
class AdaptedClassifier:
    """A classifier of the classes that its support set showed."""

    learner: MetaLearner
    network: TextNetwork
    parameters: Parameters
    classes_: Sequence[Any]

    def predict(self, inputs: TextData | Sequence[str]) -> list[Any]:
        """The most probable class of each text."""
        return [self.classes_[index] for index in self.predict_proba(inputs).argmax(axis=1)]

    def predict_proba(self, inputs: TextData | Sequence[str]) -> NDArray[float64]:
        """A row for each text, a column for each of `classes_`."""
        texts = inputs.texts if isinstance(inputs, TextData) else list(inputs)
        with torch.no_grad():
            logits_NW = self.network.logits(self.parameters, self.learner._encode(texts))
        rows: NDArray[float64] = logits_NW.double().softmax(-1).numpy()
        return rows


class _Best:
    """The state that adapts best to the validation episodes; without any the last one."""

    def __init__(self, start: Start, episodes: Episodes | None, config: MetaConfig, resume: Mapping[str, Any] | None) -> None:
        self._start = start
        self._batches = [] if episodes is None else [episodes[number] for number in range(4)]
        self._steps = config.inner_steps
        self._score = -1.0
        self._weights: dict[str, Tensor] = {}
        if resume is not None:
            self._score, self._weights = resume["score"], resume["weights"]
        else:
            self.look()

    def look(self) -> None:
        if not self._batches:
            return
        score = measure_adaptation(self._start, self._batches, steps=self._steps).after().value
        if score > self._score:
            self._score = score
            self._weights = {name: value.clone() for name, value in self._start.state_dict().items()}

    def restore(self) -> None:
        if self._weights:
            self._start.load_state_dict(self._weights)

    def state(self) -> dict[str, Any]:
        return {"score": self._score, "weights": self._weights}
