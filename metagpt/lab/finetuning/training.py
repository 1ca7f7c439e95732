"""The training of a fine-tuning: transformers.Trainer with our loss, checkpoints to go on from, and an end at a loss that is none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from metagpt.errors import LabError
from metagpt.lab.checkpoints import last_whole_checkpoint, trainer_checkpoints
from metagpt.lab.devices import pick_device
from metagpt.lab.finetuning.base import silent
from metagpt.lab.finetuning.batches import Collate, Features
from metagpt.lab.finetuning.losses import Loss
from metagpt.lab.finetuning.settings import FinetuneSettings
from metagpt.lab.finetuning.tasks import Task
from metagpt.lab.training_bar import TrainingBar

if TYPE_CHECKING:
    from metagpt.lab.robustness.adversary import Adversary

__all__ = ["OnLog", "last_whole_checkpoint", "train"]

OnLog = Callable[[Mapping[str, float]], None]
"""Called with `step` and the figures of each log line and evaluation."""

# transformers.Trainer has no types.
# mypy: disable-error-code="misc,no-untyped-call"


class _TaskTrainer(Trainer):
    """A Trainer whose loss is that of the task."""

    def __init__(self, task_loss: Loss, settings: FinetuneSettings, **rest: Any) -> None:
        super().__init__(**rest)
        self.task_loss = task_loss
        self.settings = settings
        self.loss_is_scaled_for_ga = False  # a mean over the batch

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        rest = {name: value for name, value in inputs.items() if name != "labels"}
        outputs = model(**rest)
        loss = self.task_loss(outputs.logits, inputs["labels"])
        if not torch.isfinite(loss):
            raise LabError(
                f"finetune: step {self.state.global_step + 1}: found the loss {float(loss.detach())}; expected a finite one."
                f" Lower learning_rate (now {self.settings.peak_rate:g}), or take out the examples that cause it. Nothing was saved."
            )
        return (loss, outputs) if return_outputs else loss


def train(
    model: Any,
    task: Task,
    settings: FinetuneSettings,
    collate: Collate,
    features: Sequence[Features],
    validation: Sequence[Features],
    *,
    task_loss: Loss,
    checkpoint: Path | None,
    on_log: OnLog | None,
    adversary: Adversary | None = None,
) -> list[dict[str, Any]]:
    """Train the open parameters of the model in place; with a validation set the best checkpoint is kept.

    Args:
        model: As `adapt` made it.
        task: Scores the validation set.
        settings: Of the training.
        collate: Makes batches.
        features: Examples to train on.
        validation: Examples to choose by; none keeps the last weights.
        task_loss: What is made small.
        checkpoint: Where checkpoints go, and where a run that was cut goes on from; None for a temporary folder.
        on_log: Told of every log line.
        adversary: Makes the loss of the training steps adversarial.

    Returns:
        The log of all steps, those before a cut as well.
    """
    with ExitStack() as stack:
        work = str(checkpoint or stack.enter_context(tempfile.TemporaryDirectory(prefix="metagpt-finetune-")))
        callbacks: list[Any] = [EarlyStoppingCallback(settings.patience)] if settings.patience and validation else []
        trainer = _kind_of_trainer(adversary)(
            task_loss, settings,
            model=model,
            args=_arguments(settings, task, work, has_validation=bool(validation), keeps=checkpoint is not None),
            data_collator=collate,
            train_dataset=features,
            eval_dataset=validation or None,
            compute_metrics=(lambda found: _metrics(task, found)) if validation and task.score_name else None,
            callbacks=[TrainingBar("finetune"), *callbacks, *([_reporting(on_log)] if on_log else [])],
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        stack.enter_context(silent())
        last = stack.enter_context(trainer_checkpoints(Path(work), "finetune"))
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        return [dict(line) for line in trainer.state.log_history]


def _kind_of_trainer(adversary: Adversary | None) -> type[_TaskTrainer]:
    if adversary is None:
        return _TaskTrainer
    from metagpt.lab.robustness.adversary import adversarial_trainer

    return adversarial_trainer(_TaskTrainer, adversary)


def _reporting(on_log: OnLog) -> TrainerCallback:
    class Reporting(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **rest: Any) -> None:
            on_log({"step": state.global_step, **{name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}})

    return Reporting()


def _arguments(settings: FinetuneSettings, task: Task, work: str, *, has_validation: bool, keeps: bool) -> TrainingArguments:
    rhythm = "no" if not (has_validation or keeps) else "steps" if settings.eval_steps else "epoch"
    device = pick_device(settings.device)
    arguments = TrainingArguments(
        output_dir=work,
        num_train_epochs=settings.max_epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.peak_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup,  # below 1 it is a share
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip_norm,
        bf16=settings.bf16,
        seed=settings.seed,
        use_cpu=device.type == "cpu",
        eval_strategy=rhythm if has_validation else "no",
        save_strategy=rhythm,
        eval_steps=settings.eval_steps,
        save_steps=settings.eval_steps or 500,
        save_total_limit=2,
        load_best_model_at_end=has_validation,
        metric_for_best_model=(task.score_name or "loss") if has_validation else None,
        greater_is_better=task.score_name is not None if has_validation else None,
        prediction_loss_only=task.score_name is None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=10,
        logging_first_step=True,
        label_names=["labels"],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,  # `TrainingBar` draws it
        report_to="none",
    )
    return _place(arguments, device)


def _place(arguments: TrainingArguments, device: torch.device) -> TrainingArguments:
    """Keep the training on one device; several are for accelerate's launcher, not for threads of one process.

    The Trainer knows no index but that of the launcher, so that another CUDA device than the first is put in its place.
    """
    arguments._n_gpu = min(arguments.n_gpu, 1)
    if device.type == "cuda" and device.index:
        torch.cuda.set_device(device)
        if arguments.distributed_state is not None:
            arguments.distributed_state.device = device
        arguments.__dict__["_setup_devices"] = device
    return arguments


def _metrics(task: Task, found: Any) -> dict[str, float]:
    rows = [torch.as_tensor(row) for row in found.predictions]
    labels = [torch.as_tensor(row) for row in found.label_ids]
    return {str(task.score_name): task.score(rows, labels)}
