"""What the program may see of this machine: system folders, the running interpreter, a small environment."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from functools import cache
from pathlib import Path

from metagpt.errors import SandboxError

__all__ = [
    "DEVICES",
    "LAUNCHER",
    "environment",
    "etc_files",
    "interpreter",
    "interpreter_folders",
    "journal_folders",
    "open_to_others",
    "system_folders",
    "workspace_folder",
]

LAUNCHER = Path(__file__).with_name("launch.py")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_LINKER = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path", "ld-musl-aarch64.path")
_ETC = (*_LINKER, "alternatives", "localtime", "timezone", "mime.types")


def system_folders() -> list[str]:
    """Folders with programs and libraries that every user may read."""
    return [path for path in _SYSTEM if os.path.isdir(path)]


def etc_files() -> list[str]:
    """The little of /etc that a dynamic program needs; no user, host or key is in it."""
    return [path for path in (f"/etc/{name}" for name in _ETC) if os.path.exists(path)]


@cache
def interpreter() -> str:
    """The interpreter behind the virtual environment: what the launcher runs on."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


@cache
def interpreter_folders() -> tuple[str, ...]:
    """Prefixes of the running interpreter and its virtual environment, outermost first, without those in system folders."""
    base = Path(os.path.realpath(interpreter())).parent.parent
    given = [sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, str(base)]
    wanted = sorted({path for prefix in given for path in (os.path.abspath(prefix), os.path.realpath(prefix))})
    known = [Path(folder) for folder in system_folders()]
    return tuple(path for path in wanted if path != "/" and not any(Path(path).is_relative_to(folder) for folder in known))


def journal_folders(workspace: Path) -> list[Path]:
    """Folders in the workspace that hold journals, which no program may see or change: runs are resumed by what stands there."""
    likely = {workspace / ".metagpt"}
    with contextlib.suppress(FileNotFoundError):  # the working folder is gone
        likely.add(Path.cwd() / ".metagpt")
    return [each for each in likely if each.is_relative_to(workspace) and each.is_dir() and not each.is_symlink()]


def environment(*, home: str, temporary: str) -> dict[str, str]:
    """The whole environment of the program; nothing of the parent's is in it."""
    path = dict.fromkeys([os.path.join(sys.prefix, "bin"), os.path.dirname(interpreter()), "/usr/bin", "/bin"])
    return {
        "PATH": os.pathsep.join(path),
        "HOME": home,
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }


def workspace_folder(workspace: Path) -> Path:
    """The workspace as a real path.

    Raises:
        SandboxError: When it is no folder, or when the interpreter lies inside: a program that can write to the
            interpreter that will run next is not confined.
    """
    found = Path(os.path.realpath(workspace))
    if not found.is_dir():
        raise SandboxError(f"Sandbox: no folder {str(workspace)!r}; the workspace must exist. Create it first.")
    for folder in (*interpreter_folders(), *system_folders()):
        if Path(folder).is_relative_to(found) or found.is_relative_to(folder):
            raise SandboxError(
                f"Sandbox: the workspace {str(found)!r} and {folder!r}, which programs run from, lie in one another; "
                "the program could change what runs next. Choose a folder of its own."
            )
    return found


def open_to_others(path: str) -> bool:
    """Whether a user who owns nothing gets to `path` and may read it."""
    real = Path(os.path.realpath(path))
    wanted = stat.S_IROTH | (stat.S_IXOTH if real.is_dir() else 0)
    return bool(real.stat().st_mode & wanted == wanted) and all(parent.stat().st_mode & stat.S_IXOTH for parent in real.parents)
