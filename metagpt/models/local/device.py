"""Which device and number format a local model gets."""

from __future__ import annotations

import torch

from metagpt.errors import ConfigError

__all__ = ["choose_device", "choose_dtype"]


def choose_device(owner: str, asked: str | None) -> str:
    """The device asked for, or the first that is there of cuda, mps and cpu.

    Raises:
        ConfigError: a device that torch does not know or find here.
    """
    if asked is None:
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise ConfigError(f"{owner}: device {asked!r}; expected cuda, cuda:N, mps or cpu. Correct the setting.") from error
    there = {
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if not there.get(device.type, False):
        found = ", ".join(name for name in ("cuda", "mps", "cpu") if name == "cpu" or choose_device(owner, None) == name)
        raise ConfigError(
            f"{owner}: device {asked!r}; torch {torch.__version__} finds: {found}. Leave the setting out, or install a torch for it."
        )
    return str(device)


def choose_dtype(asked: str | None, device: str) -> torch.dtype:
    """The format asked for; else float32 on a CPU (exact, and fast everywhere), 16 bits on an accelerator."""
    if asked is not None:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[asked]
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device == "mps" else torch.float32
