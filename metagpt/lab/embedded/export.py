"""A checkpoint as a folder to ship: weights, configuration, tokenizer, card and chart."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, GenerationConfig

from metagpt.lab.embedded.card import card
from metagpt.lab.embedded.chart import draw_losses, read_log
from metagpt.lab.embedded.network import new_model
from metagpt.lab.embedded.phrase_table import phrase_table
from metagpt.models.local.drafts import PHRASES_FILE

__all__ = ["export"]


def export(training: Path, out: Path, *, scores: Path | None = None) -> None:
    """Write the averaged weights in bfloat16 with everything that `from_pretrained` and the card need.

    Args:
        training: Folder of a training, with checkpoint, log and tokenizer; what its `history.md` says goes into the card.
        out: Folder to write; files of an earlier export are replaced.
        scores: `scores.md` or `served.md` of an evaluation of these weights, for the card.
    """
    tokenizer = AutoTokenizer.from_pretrained(training)
    checkpoint: dict[str, Any] = torch.load(training / "checkpoint.pt", weights_only=True)
    shape = json.loads((training / "training.json").read_text())
    model = new_model(tokenizer, layers=shape["layers"], width=shape["width"], heads=shape["heads"], hidden=shape["hidden"])
    model.load_state_dict(checkpoint["average"])
    model = model.bfloat16()
    generation: Any = GenerationConfig  # untyped in transformers
    model.generation_config = generation(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, max_new_tokens=320)
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(training / name, out / name)
    (out / PHRASES_FILE).write_text(json.dumps(phrase_table(), ensure_ascii=False, indent=0) + "\n")
    tokens_per_step = shape["num_workers"] * shape["rows"] * shape["length"]
    draw_losses(training / "log.jsonl", out / "losses.png", tokens_per_step=tokens_per_step)
    found = scores.read_text() if scores else None
    facts = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": checkpoint["number"],
        "tokens": checkpoint["number"] * tokens_per_step,
        "validation": next(
            (step["validation"] for step in reversed(read_log(training / "log.jsonl")) if "validation" in step), float("nan")
        ),
        "shape": shape,
        "vocabulary": len(tokenizer),
    }
    (out / "README.md").write_text(card(facts, found, history=_history(training)))


def _history(training: Path) -> str:
    """What a person noted of how this training came about."""
    file = training / "history.md"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
