"""Compressed models as folders: safetensors, `compression.json` that says how they are put together again, tokenizer and card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from metagpt.errors import LabError
from metagpt.hub.card import Card, read_card, render_card
from metagpt.lab.compression.quantize import put_quantized, unpack_model
from metagpt.lab.compression.structured import linear_shapes, reshape_linears
from metagpt.lab.compression.subject import Subject
from metagpt.lab.finetuning.base import open_tokenizer, opened
from metagpt.lab.finetuning.finetuned import FinetunedModel
from metagpt.lab.finetuning.record import RECORD, read_record
from metagpt.lab.finetuning.tasks import read_task
from metagpt.lab.saving import whole_folder
from metagpt.models.local.bars import bars_for

__all__ = ["ABOUT", "float32_bytes", "load_compressed", "open_predictor", "save_compressed", "weight_bytes"]

ABOUT, WEIGHTS = "compression.json", "compressed.safetensors"
"""The weights have a name of their own, so that nothing that knows no packed weights takes them for a model with some missing."""
PLAIN = "model.safetensors"


def save_compressed(subject: Subject, folder: Path, about: Mapping[str, Any], card: Card) -> Path:
    """Write a model; the folder gets its name when all of it stands.

    Args:
        subject: The compressed model.
        folder: A new one.
        about: `method`, and where weights are packed `quantized`, `bits` and `group`, as `quantize_model` had them.
        card: Its README.md.

    Raises:
        LabError: the folder holds something, or there is no room.
    """
    with whole_folder(folder, "compress") as aside:
        _write(subject, aside, about)
        (aside / "README.md").write_text(render_card(card), encoding="utf-8")
    return folder


def _write(subject: Subject, folder: Path, about: Mapping[str, Any]) -> None:
    model = subject.model
    model.config.architectures = [type(model).__name__]
    model.config.dtype = "float32"
    is_plain = not about.get("quantized") and _fits_config(model)
    said = {"format": 1, "architecture": type(model).__name__, "plain": is_plain, **about}
    if is_plain:
        with bars_for(long=False):
            model.save_pretrained(str(folder))
    else:
        tensors, said["same_as"] = _tensors(model)
        said["shapes"] = linear_shapes(model) if not about.get("quantized") else {}
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        model.config.save_pretrained(str(folder))
        if model.can_generate():
            model.generation_config.save_pretrained(str(folder))
    subject.tokenizer.save_pretrained(str(folder))
    if subject.finetuned is not None:
        subject.finetuned.record.write(folder)
    (folder / ABOUT).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _fits_config(model: Any) -> bool:  # Any: a model of transformers
    """Whether `from_pretrained` would build a model of exactly these shapes."""
    try:
        with torch.device("meta"):
            fresh = type(model)(model.config)
    except ValueError:  # how configurations refuse widths that do not fit each other
        return False
    return {name: tensor.shape for name, tensor in fresh.state_dict().items()} == {
        name: tensor.shape for name, tensor in model.state_dict().items()
    }


def _tensors(model: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Every tensor once, and which names mean the same one."""
    kept: dict[str, Tensor] = {}
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    same: dict[str, str] = {}
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tuple(tensor.shape))
        if tensor.numel() and key in seen:
            same[name] = seen[key]
            continue
        seen[key] = name
        kept[name] = tensor.detach().cpu().contiguous()
    return kept, same


def load_compressed(folder: Path | str, *, unpack: bool = False, device: str = "cpu") -> Subject:
    """A model that `compress` saved; `.finetuned` predicts as the original did, `.model` is a model of transformers.

    Args:
        folder: What `compress` wrote, or a checkout of it from the hub.
        unpack: Turn packed weights into float32 ones: as fast as the original, and as big in memory.
        device: Where it runs.

    Raises:
        LabError: no compressed model, or files that do not belong together.
    """
    where = Path(folder).expanduser()
    said = _read(where)
    record = read_record(where) if (where / RECORD).is_file() else None
    task = None if record is None else read_task(record.settings.task, record.task)
    kind = _architecture(where, str(said["architecture"]))
    with opened(str(where)):
        if said["plain"]:
            model = kind.from_pretrained(str(where), use_safetensors=True, local_files_only=True)
        else:
            model = _put_together(kind, where, said)
    if unpack:
        model = unpack_model(model)
    tokenizer = open_tokenizer(str(where))
    model = model.eval().to(device)
    finetuned = None if record is None or task is None else FinetunedModel(model, tokenizer, task, record)
    return Subject(model, tokenizer, finetuned, read_card(where))


def _read(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if said["format"] != 1 or not {"architecture", "plain"} <= said.keys():
            raise ValueError(f"format {said['format']!r}")  # told as any other file that does not read
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{folder}: found no {ABOUT} that reads ({error}); expected the folder of a compressed model. Name another."
        ) from error
    return said


def _architecture(folder: Path, name: str) -> Any:
    """The class of that name, among the models of transformers and ours alone."""
    import transformers

    from metagpt.lab import architecture

    kind = getattr(architecture if name.startswith("MetaGPT") else transformers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise LabError(f"{folder}: found the architecture {name!r}; expected a model of transformers or of metagpt. Get the files anew.")
    return kind


def _put_together(kind: Any, folder: Path, said: Mapping[str, Any]) -> Any:
    from transformers import AutoConfig

    model = kind(AutoConfig.from_pretrained(str(folder), local_files_only=True)).eval()
    reshape_linears(model, said["shapes"])
    if said.get("quantized"):
        put_quantized(model, said["quantized"], bits=int(said["bits"]), group=int(said["group"]))
    try:
        tensors = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise LabError(f"{folder / WEIGHTS}: cannot be read ({error}); expected safetensors. Get the file anew.") from error
    tensors |= {name: tensors[other] for name, other in said["same_as"].items() if other in tensors}
    try:
        model.load_state_dict(tensors, strict=True)
    except RuntimeError as error:  # how torch says that names or shapes differ
        raise LabError(f"{folder}: found weights that do not fit {ABOUT}; expected both of one model. Get the files anew.") from error
    return model


def open_predictor(folder: Path) -> FinetunedModel:
    """A compressed model of the hub as something that predicts; the plugin `compressed` of `metagpt.predictors`.

    Raises:
        LabError: it was fine-tuned for no task.
    """
    found = load_compressed(folder).finetuned
    if found is None:
        raise LabError(f"{folder}: found a language model without a task; expected one that was fine-tuned. Load it by load_compressed.")
    return found


def weight_bytes(folder: Path) -> int:
    """What the weights of a folder take on the disk."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def float32_bytes(model: Any) -> int:
    """What the weights of a model take in float32, each shared one counted once."""
    return 4 * sum(int(parameter.numel()) for parameter in model.parameters())
