"""How much one run in the sandbox may use."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from metagpt.errors import SandboxError

__all__ = ["DEFAULT_LIMITS", "Limits"]

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use; the defaults suit a small program and its tests."""

    cpu_s: float = 20.0
    """CPU seconds of all processes of the run together; a single process is held to it by the kernel as well."""
    wall_s: float = 60.0
    """Seconds from start to end, after which everything is killed."""
    memory_bytes: int = 1024 * MIB
    """Address space of each process, and resident memory of all of them together."""
    file_bytes: int = 64 * MIB
    """Size of the largest file that may be written."""
    processes: int = 64
    """Processes and threads at once."""
    output_bytes: int = MIB
    """Standard output and error together; at one byte more the run is killed."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise SandboxError(f"Limits: {field.name}={value!r}; a finite number above 0 is expected. Leave it out for the default.")


DEFAULT_LIMITS = Limits()
