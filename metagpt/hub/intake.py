"""What comes into a hub: the files of a folder, checked, copied and hashed, and what kind of entry they make."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from metagpt.errors import HubError
from metagpt.hub.blobs import copy_hashed
from metagpt.hub.card import Card, lay_over, read_card, render_card
from metagpt.hub.entry import Blob, Kind
from metagpt.hub.safety import check_file, count_parameters

__all__ = ["Saves", "SavesPretrained", "Taken", "kind_of", "take_folder", "write_out"]

_MARKS: tuple[tuple[str, Kind], ...] = (
    ("composition.json", "composition"),
    ("dataset.json", "dataset"),
    ("adapter_config.json", "adapter"),
    ("config.json", "model"),
    ("modules.json", "model"),
)
"""The file that makes a folder an entry of its kind; the first that is there decides."""


@runtime_checkable
class SavesPretrained(Protocol):
    """A model, tokenizer or trainer of transformers, PEFT or sentence-transformers."""

    def save_pretrained(self, folder: str, /) -> object: ...


@runtime_checkable
class Saves(Protocol):
    """Anything of ours that writes itself into a folder."""

    def save(self, folder: Path, /) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The files of an entry to be, copied aside."""

    staged: Mapping[str, tuple[Path, Blob]]
    """By path inside the entry: where the copy stands, and what it holds."""
    kind: Kind
    parameters: int | None

    @property
    def files(self) -> dict[str, Blob]:
        """By path inside the entry."""
        return {path: blob for path, (_, blob) in self.staged.items()}


def write_out(source: object, folder: Path) -> Path:
    """The folder that holds the source's files: itself, or what it saves of itself into `folder`.

    Raises:
        HubError: it is no folder and cannot save itself.
    """
    if isinstance(source, str | Path):
        found = Path(source).expanduser()
        if not found.is_dir():
            raise HubError(f"push: found no folder {str(source)!r}; expected one with a model, adapter or dataset. Correct the path.")
        return found
    folder.mkdir()
    if isinstance(source, SavesPretrained):
        source.save_pretrained(str(folder))
    elif isinstance(source, Saves):
        source.save(folder)
    else:
        raise HubError(
            f"push: found {type(source).__name__}; expected a folder, or an object with `save_pretrained` or `save`. Save it first."
        )
    return folder


def take_folder(source: Path, work: Path, *, kind: Kind | None, card: Card | None) -> Taken:
    """Copy the files aside and check every copy.

    Args:
        source: The folder.
        work: Where the copies go.
        kind: What the files are; read off them if left out.
        card: Its filled fields replace those of the folder's README.md.

    Raises:
        HubError: pickle, spoiled weights, a file that lacks, or nothing that makes an entry.
    """
    copies = work / "files"
    copies.mkdir()
    staged: dict[str, tuple[Path, Blob]] = {}
    for number, (path, inside) in enumerate(_files(source)):
        copy = copies / str(number)
        staged[inside] = (copy, copy_hashed(path, copy))
        check_file(copy, inside)
    found = kind_of(staged, str(source)) if kind is None else kind
    if found in ("model", "adapter") and not any(inside.endswith(".safetensors") for inside in staged):
        raise HubError(f"{source}: found no weights for the {found}; expected *.safetensors. Save it with `save_pretrained`.")
    old = read_card(source)  # refused here if it does not read
    if card is not None or "README.md" not in staged:
        _put_card(lay_over(card or Card(), old), work, staged)
    weights = [copy for inside, (copy, _) in staged.items() if inside.endswith(".safetensors")]
    return Taken(staged=staged, kind=found, parameters=sum(map(count_parameters, weights)) if weights else None)


def _files(source: Path) -> Iterator[tuple[Path, str]]:
    """Every file with its path inside the folder; hidden ones and caches are left out, links to folders and out of here refused."""
    allowed = _allowed(source)
    for folder, subfolders, names in os.walk(source):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name != "__pycache__")
        linked = next((name for name in subfolders if (Path(folder) / name).is_symlink()), None)
        if linked is not None:
            raise HubError(f"{Path(folder) / linked}: found a link to a folder; expected files. Copy the folder's content here.")
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith("."):
                continue
            if not path.is_file():
                raise HubError(f"{path}: found neither a file nor a folder; expected files alone. Remove it.")
            real = path.resolve()
            if not any(real.is_relative_to(each) for each in allowed):
                raise HubError(
                    f"{path}: found a link to {str(real)!r}, which is outside the folder; expected files in it. Copy the file here, or"
                    " remove the link."
                )
            yield real, path.relative_to(source).as_posix()


def _allowed(source: Path) -> list[Path]:
    """Where the files of the folder may stand: in it; those of a Hugging Face snapshot also among its repository's contents.

    There, `models--ORG--NAME/snapshots/COMMIT/FILE` is a link to `models--ORG--NAME/blobs/DIGEST`.
    """
    real = source.resolve()
    snapshots = next((each for each in (real, *real.parents) if each.parent.name == "snapshots"), None)
    if snapshots is not None and snapshots.parent.parent.name.startswith(("models--", "datasets--")):
        return [real, snapshots.parent.parent / "blobs"]
    return [real]


def kind_of(names: Mapping[str, object], owner: str) -> Kind:
    """What the files make.

    Raises:
        HubError: nothing that is known.
    """
    for name, kind in _MARKS:
        if name in names:
            return kind
    if any(name.endswith(".safetensors") for name in names):
        return "model"
    marks = ", ".join(name for name, _ in _MARKS)
    raise HubError(f"{owner}: found none of {marks}; expected the folder of a model, adapter, dataset or composition. Correct the path.")


def _put_card(card: Card, work: Path, staged: dict[str, tuple[Path, Blob]]) -> None:
    written = work / "card"
    written.write_text(render_card(card), encoding="utf-8")
    copy = work / "README.md"
    staged["README.md"] = (copy, copy_hashed(written, copy))
