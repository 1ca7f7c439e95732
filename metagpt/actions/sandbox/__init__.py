"""Runs programs that nobody has read: one command in one workspace, isolated and limited.

`open_sandbox()` proves that a backend isolates on this machine and hands it out; `Sandbox.run` runs one command.

    sandbox = open_sandbox()
    result = await sandbox.run([sys.executable, "main.py"], workspace=Path("out"), limits=Limits(wall_s=5))

Choices, from strong to none:

- bubblewrap: namespaces of its own for files, processes, network and host name; a writable workspace at /workspace.
- landlock: no installation and no namespaces. Files by Landlock, system calls by seccomp, both set by the child itself.
  The walls are the same, the room inside is smaller: no sockets but pairs (not even on loopback), no shared semaphores
  (`multiprocessing.Pool`), no sessions or process groups of its own, before Linux 6.12 no signals to its children;
  changes of mode, owner and times of files are accepted without effect. And the program can tell that an outside file
  exists, though not what is in it.
- process: the limits alone, for code one would run by hand; never chosen unless it is named.
"""

from metagpt.actions.sandbox.interface import Sandbox, SandboxResult
from metagpt.actions.sandbox.limits import DEFAULT_LIMITS, Limits
from metagpt.actions.sandbox.probe import SandboxChoice, open_sandbox

__all__ = ["DEFAULT_LIMITS", "Limits", "Sandbox", "SandboxChoice", "SandboxResult", "open_sandbox"]
