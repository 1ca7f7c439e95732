"""A classifier of short texts: a sentence encoder and a head."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import LabError
from metagpt.hub import Card, Entry, ModelHub
from metagpt.hub.card import read_card, render_card
from metagpt.hub.data import TextData
from metagpt.hub.data.examples import place
from metagpt.lab.contrastive.encoder import TrainedEncoder
from metagpt.lab.contrastive.head import LinearHead
from metagpt.lab.inheritance import inherited
from metagpt.lab.saving import whole_folder

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from metagpt.lab.evaluation import Report

__all__ = ["ContrastiveModel", "Trained"]

_SETTINGS = "contrastive.json"
_HEAD = "head.safetensors"
PREDICTOR = "contrastive"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A line of the table: one of the models that were given."""

    name: str
    accuracy: float | None = None
    """On the validation set; None where there was none, or no training."""
    loss: float | None = None
    """Of the last step."""
    seconds: float = 0.0
    problem: str = ""
    """Why it could not be trained."""

    def __str__(self) -> str:
        said = self.problem or f"accuracy {'-' if self.accuracy is None else f'{self.accuracy:.4f}'}, {self.seconds:.1f} s"
        return f"{self.name}: {said}"


@dataclass(frozen=True, eq=False, kw_only=True)
class ContrastiveModel:
    """What `ContrastiveTrainer.fit` returns. Saved, it is also a plain sentence encoder with the head beside it."""

    encoder: TrainedEncoder
    head: LinearHead
    classes_: Sequence[Any]
    """The labels, in the order of the columns of `predict_proba`."""
    base: str = ""
    """What it was trained from."""
    parents: Sequence[str] = ()
    """For the lineage in a hub."""
    base_card: Card = Card()
    """What the base says of itself: language and license are the model's, too."""
    table: Sequence[Trained] = ()
    """All models that were trained, the best first."""

    def predict(self, inputs: TextData | Sequence[str]) -> list[Any]:
        """The most probable class of each text."""
        return [self.classes_[index] for index in self.predict_proba(inputs).argmax(axis=1)]

    def predict_proba(self, inputs: TextData | Sequence[str]) -> NDArray[float64]:
        """A row for each text, a column for each of `classes_`."""
        vectors_ND = self.encode(inputs)
        rows: NDArray[float64] = self.head.probabilities(vectors_ND).numpy()
        return rows

    def encode(self, inputs: TextData | Sequence[str]) -> Any:  # Any: a torch tensor
        """The vectors of length 1 that the head looks at."""
        if isinstance(inputs, str):
            raise LabError(f"predict: found the text {inputs!r}; expected a list of texts. Put it in a list.")
        texts = inputs.texts if isinstance(inputs, TextData) else list(inputs)
        return self.encoder.encode(self.encoder.tokenize(texts)) if texts else self.encoder.encode([])

    def evaluate(self, data: TextData) -> Report:
        """Scores with intervals on labelled texts.

        Raises:
            LabError: a label that was not there in training, or none.
        """
        from metagpt.lab.evaluation import evaluate_model

        known = set(self.classes_)
        strange = next((each for each, label in zip(data, data.labels, strict=True) if label not in known), None)
        if strange is not None:
            raise LabError(
                f"{place(strange, data.name)}: found the label {strange.label!r}; expected one of the {len(known)} classes of the training."
                " Train with examples of it, or leave them out."
            )
        return evaluate_model(self.predict(data), data.labels)

    def save(self, folder: Path | str) -> None:
        """Write encoder, head, classes and card into a new folder.

        Raises:
            LabError: the folder holds something, or the disk has no room; then nothing was written.
        """
        said = {"classes": list(self.classes_), "base": self.base, "max_tokens": self.encoder.max_tokens, "parents": list(self.parents)}
        with whole_folder(Path(folder).expanduser(), "save") as aside:
            self.encoder.save(aside)
            self.head.save(aside / _HEAD)
            (aside / _SETTINGS).write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
            (aside / "README.md").write_text(render_card(self._card()), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str, *, device: str = "cpu") -> ContrastiveModel:
        """Read what `save` wrote.

        Raises:
            LabError: the folder holds no such model.
        """
        found = Path(folder)
        if not (found / _SETTINGS).is_file() or not (found / _HEAD).is_file():
            raise LabError(f"{found}: found no {_SETTINGS} and {_HEAD}; expected a model that `ContrastiveModel.save` wrote. Name another.")
        said = json.loads((found / _SETTINGS).read_text(encoding="utf-8"))
        return cls(
            encoder=TrainedEncoder(found, device=device, max_tokens=said["max_tokens"]).eval(),
            head=LinearHead.load(found / _HEAD),
            classes_=said["classes"],
            base=said["base"],
            parents=said["parents"],
            base_card=read_card(found),
        )

    def push(self, name: str, *, hub: ModelHub | None = None, alias: str | None = None, card: Card | None = None) -> Entry:
        """Add it to the hub as a version of that name."""
        return (hub or ModelHub()).push(self, name, kind="model", card=card, parents=self.parents, alias=alias)

    def with_table(self, table: Sequence[Trained]) -> ContrastiveModel:
        """The same model, with the table of all."""
        return replace(self, table=tuple(table))

    def _card(self) -> Card:
        shown = ", ".join(map(str, self.classes_[:12])) + (", …" if len(self.classes_) > 12 else "")
        accuracy = next((line.accuracy for line in self.table if line.accuracy is not None), None)
        card = Card(
            summary=f"Classifies short texts as one of {len(self.classes_)}: {shown}.",
            task="text-classification",
            library="metagpt",
            base_models=(self.base,) if self.base else (),
            tags=("metagpt", "contrastive", "few-shot"),
            predictor=PREDICTOR,
            metrics={} if accuracy is None else {"validation_accuracy": round(accuracy, 4)},
            text=f"# Few-shot classifier\n\nTrained from {self.base} by a contrastive loss, with logistic regression on its vectors.\n",
        )
        return inherited(card, self.base_card)
