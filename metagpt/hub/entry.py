"""An entry of the hub: one version of a model, adapter, dataset or composition, as its manifest says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias, get_args

from metagpt.errors import HubError

__all__ = ["KINDS", "Blob", "Entry", "Kind", "from_sealed", "to_sealed"]

Kind: TypeAlias = Literal["model", "adapter", "dataset", "composition"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Json: TypeAlias = dict[str, Any]  # Any: JSON values


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of one file."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version of a name; it never changes."""

    name: str
    version: int
    kind: Kind
    files: Mapping[str, Blob]
    """By path inside the entry's folder; empty for built-in entries, whose files stand elsewhere."""
    created: float = 0.0
    """Seconds since 1970 UTC."""
    parents: tuple[str, ...] = ()
    """What it was made from: `news@1`, `run:ID`, `hf:ORG/NAME@COMMIT`."""
    parameters: int | None = None
    """Numbers in its tensors."""
    removed: bool = False
    """Its files are given up; the number is not given again, and the lineage goes on showing it."""
    folder: Path | None = field(default=None, compare=False)
    """Of a built-in entry: where its files stand."""

    @property
    def reference(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        if self.folder is not None:
            return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        return sum(blob.size_bytes for blob in self.files.values())

    def as_json(self) -> Json:
        """The manifest."""
        return {
            "name": self.name,
            "version": self.version,
            "kind": self.kind,
            "created": self.created,
            "files": {path: {"sha256": blob.sha256, "size_bytes": blob.size_bytes} for path, blob in self.files.items()},
            "parents": list(self.parents),
            "parameters": self.parameters,
            "removed": self.removed,
        }

    @classmethod
    def from_json(cls, values: Json) -> Entry:
        """The entry of a manifest.

        Raises:
            KeyError, TypeError, ValueError: it is none of ours.
        """
        if values["kind"] not in KINDS:
            raise ValueError(values["kind"])
        return cls(
            name=str(values["name"]),
            version=int(values["version"]),
            kind=values["kind"],
            created=float(values["created"]),
            files={_inside(path): _blob(about) for path, about in values["files"].items()},
            parents=tuple(map(str, values["parents"])),
            parameters=values["parameters"],
            removed=bool(values["removed"]),
        )


def _inside(path: str) -> str:
    """The path, if it stays inside the folder it is written to, on every system."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or any(part in ("..", ".") for part in parts) or any(sign in path for sign in "\\:\0"):
        raise ValueError(path)
    return path


def _blob(about: Json) -> Blob:
    digest = str(about["sha256"])
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(digest)
    return Blob(digest, int(about["size_bytes"]))


def to_sealed(values: Json) -> bytes:
    """JSON under its own checksum, so that a changed byte is seen."""
    body = json.dumps(values, sort_keys=True, ensure_ascii=False)
    seal = hashlib.sha256(body.encode()).hexdigest()
    return json.dumps({"sha256": seal, "body": values}, indent=1, sort_keys=True, ensure_ascii=False).encode()


def from_sealed(path: Path, content: bytes) -> Json:
    """The JSON under a seal that holds.

    Raises:
        HubError: the bytes are not those that were written.
    """
    try:
        outer = json.loads(content)
        values: Json = outer["body"]
        body = json.dumps(values, sort_keys=True, ensure_ascii=False)
        if hashlib.sha256(body.encode()).hexdigest() == outer["sha256"]:
            return values
    except (ValueError, KeyError, TypeError):
        pass
    raise HubError(f"{path}: found bytes that differ from those the hub wrote; expected them unchanged. Restore the file from a copy.")
