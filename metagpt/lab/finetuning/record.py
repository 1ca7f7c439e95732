"""What a saved fine-tuned model says of itself: `finetuning.json` for loading, and the card for people and the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.card import Card
from metagpt.lab.evaluation.report import Report, markdown_table
from metagpt.lab.finetuning.settings import FinetuneSettings

__all__ = ["RECORD", "Record", "read_record"]

RECORD = "finetuning.json"
_METHODS = {
    "full": "all weights were trained",
    "lora": "LoRA, a low-rank update of its projections",
    "prefix": "prefix tuning, virtual tokens before every layer's keys and values",
    "ia3": "IA3, factors on keys, values and feed-forward activations",
    "bottleneck": "bottleneck adapters behind its projections",
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """Where a model came from."""

    settings: FinetuneSettings
    task: Mapping[str, Any]
    """What the task must know again."""
    base: str
    """The folder or id that training began from."""
    base_reference: str | None
    """What a hub knows the base by."""
    data: str
    """The name of the training set."""
    data_digest: str
    data_references: tuple[str, ...] = ()
    """The sets as the hub knows them, for the lineage."""
    languages: tuple[str, ...] = ()
    """Of the base, as its card says."""
    license: str | None = None
    """Of the base, likewise."""
    examples: int
    trained: int
    parameters: int
    merged: bool = False
    """Whether the adapters are folded into the weights of the base."""
    history: tuple[Mapping[str, Any], ...] = field(default=())
    """The log of the training."""

    @property
    def is_adapter(self) -> bool:
        """Whether the folder holds adapters without their base."""
        return self.settings.method != "full" and not self.merged

    def write(self, folder: Path) -> None:
        values = {**asdict(self), "settings": self.settings.model_dump(mode="json")}
        (folder / RECORD).write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def card(self, pipeline: str, report: Report | None) -> Card:
        """The card, with the scores where the model was evaluated."""
        name = self.base_reference or Path(self.base).name
        base = name.removeprefix("hub:").removeprefix("hf:")
        wanted = ", ".join(map(str, self.task.get("classes", self.task.get("tags", ()))))
        summary = f"{base} fine-tuned for {self.settings.task} on {self.data} ({_METHODS[self.settings.method]})."
        return Card(
            summary=summary + (f" Classes: {wanted[:400]}." if wanted else ""),
            task=pipeline,
            library="peft" if self.is_adapter and self.settings.method != "bottleneck" else "transformers",
            base_models=(base,),
            datasets=tuple(reference.removeprefix("hub:") for reference in self.data_references),
            tags=("fine-tuned", self.settings.method),
            languages=self.languages,
            license=self.license,
            predictor="finetuned",
            metrics=report.values if report else {},
            text=self._text(summary, report),
        )

    def _text(self, summary: str, report: Report | None) -> str:
        changed = {name: value for name, value in self.settings.model_dump(mode="json").items() if value is not None}
        lines = ["# Fine-tuned model", "", summary, "", f"{self.trained:,} of {self.parameters:,} parameters were trained,"]
        lines += [f"on {self.examples:,} examples (sha256 {self.data_digest[:12]}).", ""]
        if self.settings.task == "regression":
            lines += ["The head's output is standardized; the number is output x deviation + mean of finetuning.json.", ""]
        lines += ["Load it with `metagpt.lab.FinetunedModel.load(folder)`, or with the Auto classes of transformers or PEFT.", ""]
        if report is not None:
            lines += [report.to_markdown().replace("# ", "## ", 1), ""]
        return "\n".join([*lines, *markdown_table(("setting", "value"), ((name, str(value)) for name, value in changed.items()))])


def read_record(folder: Path) -> Record:
    """The record of a saved model.

    Raises:
        LabError: the folder holds none, or one that does not read.
    """
    try:
        said = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        settings = FinetuneSettings.model_validate(said.pop("settings"))
        lists = {name: tuple(said.get(name, ())) for name in ("data_references", "languages", "history")}
        return Record(**{**said, "settings": settings, **lists})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabError(
            f"{folder}: found no {RECORD} that reads ({error}); expected the folder of a fine-tuned model. Name another."
        ) from error
