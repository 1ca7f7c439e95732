"""`ContrastiveTrainer`: few-shot classification by contrastive training of sentence encoders."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from metagpt.errors import LabError
from metagpt.hub import ModelHub
from metagpt.hub.data import TextData, check_splits, split
from metagpt.lab.contrastive.candidates import Candidate, ModelSource, candidates_of
from metagpt.lab.contrastive.encoder import TrainedEncoder
from metagpt.lab.contrastive.head import fit_temperature
from metagpt.lab.contrastive.model import ContrastiveModel, Trained
from metagpt.lab.contrastive.settings import ContrastiveConfig
from metagpt.lab.contrastive.training import Progress, tune_encoder, tuned_head
from metagpt.lab.devices import pick_device

__all__ = ["ContrastiveTrainer"]

_VALIDATION_SHARE = 0.2


class ContrastiveTrainer:
    """Trains each of the models given, and returns the best.

    Args:
        models: What `ModelHub().select_models` returned; or entries of the hub, folders, names; MiniLM if left out. Language models
            without a pooling of their own are taken, too.
        temperature: τ of the contrastive loss.
        max_epochs: Of each model.
        config: All settings; `temperature` and `max_epochs` beside it replace its own.
        device: cpu, cuda, mps, or auto for the best at hand.
        hub: Where names are looked up; the default hub if left out.
        watch: Told of every step: the model's name, and where its training stands.

    Raises:
        LabError: a setting that cannot be.
    """

    def __init__(
        self,
        models: ModelSource | Sequence[ModelSource] | None = None,
        *,
        temperature: float | None = None,
        max_epochs: int | None = None,
        config: ContrastiveConfig = ContrastiveConfig(),
        device: str = "auto",
        hub: ModelHub | None = None,
        watch: Callable[[str, Progress], None] | None = None,
    ) -> None:
        given: dict[str, Any] = {"temperature": temperature, "max_epochs": max_epochs}
        self.config = replace(config, **{name: value for name, value in given.items() if value is not None})
        self.models = models
        self.device = device
        self._hub = hub
        self._watch = watch

    def fit(
        self,
        train: TextData,
        validation: TextData | None = None,
        *,
        test: TextData | None = None,
        checkpoint: Path | None = None,
    ) -> ContrastiveModel:
        """Train each model, and return the one with the best accuracy on the validation set, with the table of all.

        Args:
            train: Texts with their classes.
            validation: To choose by, and to make the probabilities honest by. Left out with several models, a fifth of every class
                is held out to choose by, and the best is then trained anew on all; left out with one, it is trained on all.
            test: Only checked, for labels that training never shows and for leaks; evaluate the result on it.
            checkpoint: A folder to go on from; it is made if it is not there.

        Raises:
            LabError: data that cannot be trained on, no model that loads, or a loss that is no number. Nothing is written then.
        """
        others = {name: part for name, part in (("validation", validation), ("test", test)) if part is not None}
        classes = _checked(train, others, allow_leaks=self.config.allow_leaks)
        candidates = candidates_of(self.models, self._hub)
        device = str(pick_device(self.device))
        work = _Work(self.config, classes, device, checkpoint, self._watch)
        held_out = validation
        part = train
        if validation is None and len(candidates) > 1:
            parts = split(train, {"train": 1 - _VALIDATION_SHARE, "validation": _VALIDATION_SHARE}, seed=self.config.seed)
            part, held_out = parts["train"], parts["validation"]
        best, table = _best_of(candidates, part, held_out, work)
        if held_out is not validation:
            chosen = next(each for each in candidates if each.name == table[0].name)
            again, _ = work.train(chosen, train, None, stage="all")
            best = replace(again, head=replace(again.head, temperature=best.head.temperature))
        return best.with_table(table)


class _Work:
    """What is the same for all models of a training."""

    def __init__(
        self,
        config: ContrastiveConfig,
        classes: Sequence[Any],
        device: str,
        checkpoint: Path | None,
        watch: Callable[[str, Progress], None] | None,
    ) -> None:
        self.config = config
        self.classes = classes
        self.device = device
        self.checkpoint = checkpoint
        self.watch = watch

    def train(self, candidate: Candidate, train: TextData, validation: TextData | None, *, stage: str) -> tuple[ContrastiveModel, Trained]:
        """One model, and its line of the table."""
        started = time.perf_counter()
        last: list[float] = []
        encoder = TrainedEncoder(candidate.folder, device=self.device, max_tokens=self.config.max_tokens)
        tokens = encoder.tokenize(train.texts)
        targets = self._targets(train)

        def watch(progress: Progress) -> None:
            last[:] = [progress.loss]
            if self.watch is not None:
                self.watch(candidate.name, progress)

        tune_encoder(encoder, tokens, targets, self.config, checkpoint=self._file(candidate, stage), watch=watch)
        head = tuned_head(encoder, tokens, targets, classes=len(self.classes), penalty=self.config.penalty)
        accuracy = None
        if validation is not None:
            vectors_ND, wanted_N = encoder.encode(encoder.tokenize(validation.texts)), torch.tensor(self._targets(validation))
            accuracy = float((head.logits(vectors_ND).argmax(-1) == wanted_N).double().mean())
            head = fit_temperature(head, vectors_ND, wanted_N)
        parents = tuple(parent for parent in (candidate.reference, _dataset(train)) if parent)
        model = ContrastiveModel(
            encoder=encoder.eval(), head=head, classes_=self.classes, base=candidate.name, parents=parents, base_card=candidate.card
        )  # fmt: skip
        seconds = time.perf_counter() - started
        return model, Trained(name=candidate.name, accuracy=accuracy, loss=last[0] if last else None, seconds=seconds)

    def _targets(self, data: TextData) -> list[int]:
        numbers = {label: number for number, label in enumerate(self.classes)}
        return [numbers[label] for label in data.labels]

    def _file(self, candidate: Candidate, stage: str) -> Path | None:
        if self.checkpoint is None:
            return None
        self.checkpoint.mkdir(parents=True, exist_ok=True)
        return self.checkpoint / f"{candidate.name.replace('/', '--')}.{stage}.pt"


def _best_of(
    candidates: Sequence[Candidate], train: TextData, validation: TextData | None, work: _Work
) -> tuple[ContrastiveModel, list[Trained]]:
    """The best by validation, of equals the first; and the table, the best first, those that did not load last."""
    best: tuple[ContrastiveModel, Trained] | None = None
    table: list[Trained] = []
    for candidate in candidates:
        try:
            model, line = work.train(candidate, train, validation, stage="chosen")
        except LabError as error:
            if len(candidates) == 1:
                raise
            table.append(Trained(name=candidate.name, problem=str(error)))
            continue
        table.append(line)
        if best is None or (line.accuracy or 0.0) > (best[1].accuracy or 0.0):
            best = (model, line)
        del model  # the next one needs its memory
    if best is None:
        told = "; ".join(line.problem for line in table)
        raise LabError(f"contrastive: found no model that could be trained; expected one or more. {told}")
    return best[0], sorted(table, key=lambda line: (bool(line.problem), -(line.accuracy or 0.0)))


def _checked(train: TextData, others: Mapping[str, TextData], *, allow_leaks: bool) -> list[Any]:
    """The classes, where the data can be trained on."""
    classes = train.classes
    if any(isinstance(label, list | float) for label in train.labels):
        raise LabError(f"{train.name}: found tags or numbers as labels; expected one class for each text. Load it with its classes.")
    if len(classes) < 2:
        raise LabError(f"{train.name}: found {len(classes)} class(es); expected two or more. Add examples of another.")
    check_splits({"train": train, **others}, allow_leaks=allow_leaks)
    return classes


def _dataset(data: TextData) -> str:
    """The reference of a set that came from the hub."""
    source = data[0].origin.source if data[0].origin is not None else ""
    return source.removeprefix("hub:").partition("/")[0] if source.startswith("hub:") else ""
