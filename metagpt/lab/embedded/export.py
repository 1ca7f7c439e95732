"""The model of a run as a folder to ship: weights, configuration, tokenizer, phrase table, card and chart."""

import json
from pathlib import Path
from typing import Any

from transformers import GenerationConfig

from metagpt.hub.card import render_card
from metagpt.lab.embedded.card import Trained, card
from metagpt.lab.embedded.phrase_table import phrase_table
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.cards import datasets_of, training_facts
from metagpt.lab.pretraining.snapshots import Snapshot, open_snapshot
from metagpt.lab.pretraining.training import save_model
from metagpt.lab.pretraining.watching import draw_chart, steps_of
from metagpt.models.local.drafts import PHRASES_FILE
from metagpt.models.local.retelling import FOLDER as RETELLING

__all__ = ["export"]


def export(training: Path, out: Path, *, retelling: Path | None = None, scores: Path | None = None) -> None:
    """Write the weights in bfloat16 with everything that `from_pretrained` and the card need.

    Args:
        training: Folder of a run, done or going on; what its `history.md` says goes into the card.
        out: Folder to write; files of an earlier export are replaced.
        retelling: Folder of the run that trained the model that tells goals; that of an earlier export stays if left out.
        scores: `scores.md` or `served.md` of an evaluation of these weights, for the card.

    Raises:
        LabError: the run has not come to its first checkpoint.
    """
    folder = RunFolder(training)
    found = open_snapshot(folder)
    _save(found, out)
    if retelling is not None:
        _save(open_snapshot(RunFolder(retelling)), out / RETELLING)
    (out / PHRASES_FILE).write_text(json.dumps(phrase_table(), ensure_ascii=False, indent=0) + "\n")
    draw_chart(steps_of(folder), out / "losses.png", tokens_per_step=found.settings.tokens_per_step)
    trained = Trained(
        settings=found.settings,
        parameters=found.model.num_parameters(),
        vocabulary=len(found.tokenizer),
        shape=(found.model.config.num_hidden_layers, found.model.config.hidden_size),
        steps=found.steps,
        validation_loss=found.validation_loss,
        facts=training_facts(found.settings, folder, steps=found.steps),
        datasets=tuple(datasets_of(folder)),
        history=_history(training),
        retells=(out / RETELLING).is_dir(),
    )
    (out / "README.md").write_text(render_card(card(trained, scores.read_text() if scores else None)))


def _save(found: Snapshot, out: Path) -> None:
    model = found.model.bfloat16()
    generation: Any = GenerationConfig  # untyped in transformers
    ends = {"eos_token_id": found.tokenizer.eos_token_id, "pad_token_id": found.tokenizer.pad_token_id}
    model.generation_config = generation(**ends, max_new_tokens=320)
    out.mkdir(parents=True, exist_ok=True)
    save_model(model, found.tokenizer, out)
    (out / "model.safetensors").chmod(0o644)


def _history(training: Path) -> str:
    """What a person noted of how this training came about."""
    file = training / "history.md"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
