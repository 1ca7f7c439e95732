"""Isolation by Linux namespaces, set up by bubblewrap (bwrap)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from metagpt.actions.sandbox.interface import SandboxResult
from metagpt.actions.sandbox.launcher import launcher, limit_options
from metagpt.actions.sandbox.limits import DEFAULT_LIMITS, Limits
from metagpt.actions.sandbox.ownership import is_root, lent, uid_options
from metagpt.actions.sandbox.seccomp import machine, namespace_filter
from metagpt.actions.sandbox.supervisor import Launch, supervise
from metagpt.actions.sandbox.surroundings import (
    LAUNCHER,
    environment,
    etc_files,
    interpreter_folders,
    journal_folders,
    system_folders,
    workspace_folder,
)
from metagpt.errors import SandboxError

__all__ = ["Bubblewrap"]

_WORKSPACE = "/workspace"
_LAUNCHER = "/launch.py"
_KEPT_BY_ROOT = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")  # the launcher's, to leave root; gone with it


class Bubblewrap:
    """Own files, processes, network (loopback alone), host name and IPC; the workspace is at /workspace.

    Under root no user namespace is made: in one with a single uid, root would stay root for the process limit. The
    launcher leaves root instead, as its last step but the filter.
    """

    name = "bubblewrap"

    def __init__(self) -> None:
        self._filter = namespace_filter(machine()).hex()

    async def run(self, argv: Sequence[str], *, workspace: Path, stdin: bytes = b"", limits: Limits = DEFAULT_LIMITS) -> SandboxResult:
        folder = workspace_folder(workspace)
        env = environment(home=_WORKSPACE, temporary="/tmp")  # noqa: S108 - a folder of its own, seen by the program alone
        walls = self._walls(folder, env, limits)
        with lent(folder) as uid:
            options = [*limit_options(limits, uid=uid, own_user_namespace=uid is None), *uid_options(uid)]
            options += [f"filter={self._filter}", f"chdir={_WORKSPACE}"]
            launch = Launch(
                backend=self.name,
                argv=lambda status: [*walls, "--", *launcher(_LAUNCHER, status, options, argv)],
                env=env,  # and not the parent's: the first process in the sandbox shows its own in /proc
                cwd="/",
            )
            return await supervise(launch, stdin=stdin, limits=limits)

    @cached_property
    def _program(self) -> str:
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxError("Sandbox bubblewrap: no program 'bwrap'; install it with `apt install bubblewrap` (0.8 or later).")
        return found

    @cached_property
    def _namespaces(self) -> list[str]:
        if is_root():
            kept = [word for capability in _KEPT_BY_ROOT for word in ("--cap-add", capability)]
            own = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
            return [*own, "--cap-drop", "ALL", *kept]
        return ["--unshare-all", "--unshare-user", "--disable-userns"]

    def _walls(self, workspace: Path, env: dict[str, str], limits: Limits) -> list[str]:
        options = [self._program, *self._namespaces, "--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv"]
        for name, value in env.items():
            options += ["--setenv", name, value]
        for folder in system_folders():
            link = os.readlink(folder) if os.path.islink(folder) else None
            options += ["--symlink", link, folder] if link else ["--ro-bind", folder, folder]
        shown = [*etc_files(), *_outermost(interpreter_folders())]
        for parent in sorted({parent for path in shown for parent in Path(path).parents[:-1]}):
            options += ["--perms", "0755", "--dir", str(parent)]  # bwrap would make them closed to the dropped uid
        for path in shown:
            options += ["--ro-bind", path, path]
        options += ["--ro-bind", str(LAUNCHER), _LAUNCHER, "--proc", "/proc", "--dev", "/dev"]
        for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - as above
            options += ["--perms", "1777", "--size", str(limits.memory_bytes), "--tmpfs", folder]
        options += ["--bind", str(workspace), _WORKSPACE]
        for journals in journal_folders(workspace):
            folder = str(Path(_WORKSPACE, journals.relative_to(workspace)))  # an empty one stands there for the program
            options += ["--perms", "0555", "--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
        options += ["--remount-ro", "/dev", "--remount-ro", "/"]
        return [*options, "--chdir", "/"]


def _outermost(folders: Sequence[str]) -> list[str]:
    """Without those that show up inside another."""
    return [folder for folder in folders if not any(Path(folder).is_relative_to(other) for other in folders if other != folder)]
