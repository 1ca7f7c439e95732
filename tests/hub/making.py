"""Small entries for the tests of the hub: folders with real safetensors, made without torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from metagpt.hub.entry import Entry
from metagpt.hub.hub import ModelHub


def safetensors(values: bytes, name: str = "weight") -> bytes:
    """A file with one tensor of bytes."""
    header = json.dumps({name: {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]}}).encode()
    return struct.pack("<Q", len(header)) + header + values


def model_folder(folder: Path, content: bytes = b"12345678", readme: str | None = None, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "tiny", **config}))
    (folder / "model.safetensors").write_bytes(safetensors(content))
    if readme is not None:
        (folder / "README.md").write_text(readme)
    return folder


def pushed(hub: ModelHub, folder: Path, name: str = "news", content: bytes = b"12345678", **keywords: object) -> Entry:
    return hub.push(model_folder(folder / f"{name}-{content.hex()[:40]}", content), name, **keywords)  # type: ignore[arg-type]


def card(summary: str, **said: object) -> str:
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in said.items())
    return f"---\n{lines}\n---\n\n# Title\n\n{summary}\n"
