"""Which settings files are believed: none that a run could have written.

A settings file can name programs to start, servers that get a key, and what actions are allowed; and models write into the
workspace of their run. What counts is therefore noted before, where no action reaches it:

- Before a run first uses its workspace, the folder is noted in the user's state folder: `$XDG_STATE_HOME/metagpt`, else
  `~/.local/state/metagpt`, else one of the user's own among the temporary files. A workspace that holds it is refused.
- Noted with it are the settings files in force in that folder, each with a hash. No later run changes a note.
- A settings file in or below a noted folder is read only with a content that was noted of it, and one that was noted must
  still be there: a run cannot add, change, move or remove what a later role, run or resumption goes by.
- `metagpt trust FILE` notes the file as it is now: its owner has looked.

Notes are kept by real path, so a folder that its owner moves is noted no more. One under the temporary files is forgotten
when it is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shlex
import stat
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metagpt.errors import ConfigError, SandboxError

__all__ = ["believe", "check_content", "check_presence", "is_noted", "note"]


@dataclass(frozen=True, slots=True)
class _Note:
    folder: str
    settings: dict[str, str] = field(default_factory=dict)
    """The hash of the content that is believed, by path."""

    def believed(self, file: Path) -> str | None:
        """The hash of what is believed of a file; None where nothing is."""
        return next((known for path, known in self.settings.items() if _key(Path(path)) == _key(_own_path(file))), None)


def note(folder: Path, settings: Mapping[Path, bytes]) -> None:
    """Note a folder that models may write to from now on, unless it is noted already.

    Args:
        folder: Need not exist yet.
        settings: Contents of the files in force; those outside the folder do not matter.

    Raises:
        SandboxError: the notes lie in that folder, or can be written nowhere.
    """
    real = _real(folder)
    if _read(real) is not None:
        return
    inside = {file: content for file, content in settings.items() if real in (*_own_path(file).parents, *_real(file).parents)}
    _write(_Note(str(real), {str(_own_path(file)): _hash(content) for file, content in inside.items()}), replace=False)


def is_noted(file: Path) -> bool:
    """Whether a file lies where models may write."""
    return any(True for _ in _covering(file))


def check_content(file: Path, content: bytes) -> None:
    """Refuse settings that a run could have written.

    Raises:
        ConfigError: it is new in a noted folder, or not what it was.
    """
    for found in _covering(file):
        known = found.believed(file)
        if _hash(content) != known:
            raise ConfigError(
                f"{file}: found it {'changed' if known else 'new'} in {found.folder!r}, where runs write; expected"
                f" {'what it was before the first of them' if known else 'no settings there'}, for models write those files."
                f" Look at it: if it is yours, run `{_line(file)}`; else {'put back what it was' if known else 'remove it'}."
            )


def check_presence(start: Path) -> None:
    """Refuse to go on without settings that a run could have removed.

    Raises:
        ConfigError: one that was in force in a noted folder around `start` is gone.
    """
    for found in _covering(start / "any"):
        for path in found.settings:
            if not Path(path).is_file():
                raise ConfigError(
                    f"{path}: found it gone from {found.folder!r}, where runs write; expected the settings that were in force there."
                    f" Put it back; or, if you removed it, run `{_line(Path(path))}`."
                )


def believe(file: Path, content: bytes | None, *, folder: Path | None = None) -> None:
    """Take a settings file for the user's own as it is now, in all noted folders around it.

    Args:
        file: The settings file.
        content: What is believed of it; None for one that is to be gone.
        folder: To be noted for it, where none is.
    """
    covering = list({each.folder: each for each in _covering(file)}.values())
    for found in covering or ([] if folder is None else [_Note(str(_real(folder)))]):
        others = {path: known for path, known in found.settings.items() if _key(Path(path)) != _key(_own_path(file))}
        own = {} if content is None else {str(_own_path(file)): _hash(content)}
        _write(_Note(found.folder, {**others, **own}), replace=True)


# notes


def _covering(file: Path) -> Iterator[_Note]:
    """The notes of all folders that the file lies in, by its name and where a link in it leads."""
    for folder in dict.fromkeys((*_own_path(file).parents, *_real(file).parents)):
        found = _read(folder)
        if found is not None:
            yield found


def _read(folder: Path) -> _Note | None:
    """The folder's note; one that does not read back believes nothing."""
    for place in _places():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            text = _file(place, folder).read_bytes()
            try:
                found = json.loads(text)
                return _Note(str(found["folder"]), {str(path): str(known) for path, known in found["settings"].items()})
            except (ValueError, KeyError, TypeError, AttributeError):
                return _Note(str(folder))
    return None


def _write(noted: _Note, *, replace: bool) -> None:
    """Write a note whole and for good, in the first place that takes it.

    Raises:
        SandboxError: none does, or one lies in that folder.
    """
    folder = Path(noted.folder)
    problem: OSError | None = None
    for place in _places():
        if _real(place).is_relative_to(folder):
            raise SandboxError(
                f"Workspace {noted.folder!r}: found {str(place)!r} in it, where runs' workspaces are noted; expected it out of their reach."
                " Choose a folder further down, or set XDG_STATE_HOME to a folder elsewhere."
            )
        try:
            _write_in(place, _file(place, folder), json.dumps({"folder": noted.folder, "settings": noted.settings}), replace=replace)
        except FileExistsError:  # by another run, at this moment
            return
        except OSError as error:
            problem = problem or error
            continue
        return
    raise SandboxError(
        f"Workspace {noted.folder!r}: found no place to note it ({problem}); expected one that can be written to."
        " Set XDG_STATE_HOME to a folder of your own."
    ) from problem


def _write_in(place: Path, file: Path, text: str, *, replace: bool) -> None:
    for folder in (place, file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = place.lstat()
    if not stat.S_ISDIR(owner.st_mode) or (hasattr(os, "getuid") and owner.st_uid != os.getuid()):
        raise PermissionError(f"{place} is another's")
    _forget_gone(file.parent)
    aside = file.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        if replace:
            os.replace(aside, file)
        else:
            os.link(aside, file)  # never over another
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()


def _forget_gone(shelf: Path) -> None:
    """Remove notes of temporary folders that are gone, from one shelf in 256: a long-lived program makes many."""
    temporary = _real(Path(tempfile.gettempdir()))
    for file in shelf.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            folder = Path(json.loads(file.read_bytes())["folder"])
            if folder.is_relative_to(temporary) and not folder.exists():
                file.unlink()


def _places() -> tuple[Path, ...]:
    """Where notes are kept, the best first."""
    state = os.environ.get("XDG_STATE_HOME", "")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    spare = Path(tempfile.gettempdir(), f"metagpt-state-{user}")
    if not os.path.isabs(state):
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return (spare,)
        state = os.path.join(home, ".local", "state")
    return (Path(state, "metagpt", "workspaces"), spare)


def _file(place: Path, folder: Path) -> Path:
    name = hashlib.blake2b(os.fsencode(_key(folder)), digest_size=20).hexdigest()
    return place / name[:2] / f"{name}.json"


def _key(path: Path) -> str:
    """The path, one for all ways that some file system spells it."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _own_path(file: Path) -> Path:
    """Where the file itself stands, link or not."""
    return _real(file.parent) / file.name


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _line(file: Path) -> str:
    return f"metagpt trust {shlex.quote(str(file))}"
