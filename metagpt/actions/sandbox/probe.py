"""Choosing a backend by trial: what has not been seen to isolate here is not handed out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Literal

from metagpt.actions.confinement import read_confined
from metagpt.actions.sandbox.bubblewrap import Bubblewrap
from metagpt.actions.sandbox.interface import Sandbox
from metagpt.actions.sandbox.landlock import Landlock
from metagpt.actions.sandbox.limits import Limits
from metagpt.actions.sandbox.process import BareProcess
from metagpt.errors import SandboxError, did_you_mean

__all__ = ["SandboxChoice", "open_sandbox"]

SandboxChoice = Literal["auto", "bubblewrap", "landlock", "process"]

_BACKENDS: Mapping[str, Callable[[], Sandbox]] = {"bubblewrap": Bubblewrap, "landlock": Landlock, "process": BareProcess}
_AUTOMATIC = ("bubblewrap", "landlock")
_MEND = (
    "To get one: `apt install bubblewrap` (0.8 or later, with user namespaces allowed), or Linux 5.13 or later for Landlock; "
    "or run code without isolation, at your own risk, with `--sandbox process`."
)
_TRIAL = """
import socket, sys
outside, port, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
open("written", "w").write("ok")
def works(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True
attempts = {"reads files outside": lambda: open(outside).close(),
            "reaches the network": lambda: socket.create_connection(("127.0.0.1", port), 1).close()}
print(", ".join(name for name, attempt in attempts.items() if name in wanted and works(attempt)) or "isolated")
"""


def open_sandbox(choice: SandboxChoice = "auto") -> Sandbox:
    """A backend that has just been seen to work here, tried once per process and user.

    "auto" is bubblewrap, then landlock; running without isolation is never chosen unless it is named.

    Raises:
        SandboxError: When none of the choice works, with the reason of each and how to get one.
    """
    if choice != "auto" and choice not in _BACKENDS:
        raise SandboxError(f"open_sandbox: no backend {choice!r}. {did_you_mean(choice, ['auto', *_BACKENDS])}")
    reasons: list[str] = []
    for name in _AUTOMATIC if choice == "auto" else (choice,):
        sandbox, reason = _tried(name, os.geteuid() if hasattr(os, "geteuid") else 0, os.environ.get("PATH", ""))
        if sandbox is not None:
            return sandbox
        reasons.append(reason)
    listed = "\n".join(f"  - {reason}" for reason in reasons)
    raise SandboxError(f"open_sandbox: {choice!r} gives no sandbox that works here.\n{listed}\n{_MEND}")


@cache
def _tried(name: str, _uid: int, _path: str) -> tuple[Sandbox | None, str]:
    """The backend, or why there is none; a cached reason is as good as a cached success."""
    try:
        sandbox = _BACKENDS[name]()
        with ThreadPoolExecutor(1) as pool:  # a thread of its own: the caller may be inside a running event loop
            pool.submit(lambda: asyncio.run(_try(sandbox))).result()
    except SandboxError as error:
        return None, str(error)
    return sandbox, ""


async def _try(sandbox: Sandbox) -> None:
    wanted = [] if sandbox.name == "process" else ["reads files outside", "reaches the network"]
    with _planted() as (workspace, outside, port):
        command = [sys.executable, "-I", "-S", "-c", _TRIAL, str(outside), str(port), *wanted]
        result = await sandbox.run(command, workspace=workspace, limits=Limits(wall_s=20, cpu_s=10))
        said = result.stdout.decode(errors="replace").strip()
        if result.exit_status != 0 or said != "isolated" or read_confined(workspace, "written") != b"ok":
            last = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            found = said or last or f"killed by {result.killed_by}"
            raise SandboxError(f"Sandbox {sandbox.name}: its trial failed; found {found!r}, expected 'isolated'.")


@contextlib.contextmanager
def _planted() -> Iterator[tuple[Path, Path, int]]:
    """A workspace, a file beside it, and a port that listens."""
    with tempfile.TemporaryDirectory(prefix="sandbox-trial-") as folder, socket.create_server(("127.0.0.1", 0)) as server:
        workspace, outside = Path(folder, "workspace"), Path(folder, "outside")
        workspace.mkdir()
        outside.write_text("out of reach")
        Path(folder).chmod(0o755)  # the planted file must be out of reach by the sandbox, not by its folder's mode
        yield workspace, outside, server.getsockname()[1]
