"""What every sandbox backend offers, and what a run in it comes back with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from metagpt.actions.sandbox.limits import DEFAULT_LIMITS, Limits

__all__ = ["KilledBy", "Sandbox", "SandboxResult"]

KilledBy = Literal["cpu", "wall", "memory", "processes", "output"]


@dataclass(frozen=True, kw_only=True)
class SandboxResult:
    """One finished run; that a program fails or is killed is a result, not an error."""

    exit_status: int | None
    """The program's own; 128 + n when it died of signal n, 127 when it was not found, None when a limit ended it."""
    stdout: bytes
    """As far as it came, up to `output_bytes` together with stderr."""
    stderr: bytes
    truncated: bool
    """Whether there was more output than `output_bytes`."""
    timed_out: bool
    """Whether the time ended it: `killed_by` is "wall"."""
    killed_by: KilledBy | None
    """The limit that ended the run. A single process that wants too much memory gets a failed allocation
    instead, and one too many process or thread a failed start where the kernel can count for the run alone."""
    wall_s: float
    backend: str


class Sandbox(Protocol):
    """Runs commands in isolation; safe to use for many runs at once, and from several event loops."""

    @property
    def name(self) -> str:
        """Which backend it is: "bubblewrap", "landlock" or "process"."""
        ...

    async def run(self, argv: Sequence[str], *, workspace: Path, stdin: bytes = b"", limits: Limits = DEFAULT_LIMITS) -> SandboxResult:
        """Run one command, without a shell, with `workspace` as its working directory and home.

        Under root the program gets a uid of its own; the workspace belongs to it while it runs.

        Args:
            argv: The command; a bare name is looked up beside the running interpreter, then in /usr/bin and /bin.
                Paths in it should be relative: a backend may show the workspace under another name.
            workspace: An existing folder, the only one the program may write to.
            stdin: What the program finds on standard input; it is at its end afterwards.
            limits: What the run may use.

        Raises:
            SandboxError: When the sandbox itself could not be set up; the program was then not started.
        """
        ...
