"""What may not enter or leave a hub: pickle under whatever name, and safetensors that are cut or malformed."""

from __future__ import annotations

import json
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any

from metagpt.errors import HubError

__all__ = ["check_file", "count_parameters", "read_header"]

_PICKLED = frozenset((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".h5", ".keras", ".npy", ".npz", ".mar"))
"""Endings of formats that run code when they are read, or can hold objects that do."""
_IMPORTS = frozenset(("GLOBAL", "STACK_GLOBAL"))
_CALLS = frozenset(("REDUCE", "BUILD", "OBJ", "NEWOBJ", "NEWOBJ_EX"))
_MOST_TEXT_BYTES = 1 << 20
"""How far a file without a mark of its own is read as a text pickle."""
_MOST_HEADER_BYTES = 100_000_000
"""The bound of the safetensors format itself."""


def check_file(path: Path, shown: str) -> None:
    """Refuse a file that could run code when a model is loaded from it, or that cannot be loaded.

    Args:
        path: Where its bytes are.
        shown: Its name, for the message and for what its ending promises.

    Raises:
        HubError: it is pickled, or says safetensors and is not.
    """
    reason = _pickled(path, Path(shown).suffix.lower())
    if reason:
        raise HubError(
            f"{shown}: found {reason}, which can run code when it is read; expected weights as safetensors."
            " Load it once in a place you trust and save it with `save_pretrained`."
        )
    if shown.endswith(".safetensors"):
        read_header(path, shown)


def _pickled(path: Path, suffix: str) -> str:
    """What makes the file a pickle; empty if nothing does."""
    if suffix in _PICKLED:
        return f"the ending {suffix!r}"
    with path.open("rb") as file:
        start = file.read(_MOST_TEXT_BYTES)
    if len(start) > 1 and start[0] == 0x80 and start[1] <= 5 and suffix != ".safetensors":
        return "a pickle inside"
    if zipfile.is_zipfile(path) and suffix != ".safetensors":
        with zipfile.ZipFile(path) as archive:
            inside = next((name for name in archive.namelist() if Path(name).suffix.lower() in _PICKLED), "")
        if inside:
            return f"an archive with {inside!r}"
    return "a pickle inside" if _runs_code(start) else ""


def _runs_code(start: bytes) -> bool:
    """Whether the bytes read as pickle opcodes that import something and call it. Nothing is loaded."""
    seen: set[str] = set()
    try:
        for opcode, _, _ in pickletools.genops(start):
            seen.add(opcode.name)
            if (seen & _IMPORTS and seen & _CALLS) or {"MARK", "INST"} <= seen:
                return True
    except (ValueError, IndexError, struct.error, UnicodeDecodeError, OverflowError):
        return False
    return False


def read_header(path: Path, shown: str) -> dict[str, Any]:
    """The table of tensors at the head of a safetensors file.

    Raises:
        HubError: the file is cut, longer than it says, or has no such table.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else size
        if length > min(size - 8, _MOST_HEADER_BYTES):
            raise HubError(f"{shown}: found {size} bytes without a whole header; expected safetensors. Get the file anew.")
        try:
            header = json.loads(file.read(length))
            tensors = {name: about for name, about in header.items() if name != "__metadata__"}
            end = max((about["data_offsets"][1] for about in tensors.values()), default=0)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise HubError(f"{shown}: found a header that does not read; expected safetensors. Get the file anew.") from error
    if end != size - 8 - length:
        raise HubError(f"{shown}: found {size - 8 - length} bytes of tensors; expected {end}. The file is cut or spoiled; get it anew.")
    return tensors


def count_parameters(path: Path) -> int:
    """How many numbers the tensors of a safetensors file hold."""
    total = 0
    for about in read_header(path, path.name).values():
        product = 1
        for length in about["shape"]:
            product *= length
        total += product
    return total
