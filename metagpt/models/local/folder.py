"""Where a local model's files are, and whether they can be loaded at all."""

from __future__ import annotations

import os
from pathlib import Path

from metagpt.errors import ModelUnavailableError

__all__ = ["check_folder", "downloaded_folder", "is_folder_reference"]

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def is_folder_reference(rest: str) -> bool:
    """Whether `rest` names a folder rather than a hub id such as `Qwen/Qwen3-4B`."""
    return Path(rest).expanduser().is_dir() or rest.startswith((".", "/", "~")) or rest.count("/") > 1 or "\\" in rest


def downloaded_folder(hub_id: str) -> Path | None:
    """Where a model of the hub stands in the local cache, if its config.json is there; asks no server and loads no library."""
    cache = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface") / "hub"
    repository = Path(cache).expanduser() / f"models--{hub_id.replace('/', '--')}"
    try:
        revision = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = repository / "snapshots" / revision
    return folder if (folder / "config.json").is_file() else None


def check_folder(owner: str, folder: Path) -> None:
    """Refuse a folder whose weights cannot be loaded.

    Raises:
        ModelUnavailableError: no such folder, no config.json, or no weights as safetensors.
    """
    if not folder.is_dir():
        raise ModelUnavailableError(f"{owner}: no folder {str(folder)!r}; expected one with config.json and safetensors. Correct the path.")
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ModelUnavailableError(
                f"{owner}: {str(folder)!r} holds an adapter alone; expected a whole model. "
                f"Name its base before it: local:BASE+adapter={folder}"
            )
        raise ModelUnavailableError(
            f"{owner}: no config.json in {str(folder)!r}; expected a model folder. Save the model there, or correct the path."
        )
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(file.name for pattern in _PICKLED for file in folder.glob(pattern))
    if pickled:
        raise ModelUnavailableError(
            f"{owner}: weights only as {pickled[0]!r}, a pickle that can run code when it is read; expected safetensors. "
            "Load them once in a place you trust and save them with `save_pretrained`."
        )
    raise ModelUnavailableError(f"{owner}: no weights in {str(folder)!r}; expected *.safetensors. Get the model's files anew.")
