"""A fine-tuned model: it predicts, is evaluated, saved, loaded and pushed to the hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from metagpt.errors import LabError
from metagpt.hub.data import Example, TextData
from metagpt.hub.entry import Entry, Kind
from metagpt.lab.evaluation import Report, evaluate_model
from metagpt.lab.finetuning.base import find_base, open_tokenizer, opened, silent
from metagpt.lab.finetuning.batches import Collate, batches_by_length, each_logits
from metagpt.lab.finetuning.bottleneck import has_bottlenecks, load_bottlenecks, save_bottlenecks
from metagpt.lab.finetuning.checks import check_known
from metagpt.lab.finetuning.generating import Generation
from metagpt.lab.finetuning.methods import old_name_allowed
from metagpt.lab.finetuning.record import Record, read_record
from metagpt.lab.finetuning.sequences import Classification, Regression
from metagpt.lab.finetuning.tagging import OUTSIDE, Tagging, first_tokens
from metagpt.lab.finetuning.tasks import Task, read_task
from metagpt.lab.progress import shown
from metagpt.lab.saving import whole_folder

if TYPE_CHECKING:
    from metagpt.hub.hub import ModelHub

__all__ = ["FinetunedModel"]

Inputs = TextData | Sequence[Any]  # Any: texts, or lists of words
_MERGED = ("lora", "ia3")


class FinetunedModel:
    """What `finetune` returns.

    Args:
        model: Of transformers, with its adapters.
        tokenizer: Of the base.
        task: What it answers.
        record: Where it came from.
    """

    def __init__(self, model: Any, tokenizer: Any, task: Task, record: Record) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.task = task
        self.record = record
        self.report: Report | None = None
        """The last evaluation; it goes into the card."""

    @property
    def classes_(self) -> list[Any]:
        """The classes, in the order of the columns of `predict_proba`; or the tags."""
        if isinstance(self.task, Classification):
            return list(self.task.classes)
        if isinstance(self.task, Tagging):
            return list(self.task.tags)
        raise self._none("classes")

    def predict(self, inputs: Inputs) -> list[Any]:
        """A class, a list of tags, a number or a text for each text. Tagged text comes as `TextData` or as lists of words."""
        data = _as_data(inputs, self.task)
        if not data:
            return []
        if isinstance(self.task, Generation):
            return self._generate(data)
        logits = self._logits(data)
        if isinstance(self.task, Classification):
            return [self.task.classes[int(row.argmax())] for row in logits]
        if isinstance(self.task, Regression):
            return self.task.numbers(logits)
        return [self._tags(words, rows) for words, rows in zip(data.tokens, logits, strict=True)]

    def predict_proba(self, inputs: Inputs) -> Any:
        """Probabilities, a column for each of `classes_`: a row for each text, or of tagged text an array for each with a row a word.

        Words that max_length cut off have the probability 1 for O.

        Raises:
            LabError: the task has no classes.
        """
        import numpy

        names = self.classes_
        data = _as_data(inputs, self.task)
        rows = [torch.softmax(row.double(), dim=-1).numpy() for row in self._logits(data)]
        if isinstance(self.task, Classification):
            return numpy.stack(rows) if rows else numpy.zeros((0, len(names)))
        outside = numpy.eye(len(names))[names.index(OUTSIDE)]
        found = []
        for words, probabilities in zip(data.tokens, rows, strict=True):
            firsts = self._first_tokens(words)
            found.append(numpy.stack([probabilities[firsts[word]] if word in firsts else outside for word in range(len(words))]))
        return found

    def evaluate(self, data: TextData, *, title: str = "") -> Report:
        """Score the predictions for a set by its labels; the scores go into the card.

        Raises:
            LabError: a label that the model cannot say.
        """
        self.check(data)
        labels = [float(label) for label in data.labels] if isinstance(self.task, Regression) else data.labels
        self.report = evaluate_model(self.predict(data), labels, task=self.task.evaluation, title=title or f"Evaluation on {data.name}")
        return self.report

    def check(self, data: TextData) -> None:
        """Refuse labels that the model cannot say.

        Raises:
            LabError: with the first example of each.
        """
        if isinstance(self.task, Classification | Tagging):
            check_known(self.record.settings.task, self._known(), data, data.name)

    def _known(self) -> set[Any]:
        return set(self.classes_) if isinstance(self.task, Classification) else {tag.partition("-")[2] or tag for tag in self.classes_}

    def _logits(self, data: TextData) -> list[torch.Tensor]:
        settings = self.record.settings
        features = self.task.encode(data, self.tokenizer, settings.max_length, labelled=False)
        return each_logits(self.model, features, Collate(self.tokenizer.pad_token_id), settings.batch_size)

    def _tags(self, words: Sequence[str], logits: torch.Tensor) -> list[str]:
        firsts = self._first_tokens(words)
        said = logits.argmax(dim=-1).tolist()
        return [self.classes_[said[firsts[word]]] if word in firsts else OUTSIDE for word in range(len(words))]

    def _first_tokens(self, words: Sequence[str]) -> dict[int, int]:
        encoded = self.tokenizer(list(words), is_split_into_words=True, truncation=True, max_length=self.record.settings.max_length)
        return first_tokens(encoded.word_ids())

    def _generate(self, data: TextData) -> list[str]:
        """Greedily, to the end token or max_new_tokens."""
        if not isinstance(self.task, Generation):
            raise self._none("texts")
        settings = self.record.settings
        features = self.task.encode(data, self.tokenizer, settings.max_length, labelled=False)
        collate = Collate(self.tokenizer.pad_token_id, side="left")
        found = [""] * len(features)
        self.model.eval()
        for places in shown(batches_by_length(features, settings.batch_size), len(features), "generate"):
            batch = {name: tensor.to(self.model.device) for name, tensor in collate([features[place] for place in places]).items()}
            with torch.inference_mode():
                tokens = self.model.generate(
                    **batch, max_new_tokens=self.task.max_new_tokens, do_sample=False, pad_token_id=self.tokenizer.pad_token_id,
                    eos_token_id=self.tokenizer.eos_token_id,
                )  # fmt: skip
            answers = tokens[:, batch["input_ids"].shape[1] :]
            for place, answer in zip(places, self.tokenizer.batch_decode(answers, skip_special_tokens=True), strict=True):
                found[place] = answer.strip()
        return found

    def _none(self, what: str) -> LabError:
        return LabError(f"FinetunedModel: found the task {self.record.settings.task}, which has no {what}; expected one with. Use predict.")

    # out and in

    def merged(self) -> FinetunedModel:
        """The same model with its adapters folded into the weights: a whole model, as fast as its base.

        Raises:
            LabError: the method's adapters cannot be folded in.
        """
        method = self.record.settings.method
        if method not in _MERGED or self.record.merged:
            raise LabError(f"merged: found the method {method!r}; expected an adapter of {' or '.join(_MERGED)}. Save it as it is.")
        folded = FinetunedModel(self.model.merge_and_unload(), self.tokenizer, self.task, replace(self.record, merged=True))
        folded.report = self.report
        return folded

    def save(self, folder: Path | str) -> Path:
        """Write weights (safetensors), tokenizer, card and record; the folder gets its name when all of it stands.

        Raises:
            LabError: the folder holds something, or the disk has no room; then nothing was written.
        """
        target = Path(folder).expanduser().absolute()
        with whole_folder(target, "save") as aside:
            self._write(aside)
        return target

    def _write(self, folder: Path) -> None:
        from metagpt.hub.card import render_card

        settings = self.record.settings
        if settings.method == "bottleneck":
            head = not isinstance(self.task, Generation)
            save_bottlenecks(self.model, folder, width=settings.width, targets=settings.targets, train_head=head)
        else:
            with silent():
                self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        self.record.write(folder)
        (folder / "README.md").write_text(render_card(self.record.card(self.task.pipeline, self.report)), encoding="utf-8")

    def push(self, name: str, *, hub: ModelHub | None = None, alias: str | None = None, parents: Sequence[str] = ()) -> Entry:
        """Add it to the hub, with the lineage to its base and its data.

        Args:
            name: Of the entry; a further push makes its next version.
            hub: The default hub if left out.
            alias: Given to the new version at once.
            parents: What else it came from, as `run:ID`.
        """
        from metagpt.hub.hub import ModelHub

        known = [self.record.base_reference] if self.record.base_reference else []
        kind: Kind = "adapter" if self.record.is_adapter else "model"
        return (hub or ModelHub()).push(
            self, name, kind=kind, parents=[*known, *self.record.data_references, *parents], alias=alias
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path | str, *, device: str = "cpu", base: object = None) -> FinetunedModel:
        """A saved model.

        Args:
            folder: What `save` wrote.
            device: Where it runs.
            base: Of adapters, if their base is no longer where it was; else what the record says.

        Raises:
            LabError: no fine-tuned model, or no base.
        """
        where = Path(folder).expanduser()
        record = read_record(where)
        task = read_task(record.settings.task, record.task)
        if not record.is_adapter:
            model = task.open_model(str(where))
        else:
            found = find_base(base or record.base_reference or record.base, _hub_of(where))
            model = _with_adapters(task.open_model(found.source), where)
        return cls(model.eval().to(device), open_tokenizer(str(where)), task, record)


def _with_adapters(model: Any, folder: Path) -> Any:
    if has_bottlenecks(folder):
        return load_bottlenecks(model, folder)
    from peft import PeftModel

    with opened(str(folder)), old_name_allowed():
        return PeftModel.from_pretrained(model, str(folder))


def _hub_of(folder: Path) -> ModelHub | None:
    """The hub whose checkout the folder is, so that a base is found in the same hub."""
    from metagpt.hub.hub import ModelHub

    return ModelHub(folder.parents[1]) if folder.parent.name == "checkouts" else None


def _as_data(inputs: Inputs, task: Task) -> TextData:
    if isinstance(inputs, TextData):
        return inputs
    if isinstance(inputs, str):
        raise LabError(f"predict: found the text {inputs[:40]!r}; expected a list of texts. Put it in a list.")
    given: Sequence[Any] = inputs
    if not isinstance(task, Tagging):
        return TextData((Example(text=text) for text in given), name="inputs")
    if any(isinstance(words, str) for words in given):
        raise LabError("predict: found a text; expected lists of words, which get a tag each. Split it into words.")
    return TextData((Example(text=" ".join(words), fields={"tokens": list(words)}) for words in given), name="inputs")
