"""Whether a sandbox isolates here, tried for real: each trial runs a program that attempts what it must not manage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from metagpt.actions.confinement import read_confined
from metagpt.actions.sandbox import Limits, Sandbox, SandboxResult
from metagpt.errors import SandboxError

__all__ = ["Trial", "isolation_report"]

_LIMITS = Limits(cpu_s=1, wall_s=2.5, memory_bytes=192 << 20, file_bytes=8 << 20, processes=16, output_bytes=1 << 16)
_AT_ONCE = 2
_REACHED = "REACHED"
"""What a program prints when it got where it must not."""

_ATTEMPT = """
import os, socket, sys
try:
    found = (lambda: {expression})()
except Exception as error:
    print("refused:", type(error).__name__, error)
else:
    print("{reached}" if found else "nothing there", str(found)[:200])
"""
_FORK_BOMB = """
import os, time
started = 0
for _ in range(400):
    try:
        child = os.fork()
    except OSError:
        break
    if not child:
        time.sleep(20)
        os._exit(0)
    started += 1
print("started", started, flush=True)
if started == 400:
    time.sleep(20)
"""
_MEMORY_BOMB = """
import os, time
for _ in range(3):
    os.fork()
held = []
try:
    while True:
        held.append(b"x" * (8 << 20))
except MemoryError:
    time.sleep(20)
"""
_OUTPUT = """
import sys
line = "x" * 65536
for _ in range(16384):
    sys.stdout.write(line)
"""
_LINK = """
import os, sys
os.symlink(sys.argv[1], "link")
try:
    print("REACHED", open("link").read())
except OSError as error:
    print("refused:", error)
"""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One attempt and whether the sandbox stood it."""

    name: str
    isolated: bool
    detail: str
    """What the program came to, in a few words."""


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    name: str
    program: str
    arguments: tuple[str, ...] = ()
    judge: Callable[[SandboxResult, Path], bool] | None = None
    """Whether the result shows isolation; None: the program did not say it reached anything."""


async def isolation_report(sandbox: Sandbox) -> tuple[Trial, ...]:
    """Try everything that generated code must not manage; takes a few seconds, writes into a temporary folder only.

    Raises:
        SandboxError: When the sandbox cannot be set up at all.
    """
    places = asyncio.Semaphore(_AT_ONCE)
    with _planted() as (folder, attempts):

        async def one(attempt: _Attempt) -> Trial:
            async with places:
                return await _try(sandbox, attempt, Path(tempfile.mkdtemp(dir=folder)))

        return tuple(await asyncio.gather(*map(one, attempts)))


async def _try(sandbox: Sandbox, attempt: _Attempt, workspace: Path) -> Trial:
    command = [sys.executable, "-I", "-S", "-c", attempt.program, *attempt.arguments]
    result = await sandbox.run(command, workspace=workspace, limits=_LIMITS)
    isolated = (attempt.judge or _did_not_reach)(result, workspace)
    return Trial(name=attempt.name, isolated=isolated, detail=_words(result))


def _did_not_reach(result: SandboxResult, _workspace: Path) -> bool:
    # a program that did not come to its end shows nothing
    return result.exit_status == 0 and bool(result.stdout.strip()) and _REACHED.encode() not in result.stdout


def _words(result: SandboxResult) -> str:
    end = f"killed by the {result.killed_by} limit" if result.killed_by else f"exit status {result.exit_status}"
    said = (result.stdout[:200].strip() or result.stderr[-200:].strip()).decode(errors="replace")
    return f"{said[:160]} ({end}, {result.wall_s:.2f} s)" if said and set(said) != {"x"} else f"{end}, {result.wall_s:.2f} s"


@contextlib.contextmanager
def _planted() -> Iterator[tuple[Path, list[_Attempt]]]:
    """The folder of the workspaces, beside it what a program must not reach, and every attempt on it."""
    variable, value = f"PLANTED_{secrets.token_hex(4).upper()}", secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="isolation-") as name, socket.create_server(("127.0.0.1", 0)) as server:
        folder = Path(name)
        folder.chmod(0o755)  # what is planted must be out of reach by the sandbox, not by its folder's mode
        secret = folder / "secret"
        secret.write_text("planted")
        secret.chmod(0o644)
        os.environ[variable] = value
        try:
            yield folder, [*_reaching(secret, server.getsockname()[1], variable, value), *_exhausting()]
        finally:
            del os.environ[variable]


def _reaching(secret: Path, port: int, variable: str, value: str) -> list[_Attempt]:
    seen = "['/proc/' + pid + '/environ' for pid in os.listdir('/proc') if pid.isdigit()]"
    everywhere = f"[open(path).read() for path in {seen} if os.access(path, os.R_OK)]"
    return [
        _attempt("network", f"socket.create_connection(('127.0.0.1', {port}), 1)"),
        _attempt("file of another folder", f"open({str(secret)!r}).read()"),
        _attempt("file of the home folder", f"open({_file_at_home()!r}, 'rb').read(1)"),
        _attempt("environment variable", f"os.environ.get({variable!r})"),
        _attempt("environment of other processes", f"[text for text in {everywhere} if {value!r} in text]"),
        _attempt("write to /etc", "open('/etc/planted-by-trial', 'w') and not os.unlink('/etc/planted-by-trial')"),
        _attempt("write to /usr", "open('/usr/planted-by-trial', 'w') and not os.unlink('/usr/planted-by-trial')"),
        _attempt("signal to the parent process", f"os.kill({os.getpid()}, 0) is None"),
        _attempt("environment of the parent process", f"open('/proc/{os.getpid()}/environ').read()"),
        _Attempt(name="link out of the workspace", program=_LINK, arguments=(str(secret),), judge=_link_is_held),
    ]


def _exhausting() -> list[_Attempt]:
    return [
        _Attempt(name="fork bomb", program=_FORK_BOMB, judge=_forked_little),
        _Attempt(name="memory bomb", program=_MEMORY_BOMB, judge=lambda result, _: result.killed_by in {"memory", "cpu", "wall"}),
        _Attempt(name="endless loop", program="while True: pass", judge=lambda result, _: result.killed_by in {"cpu", "wall"}),
        _Attempt(name="endless sleep", program="import time; time.sleep(60)", judge=lambda result, _: result.timed_out),
        _Attempt(name="output of 1 GB", program=_OUTPUT, judge=_cut),
    ]


def _attempt(name: str, expression: str) -> _Attempt:
    return _Attempt(name=name, program=_ATTEMPT.format(expression=expression, reached=_REACHED))


def _file_at_home() -> str:
    """A file there is, or one that would be: nothing is written to a home folder for a trial."""
    home = Path.home()
    with contextlib.suppress(OSError):
        for entry in sorted(home.iterdir()):
            if stat.S_ISREG(entry.lstat().st_mode) and os.access(entry, os.R_OK):
                return str(entry)
    return str(home / ".profile")


def _link_is_held(result: SandboxResult, workspace: Path) -> bool:
    """Neither the program nor whoever reads the workspace afterwards gets through the link."""
    try:
        read_confined(workspace, "link")
    except SandboxError:
        return (workspace / "link").is_symlink() and _did_not_reach(result, workspace)
    return False


def _forked_little(result: SandboxResult, _workspace: Path) -> bool:
    if result.killed_by == "processes":
        return True
    started = result.stdout.partition(b"started ")[2].strip()
    return started.isdigit() and 0 < int(started) <= _LIMITS.processes


def _cut(result: SandboxResult, _workspace: Path) -> bool:
    return result.killed_by == "output" and result.truncated and len(result.stdout) == _LIMITS.output_bytes
