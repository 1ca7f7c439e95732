"""`distill`: a small student learns what a teacher answers; beside it, the same student without a teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.card import Card
from metagpt.hub.data import Example, TextData, check_apart
from metagpt.lab.compression.figures import Figures, table
from metagpt.lab.compression.measuring import speeds
from metagpt.lab.compression.settings import DistillSettings, checked_settings
from metagpt.lab.compression.storage import float32_bytes, save_compressed, weight_bytes
from metagpt.lab.compression.students import have_same_logits, have_same_tokens, student_of
from metagpt.lab.compression.subject import Subject, open_subject
from metagpt.lab.compression.teaching import Teaching, teach
from metagpt.lab.devices import pick_device
from metagpt.lab.evaluation.report import Score
from metagpt.lab.finetuning.base import find_base, open_tokenizer
from metagpt.lab.inheritance import inherited
from metagpt.lab.saving import check_new

__all__ = ["Distillation", "distill"]


@dataclass
class Distillation:
    """A student and its figures beside those of its teacher and of itself without one; printed, it is the report."""

    subject: Subject
    folder: Path
    """Where it is saved; `load_compressed` takes it."""
    figures: list[Figures]
    """Of the teacher, the student, and the student without a teacher."""
    baseline: Subject | None = None

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        return {"models": [each.as_json() for each in self.figures]}

    def __str__(self) -> str:
        lines = ["# Distillation", "", table(self.figures), ""]
        scores = [each.score for each in self.figures if each.score is not None]
        if len(scores) == 3:
            gain = scores[1].value - scores[2].value
            overlap = scores[1].interval.low <= scores[2].interval.high and scores[2].interval.low <= scores[1].interval.high
            sure = "The intervals overlap: so many examples do not tell them apart." if overlap else "The intervals do not overlap."
            lines.append(f"The teacher changed the student's score by {100 * gain:+.2f} points. {sure}")
        return "\n".join(lines).rstrip() + "\n"


def distill(
    teacher: object,
    folder: Path | str,
    train: TextData,
    data: TextData,
    *,
    student: object = None,
    settings: DistillSettings | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[..., None] | None = None,
    **changes: Any,  # Any: the fields of DistillSettings, checked there
) -> Distillation:
    """Train a student on a teacher's answers, save it, and measure both.

    Args:
        teacher: A `FinetunedModel` or its folder; or a language model, by folder or reference.
        folder: Where the student goes; it must be new.
        train: Examples to learn from.
        data: Held-out examples to score on.
        student: The folder or reference of the model to train; left out, `layers` of the teacher's layers.
        settings: All settings; keywords change some of them.
        checkpoint: A folder for checkpoints; a call that was cut goes on from there.
        on_step: Told of each step.
        **changes: Settings by name, as `layers=2, temperature=4.0`; see `DistillSettings`.

    Raises:
        LabError: settings, data or models that do not fit, or texts in both sets.
    """
    said = settings.model_dump(exclude_unset=True) if settings else {}
    chosen: DistillSettings = checked_settings(DistillSettings, "distill", {**said, **changes})
    where = Path(folder).expanduser()
    _check(chosen, where, train, data, student)
    device = str(pick_device(chosen.device))
    taught_by = open_subject(teacher, device=device)
    taught_by.check(train)
    taught_by.check(data)
    taught = student_of(taught_by, layers=chosen.layers or 1) if student is None else _open_student(student, taught_by, device)
    _check_pair(taught_by, taught, chosen)
    baseline = taught.copied() if chosen.baseline else None
    lessons = _answered(taught_by, train) if chosen.targets == "sequence" else train
    _teach(taught, taught_by if chosen.targets == "logits" else None, lessons, chosen, checkpoint, "student", on_step)
    if baseline is not None:
        _teach(baseline, None, train, chosen, checkpoint, "baseline", on_step)
    scores = [each.score(data) for each in (taught_by, taught, baseline) if each is not None]
    card = _card(taught, taught_by, scores)
    saved = save_compressed(taught, where, {"method": "distill"}, card)
    models = {"teacher": taught_by, "student": taught, **({} if baseline is None else {"student without a teacher": baseline})}
    return Distillation(taught, saved, _figures(models, scores, data, chosen, weight_bytes(saved)), baseline)


def _figures(models: dict[str, Subject], scores: list[Score], data: TextData, settings: DistillSettings, saved: int) -> list[Figures]:
    """The student without a teacher has the size and speed of the other."""
    measured = {name: models[name] for name in ("teacher", "student")}
    features = {name: each.features(data, labelled=False) for name, each in measured.items()}
    fast = speeds(measured, features, rounds=settings.rounds, batch_size=settings.batch_size)
    sizes = {"teacher": float32_bytes(models["teacher"].model)}
    return [
        Figures(
            name=name,
            parameters=sum(parameter.numel() for parameter in each.model.parameters()),
            disk_bytes=sizes.get(name, saved),
            tokens_per_s=fast.get(name, fast["student"]),
            score=score,
        )
        for (name, each), score in zip(models.items(), scores, strict=True)
    ]


def _check(settings: DistillSettings, folder: Path, train: TextData, data: TextData, student: object) -> None:
    if not train or not data:
        raise LabError("distill: found an empty set; expected examples to learn from, and others to score on. Give both.")
    if (student is None) == (settings.layers is None):
        raise LabError("distill: found both or neither of student and layers; expected one: a model, or how many layers. Give one of them.")
    if not settings.allow_leaks:
        check_apart({"train": train, "data": data}, "distill")
    check_new(folder, "distill")


def _check_pair(teacher: Subject, student: Subject, settings: DistillSettings) -> None:
    task = teacher.finetuned.task.evaluation if teacher.finetuned is not None else "generation"
    if task == "regression":
        raise LabError(
            "distill: found a teacher for regression, which has no probabilities; expected classes, tags or texts. Fine-tune instead."
        )
    if settings.targets == "sequence" and (task != "generation" or teacher.finetuned is None):
        raise LabError(
            "distill: found targets = 'sequence' for a teacher that answers no prompts; expected a fine-tuned generator. Use logits."
        )
    if settings.targets == "logits" and task != "classification" and not have_same_tokens(teacher, student):
        raise LabError("distill: found a student with other tokens than the teacher's; expected the same. Use targets = 'sequence'.")
    if settings.targets == "logits" and not have_same_logits(teacher, student):
        raise LabError(
            "distill: found a student whose logits have another width than the teacher's; expected the same. Take another student."
        )


def _open_student(student: object, teacher: Subject, device: str) -> Subject:
    """A base with a head for the teacher's task."""
    if teacher.finetuned is None:
        return open_subject(student, device=device)
    base = find_base(student)
    source = base.source
    model = teacher.finetuned.task.open_model(source).eval().to(device)
    tokenizer = open_tokenizer(source)
    old = teacher.with_model(model)
    assert old.finetuned is not None, "the teacher has a task"
    old.finetuned.tokenizer = tokenizer
    return Subject(model, tokenizer, old.finetuned, base.card)


def _answered(teacher: Subject, train: TextData) -> TextData:
    """The examples with the teacher's texts in place of the labels. Source: Kim and Rush 2016, arXiv:1606.07947, section 3.2."""
    assert teacher.finetuned is not None, "checked before"
    answers = teacher.finetuned.predict(train)
    kept = [(each, answer) for each, answer in zip(train, answers, strict=True) if answer]
    if not kept:
        raise LabError("distill: found a teacher that answers nothing to every prompt; expected texts. Train it further.")
    return TextData((Example(text=each.text, label=answer, fields=each.fields) for each, answer in kept), name=f"{train.name}, answered")


def _teach(
    student: Subject,
    teacher: Subject | None,
    train: TextData,
    settings: DistillSettings,
    checkpoint: Path | None,
    name: str,
    on_step: Callable[..., None] | None,
) -> None:
    same = ("steps", "batch_size", "learning_rate", "weight_decay", "temperature", "soft", "seed")
    teaching = Teaching(**{each: getattr(settings, each) for each in same})
    if teacher is None:
        teaching = replace(teaching, soft=0.0)
    if checkpoint is not None:
        checkpoint.mkdir(parents=True, exist_ok=True)

    def tell(**values: Any) -> None:
        if on_step is not None:
            on_step(model=name, **values)

    teach(student, teacher, train, teaching, checkpoint=None if checkpoint is None else checkpoint / name, on_step=tell)


def _card(student: Subject, teacher: Subject, scores: list[Score]) -> Card:
    summary = teacher.origin.summary
    made = Card(
        summary=f"{summary} A student distilled from it.",
        task=teacher.origin.task,
        library="transformers",
        tags=("distilled",),
        predictor="compressed" if student.finetuned is not None else None,
        metrics={scores[1].name: round(scores[1].value, 4)},
        text=(
            f"# Distilled student\n\n{summary}\n\n{scores[0].name} {scores[0].value:.4f} of the teacher, {scores[1].value:.4f} of the"
            " student.\n\nLoad it with `metagpt.lab.load_compressed(folder)`.\n"
        ),
    )
    return inherited(inherited(made, student.card), teacher.card)
