"""`finetune`: a base model and examples in, a fine-tuned model out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import LabError
from metagpt.hub.data import Splits, TextData, load_data, split
from metagpt.hub.durable import write_durably
from metagpt.lab.finetuning.base import find_base, open_tokenizer
from metagpt.lab.finetuning.checks import check_data
from metagpt.lab.finetuning.settings import GENERATION_TASKS, FinetuneSettings, read_settings

if TYPE_CHECKING:
    from metagpt.hub.hub import ModelHub
    from metagpt.lab.finetuning.finetuned import FinetunedModel
    from metagpt.lab.finetuning.training import OnLog
    from metagpt.lab.robustness.adversary import Adversary

__all__ = ["finetune"]

_OF_THE_MACHINE = {"device", "memory_gb"}
"""Settings that may differ when a training goes on."""


def finetune(
    model: object,
    data: TextData | Splits | str | Path,
    *,
    validation: TextData | None = None,
    test: TextData | None = None,
    settings: FinetuneSettings | None = None,
    checkpoint: Path | None = None,
    on_log: OnLog | None = None,
    hub: ModelHub | None = None,
    adversary: Adversary | None = None,
    **changes: Any,  # Any: the fields of FinetuneSettings, checked there
) -> FinetunedModel:
    """Fine-tune a model of transformers for a task.

    Args:
        model: A folder; `hub:NAME@VERSION`; what `select_models` returned; or the id of a model in the cache of transformers.
        data: What to train on; splits bring their parts `validation` and `test` along. A string is read by `load_data`.
        validation: Chooses the best checkpoint; split off the training set if left out and `validation_share` is not 0.
        test: Only checked, for labels that training never shows and for leaks; evaluate the result on it.
        settings: All settings; keywords change some of them.
        checkpoint: A folder for checkpoints. A call that was cut goes on from the last one there, to the same result.
        on_log: Told of every log line and evaluation; what it raises ends the training.
        hub: Where `hub:` references are looked up; the default hub if left out.
        adversary: Trains against moved embeddings, as `Fgm()` or `FreeLb()` of `metagpt.lab.robustness`.
        **changes: Settings by name, as `task="regression", method="lora", max_epochs=5`; see `FinetuneSettings`.

    Raises:
        LabError: settings, data or base that do not fit, before anything is trained or written; a loss that is no number.
    """
    chosen = read_settings({**(settings.model_dump(exclude_unset=True) if settings else {}), **changes})
    train, parts = _parts(data, validation, test, chosen, hub)
    check_data(chosen, train, parts)
    base = find_base(model, hub)
    if validation is None and "validation" not in parts and chosen.validation_share:
        shares = {"train": 1 - chosen.validation_share, "validation": chosen.validation_share}
        halves = split(train, shares, seed=chosen.seed, stratify=chosen.task == "classification")
        train, parts = halves["train"], {**parts, "validation": halves["validation"]}
    if chosen.patience and "validation" not in parts:
        raise LabError("finetune: found patience without a validation set; expected one to watch. Give it, or set validation_share.")
    if checkpoint is not None:
        _check_same(
            checkpoint, {"settings": chosen.model_dump(mode="json", exclude=_OF_THE_MACHINE), "base": base.source, "data": train.digest}
        )
    return _trained(base, train, parts.get("validation"), chosen, checkpoint, on_log, adversary)


def _parts(
    data: TextData | Splits | str | Path,
    validation: TextData | None,
    test: TextData | None,
    settings: FinetuneSettings,
    hub: ModelHub | None,
) -> tuple[TextData, dict[str, TextData]]:
    if isinstance(data, Splits):
        given: dict[str, TextData] = {name: part for name, part in data.items() if name in ("validation", "test")}
        train = data["train"] if "train" in data else next(iter(data.values()))
    else:
        given = {}
        train = data if isinstance(data, TextData) else load_data(data, numbers=settings.task == "regression", hub=hub)
    for name, part in (("validation", validation), ("test", test)):
        if part is not None:
            given[name] = part
    return train, given


def _trained(
    base: Any,
    train: TextData,
    validation: TextData | None,
    settings: FinetuneSettings,
    checkpoint: Path | None,
    on_log: OnLog | None,
    adversary: Adversary | None,
) -> FinetunedModel:
    from transformers import set_seed

    from metagpt.lab.finetuning.batches import Collate
    from metagpt.lab.finetuning.finetuned import FinetunedModel
    from metagpt.lab.finetuning.methods import adapt, count_trained
    from metagpt.lab.finetuning.record import Record
    from metagpt.lab.finetuning.tasks import learn_task
    from metagpt.lab.finetuning.training import train as run_training

    set_seed(settings.seed)
    tokenizer = open_tokenizer(base.source)
    if settings.task in GENERATION_TASKS and tokenizer.eos_token_id is None:
        raise LabError(
            f"finetune: {base.source}: found a tokenizer without an end token; expected one, to end answers with. Set eos_token."
        )
    task = learn_task(settings, train)
    model = adapt(task.open_model(base.source), settings)
    features = task.encode(train, tokenizer, settings.max_length, labelled=True)
    checked = [] if validation is None else task.encode(validation, tokenizer, settings.max_length, labelled=True)
    history = run_training(
        model, task, settings, Collate(tokenizer.pad_token_id), features, checked,
        task_loss=task.loss(settings, train), checkpoint=checkpoint, on_log=on_log, adversary=adversary,
    )  # fmt: skip
    trained, parameters = count_trained(model)
    record = Record(
        settings=settings, task=task.describe(), base=base.source, base_reference=base.reference, data=train.name,
        data_digest=train.digest, data_references=_references(train), languages=base.card.languages,
        license=base.card.license, examples=len(train), trained=trained, parameters=parameters,
        history=tuple(history),
    )  # fmt: skip
    return FinetunedModel(model.eval(), tokenizer, task, record)


def _references(data: TextData) -> tuple[str, ...]:
    """The sets of a hub that the examples stand in."""
    sources = (example.origin.source for example in data if example.origin is not None)
    return tuple(dict.fromkeys(source.partition("/")[0] for source in sources if source.startswith("hub:")))  # of hub:NAME@1/all.jsonl


def _check_same(checkpoint: Path, about: Mapping[str, Any]) -> None:
    """A checkpoint goes on only with what it began with."""
    file = checkpoint / "began.json"
    if not file.is_file():
        checkpoint.mkdir(parents=True, exist_ok=True)
        write_durably(file, json.dumps(about, indent=1).encode())
        return
    began = json.loads(file.read_text(encoding="utf-8"))
    changed = [name for name in about if began.get(name) != about[name]]
    if changed:
        raise LabError(
            f"finetune: {checkpoint}: found checkpoints of a training with other {' and '.join(changed)}; expected the same."
            " Go on with what it began with, or name a new folder."
        )
