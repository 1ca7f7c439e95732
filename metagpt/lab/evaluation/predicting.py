"""Predictions for a set: read from a file, or made by a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.data import TextData

__all__ = ["answers_of", "predictions_of"]


def predictions_of(source: str, data: TextData, *, device: str = "cpu") -> list[Any]:
    """What a model says of a set.

    Args:
        source: `hub:NAME@VERSION`; the folder of a fine-tuned model; or a .jsonl file with one JSON value, or object with a
            `prediction`, for each example.
        data: The set.
        device: Where the model of a folder runs.

    Raises:
        LabError: neither, or predictions that do not read.
    """
    if source.endswith(".jsonl"):
        return _read(Path(source))
    if source.startswith("hub:"):
        from metagpt.hub.hub import ModelHub

        return answers_of(ModelHub().load(source), data)
    if Path(source).is_dir():
        from metagpt.lab.finetuning import FinetunedModel

        return list(FinetunedModel.load(source, device=device).predict(data))
    raise LabError(f"evaluate: found the model {source!r}; expected hub:NAME, a folder of a fine-tuned model, or a .jsonl file. Name one.")


def answers_of(predictor: Any, data: TextData) -> list[Any]:  # Any: whatever its plugin makes
    """What a predictor says of a set: it is given tagged text as the set that it is, all else as texts."""
    return list(predictor.predict(data if _is_tagged(data) else data.texts))


def _is_tagged(data: TextData) -> bool:
    return bool(data) and "tokens" in data[0].fields


def _read(path: Path) -> list[Any]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}; expected a file of predictions. Name one that is there.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise LabError(f"{path}:{number}: found {line[:60]!r}; expected a JSON value. Mend the line.") from error
        if isinstance(value, dict) and "prediction" not in value:
            raise LabError(f"{path}:{number}: found the keys {', '.join(value)}; expected 'prediction'. Name it so.")
        found.append(value["prediction"] if isinstance(value, dict) else value)
    return found
