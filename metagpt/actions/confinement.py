"""Reading and writing in a workspace that a program nobody has read could write to.

Such a program can plant links (main.py -> ~/.ssh/id_rsa), pipes that block whoever opens them, and huge files. Here no
link is followed, in no part of a path, and nothing but regular files is read. What later runs go by is not written: settings
(`metagpt.toml`) and what stands in `.metagpt`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from metagpt.errors import SandboxError

__all__ = ["confined_path", "is_unfinished", "read_confined", "write_confined"]

_MAX_READ_BYTES = 64 << 20
_HELD = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether a path can be walked by open folders; where it cannot (Windows), each part is looked at before it is used."""
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def confined_path(workspace: Path, relative: str) -> Path:
    """The path of a name inside the workspace, which need not exist yet.

    It tells where a name leads at this moment. To read or write what a program left, use `read_confined` and
    `write_confined`: they cannot be tricked between the check and the use.

    Raises:
        SandboxError: For an absolute path, one with `..`, and one that a link leads out of the workspace.
    """
    parts = _parts(workspace, relative)
    root = Path(os.path.realpath(workspace))
    path = root.joinpath(*parts)
    if not Path(os.path.realpath(path)).is_relative_to(root):
        raise _refusal(workspace, relative, "a link in it leads out of the workspace")
    return path


def read_confined(workspace: Path, relative: str, *, max_bytes: int = _MAX_READ_BYTES) -> bytes:
    """The content of a regular file.

    Raises:
        SandboxError: For a path outside, a link anywhere in it, what is no regular file, and more than `max_bytes`.
        FileNotFoundError: When there is no such file.
    """
    *folders, name = _parts(workspace, relative)
    with _translated(workspace, relative), _opened_folder(workspace, folders, make=False) as (folder, prefix):
        _refuse_link(workspace, relative, prefix + name, folder)
        # non-blocking: opening a pipe would wait for a writer
        descriptor = os.open(prefix + name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _FILE, **_beside(folder))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _refusal(workspace, relative, "it is no regular file")
            content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise _refusal(workspace, relative, f"it is larger than {max_bytes} bytes")
    return content


def write_confined(workspace: Path, relative: str, content: bytes | str) -> Path:
    """Replace a file as a whole, or make it with the folders above it; text is written as UTF-8.

    Readers see the old file or the new one. A link of that name is replaced, not followed; the mode of a file is kept.

    Raises:
        SandboxError: For a path outside, a link in place of a folder, a folder in place of the file, and settings.
    """
    from metagpt.settings import FILE_NAME

    *folders, name = _parts(workspace, relative)
    for part in (*folders, name):
        if part.rstrip(". ").casefold() in (FILE_NAME, ".metagpt"):  # as file systems may read it
            raise _refusal(workspace, relative, f"{part!r} says what later runs may do, and is the user's alone")
    written = content.encode() if isinstance(content, str) else content
    with _translated(workspace, relative), _opened_folder(workspace, folders, make=True) as (folder, prefix):
        temporary = f"{prefix}.{secrets.token_hex(8)}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, **_beside(folder))
        try:
            with open(descriptor, "wb") as file:
                file.write(written)
                file.flush()
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, _mode(prefix + name, folder))
                os.fsync(descriptor)
            os.replace(temporary, prefix + name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, **_beside(folder))
            raise
    return Path(workspace, *folders, name)


def is_unfinished(name: str) -> bool:
    """Whether a file of that name is what a write left whose process died in it."""
    return re.fullmatch(r"\.[0-9a-f]{16}\.tmp", name) is not None


def _parts(workspace: Path, relative: str) -> tuple[str, ...]:
    path = Path(relative)
    if path.is_absolute() or path.drive or path.root:
        raise _refusal(workspace, relative, "it is absolute")
    if "\0" in relative or not path.parts:
        raise _refusal(workspace, relative, "it names no file")
    if ".." in path.parts:
        raise _refusal(workspace, relative, "it goes up by '..'")
    return path.parts


def _refusal(workspace: Path, relative: str, reason: str) -> SandboxError:
    return SandboxError(f"Workspace {str(workspace)!r}: {relative!r} is refused, {reason}; name a file inside, as 'src/main.py'.")


@contextlib.contextmanager
def _translated(workspace: Path, relative: str) -> Iterator[None]:
    """What the system says about a planted link or a wrong kind of file, as a refusal; a missing file stays one."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = "a part of it is a link, or not the kind of file it must be" if _is_wrong_kind(error) else f"{error.strerror}"
        raise _refusal(workspace, relative, reason) from error


def _is_wrong_kind(error: OSError) -> bool:
    return error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EMLINK, errno.ENXIO}


@contextlib.contextmanager
def _opened_folder(workspace: Path, folders: list[str], *, make: bool) -> Iterator[tuple[int | None, str]]:
    """The folder as an open descriptor and "", or as None and the start of a path where descriptors cannot be walked."""
    if not _HELD:
        yield None, _checked_folder(workspace, folders, make=make)
        return
    descriptor = os.open(os.path.realpath(workspace), _FOLDER)
    try:
        for name in folders:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=descriptor)
            inner = os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor, ""
    finally:
        os.close(descriptor)


def _checked_folder(workspace: Path, folders: list[str], *, make: bool) -> str:
    path = Path(os.path.realpath(workspace))
    for name in folders:
        path /= name
        if make:
            path.mkdir(exist_ok=True)
        if os.path.realpath(path) != str(path):
            raise _refusal(workspace, "/".join(folders), f"{name!r} in it is a link")
    return f"{path}{os.sep}"


def _refuse_link(workspace: Path, relative: str, path: str, folder: int | None) -> None:
    if stat.S_ISLNK(os.stat(path, follow_symlinks=False, **_beside(folder)).st_mode):
        raise _refusal(workspace, relative, "it is a link")


def _beside(folder: int | None) -> dict[str, int]:
    return {} if folder is None else {"dir_fd": folder}


def _mode(path: str, folder: int | None) -> int:
    try:
        found = os.stat(path, follow_symlinks=False, **_beside(folder)).st_mode
    except FileNotFoundError:
        return 0o644
    return stat.S_IMODE(found) & 0o777 if stat.S_ISREG(found) else 0o644
