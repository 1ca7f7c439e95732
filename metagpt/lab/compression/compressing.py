"""`compress`: a model in; a smaller one with its size, speed and score before and after out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from metagpt.errors import LabError
from metagpt.hub.card import Card
from metagpt.hub.data import TextData, check_apart
from metagpt.lab.compression.figures import Figures, told
from metagpt.lab.compression.magnitude import apply_masks, prune_smallest, zero_share
from metagpt.lab.compression.measuring import speeds
from metagpt.lab.compression.quantize import quantize_model, unpack_model
from metagpt.lab.compression.settings import CompressSettings, checked_settings
from metagpt.lab.compression.storage import float32_bytes, save_compressed, weight_bytes
from metagpt.lab.compression.structured import effects, prune_structured, sizes
from metagpt.lab.compression.subject import Subject, counted, open_subject
from metagpt.lab.compression.teaching import Teaching, teach
from metagpt.lab.devices import pick_device
from metagpt.lab.evaluation.report import Score
from metagpt.lab.finetuning.batches import batches_by_length
from metagpt.lab.inheritance import inherited
from metagpt.lab.saving import check_new

__all__ = ["Compression", "compress"]


@dataclass
class Compression:
    """A compressed model, and what it is beside the original; printed, it is the report."""

    subject: Subject
    folder: Path
    """Where it is saved; `load_compressed` takes it."""
    method: str
    figures: list[Figures]
    """Of the original, of the compressed model and, where weights are packed, of it unpacked."""
    float32_bytes: int
    """What the original's weights take in float32."""
    found: Mapping[str, Any]
    """What the method says of itself."""

    @property
    def size_share(self) -> float:
        """The file's share of the original's size in float32."""
        return self.figures[1].disk_bytes / self.float32_bytes

    @property
    def speedup(self) -> float:
        """Times as many tokens per second as the original."""
        return (self.figures[1].tokens_per_s or 0.0) / (self.figures[0].tokens_per_s or 1.0)

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        return {
            "method": self.method,
            "models": [each.as_json() for each in self.figures],
            "float32_bytes": self.float32_bytes,
            "size_share": self.size_share,
            "speedup": self.speedup,
            **self.found,
        }

    def __str__(self) -> str:
        return told(self.method, self.figures, self.float32_bytes, self.found)


def compress(
    model: object,
    folder: Path | str,
    data: TextData,
    *,
    train: TextData | None = None,
    settings: CompressSettings | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[..., None] | None = None,
    **changes: Any,  # Any: the fields of CompressSettings, checked there
) -> Compression:
    """Compress a model, save it, and measure it beside the original.

    Args:
        model: A `FinetunedModel` or its folder; the folder or hub reference of a language model; `embedded`. It stays as it is.
        folder: Where the result goes, with `compression.json` and weights as safetensors; it must be new.
        data: Held-out examples to score both on; of a language model texts alone.
        train: Examples that pruning may learn from: for `recover_steps`, and for `importance="effect"`.
        settings: All settings; keywords change some of them.
        checkpoint: Where a recovery that was cut goes on from.
        on_step: Told of each step of recovery.
        **changes: Settings by name, as `method="structured", heads=0.5`; see `CompressSettings`.

    Raises:
        LabError: settings, data or model that do not fit, texts in both sets, or a folder that is no new one.
    """
    said = settings.model_dump(exclude_unset=True) if settings else {}
    chosen: CompressSettings = checked_settings(CompressSettings, "compress", {**said, **changes})
    where = Path(folder).expanduser()
    _check(chosen, where, data, train)
    original = open_subject(model, device=str(pick_device(chosen.device)))
    original.check(data)
    if train is not None:
        original.check(train)
    small = original.copied()
    about = _METHODS[chosen.method](small, original, chosen, train, checkpoint, on_step)
    subjects = {"original": original, chosen.method: small}
    if about.get("quantized"):
        unpacked = small.copied()
        unpack_model(unpacked.model)
        subjects[f"{chosen.method}, unpacked"] = unpacked
    features = original.features(data, labelled=False)
    fast = speeds(subjects, dict.fromkeys(subjects, features), rounds=chosen.rounds, batch_size=chosen.batch_size)
    scores = [original.score(data), small.score(data)]
    saved = save_compressed(small, where, about, _card(original, chosen, scores))
    found = {name: value for name, value in about.items() if name not in ("quantized", "method")}
    full = float32_bytes(original.model)
    return Compression(small, saved, chosen.method, _figures(subjects, fast, scores, full, weight_bytes(saved)), full, found)


def _figures(subjects: Mapping[str, Subject], fast: Mapping[str, float], scores: list[Score], full: int, packed: int) -> list[Figures]:
    """Packed matrices are no parameters of torch: the unpacked model counts for both."""
    parameters = [_count(each.model) for each in subjects.values()]
    if len(parameters) == 3:
        parameters[1] = parameters[2]
    return [
        Figures(
            name=name,
            parameters=parameters[number],
            disk_bytes=full if number == 0 else packed,
            tokens_per_s=fast[name],
            score=scores[min(number, 1)],
        )
        for number, name in enumerate(subjects)
    ]


def _check(settings: CompressSettings, folder: Path, data: TextData, train: TextData | None) -> None:
    if not data:
        raise LabError("compress: found no data; expected one or more held-out examples, to score before and after. Give them.")
    if settings.needs_train and not train:
        what = "recover_steps" if settings.recover_steps else "importance = 'effect'"
        raise LabError(f"compress: found {what} without training data; expected it. Give `train`.")
    if train is not None and not settings.allow_leaks:
        check_apart({"train": train, "data": data}, "compress")
    check_new(folder, "compress")


def _count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _quantize(small: Subject, original: Subject, settings: CompressSettings, *_: Any) -> dict[str, Any]:
    bits = 8 if settings.method == "int8" else 4
    names = quantize_model(small.model, bits=bits, group=settings.group)
    return {"method": settings.method, "quantized": names, "bits": bits, "group": settings.group, "packed_matrices": len(names)}


def _structured(
    small: Subject,
    original: Subject,
    settings: CompressSettings,
    train: TextData | None,
    checkpoint: Path | None,
    on_step: Callable[..., None] | None,
) -> dict[str, Any]:
    importance = None
    if settings.importance == "effect" and train is not None:
        importance = effects(small.model, _losses(small, train, settings.batch_size))
    found = prune_structured(small.model, heads=settings.heads, neurons=settings.neurons, importance=importance)
    _recover(small, original, settings, train, checkpoint, on_step, None)
    return {"method": "structured", **sizes(found), "recover_steps": settings.recover_steps}


def _losses(subject: Subject, data: TextData, batch_size: int) -> Iterator[Tensor]:
    features = subject.features(data)
    for places in batches_by_length(features, batch_size):
        batch = {name: tensor.to(subject.model.device) for name, tensor in subject.collate([features[place] for place in places]).items()}
        yield cross_entropy(*counted(subject.logits(batch), batch["labels"], is_generator=subject.is_generator))


def _magnitude(
    small: Subject,
    original: Subject,
    settings: CompressSettings,
    train: TextData | None,
    checkpoint: Path | None,
    on_step: Callable[..., None] | None,
) -> dict[str, Any]:
    masks = prune_smallest(small.model, share=settings.share)
    _recover(small, original, settings, train, checkpoint, on_step, partial(apply_masks, masks=masks))
    return {"method": "magnitude", "zero_share": round(zero_share(small.model), 4), "recover_steps": settings.recover_steps}


def _recover(
    small: Subject,
    original: Subject,
    settings: CompressSettings,
    train: TextData | None,
    checkpoint: Path | None,
    on_step: Callable[..., None] | None,
    after_step: Callable[[Any], None] | None,
) -> None:
    """Training with the original as teacher; what was pruned stays pruned."""
    if train is None or not settings.recover_steps:
        return
    same = ("batch_size", "learning_rate", "weight_decay", "temperature", "soft", "seed")
    teaching = Teaching(steps=settings.recover_steps, **{name: getattr(settings, name) for name in same})
    teach(small, original, train, teaching, checkpoint=checkpoint, on_step=on_step, after_step=after_step)


_METHODS: dict[str, Callable[..., dict[str, Any]]] = {
    "int8": _quantize, "int4": _quantize, "structured": _structured, "magnitude": _magnitude,
}  # fmt: skip


def _card(original: Subject, settings: CompressSettings, scores: list[Score]) -> Card:
    before, after = scores
    base = original.origin.summary
    card = Card(
        summary=f"{base} Compressed by {settings.method}.",
        task=original.origin.task,
        library="metagpt",
        tags=("compressed", settings.method),
        predictor="compressed" if original.finetuned is not None else None,
        metrics={after.name: round(after.value, 4)},
        text=(
            f"# Compressed by {settings.method}\n\n{base}\n\n{before.name} {before.value:.4f} before, {after.value:.4f} after.\n\n"
            "Load it with `metagpt.lab.load_compressed(folder)`.\n"
        ),
    )
    return inherited(card, original.card)
