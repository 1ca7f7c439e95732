"""What can compute here, and what of it is free: processor, CUDA, MPS, and TPU where torch_xla is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["Device", "list_devices", "pick_device"]

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One thing that computes, as it is at this moment."""

    name: str
    """As torch says it: cpu, cuda:0, mps, xla."""
    description: str
    memory_bytes: int | None = None
    """What programs may take in all; None where it cannot be asked. A container's limit counts."""
    free_bytes: int | None = None
    cores: float | None = None
    """Of the processor: cores that this process may use; a container's share may be a fraction."""
    load: float | None = None
    """Of the processor: programs that wanted a core, on the mean of the last minute."""


def list_devices() -> list[Device]:
    """The processor, then the accelerators.

    Raises:
        ConfigError: the `lab` extra is not installed.
    """
    _require_lab()
    import torch

    devices = [_processor(), *_cuda()]
    if torch.backends.mps.is_available():
        most = torch.mps.recommended_max_memory()
        devices.append(
            Device(name="mps", description="Apple GPU", memory_bytes=most, free_bytes=most - torch.mps.driver_allocated_memory())
        )
    if find_spec("torch_xla") is not None:
        devices.append(Device(name="xla", description="TPU or other device of torch_xla"))
    return devices


def pick_device(asked: str = "auto") -> torch.device:
    """The device asked for; `auto`: the CUDA device with the most free memory, else a TPU, else MPS, else the processor.

    Raises:
        ConfigError: torch does not know it or does not find it here.
    """
    import torch

    if asked == "cpu":
        return torch.device("cpu")
    devices = {device.name: device for device in list_devices()}
    if asked == "auto":
        cuda = [device for device in devices.values() if device.name.startswith("cuda")]
        best = max(cuda, key=lambda device: device.free_bytes or 0).name if cuda else next(n for n in ("xla", "mps", "cpu") if n in devices)
        return _opened(best)
    name = "cuda:0" if asked == "cuda" else asked
    if name not in devices:
        raise ConfigError(f"device: found {asked!r}; expected auto or one that is here: {', '.join(devices)}. Name one of them.")
    return _opened(name)


def _opened(name: str) -> torch.device:
    import torch

    if name == "xla":
        from importlib import import_module

        device: torch.device = import_module("torch_xla").device()
        return device
    return torch.device(name)


def _require_lab() -> None:
    missing = [module for module in ("torch", "psutil") if find_spec(module) is None]
    if missing:
        raise ConfigError(f"devices: not installed: {', '.join(missing)}; expected the lab extra. Run: pip install 'metagpt[lab]'")


def _processor() -> Device:
    import platform

    import psutil

    memory = psutil.virtual_memory()
    total, free = int(memory.total), int(memory.available)
    limit, used = _cgroup_number("memory.max"), _cgroup_number("memory.current")
    if limit is not None and used is not None and limit < total:
        total, free = limit, min(free, max(0, limit - used))
    load = psutil.getloadavg()[0]
    return Device(
        name="cpu", description=platform.processor() or platform.machine(), memory_bytes=total, free_bytes=free, cores=_cores(), load=load
    )


def _cores() -> float:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_text("cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit():
        return min(float(usable), int(quota[0]) / int(quota[1]))
    return float(usable)


def _cgroup_text(name: str) -> str:
    try:
        return (_CGROUP / name).read_text(encoding="ascii").strip()
    except OSError:  # no such bound here
        return ""


def _cgroup_number(name: str) -> int | None:
    text = _cgroup_text(name)
    return int(text) if text.isdigit() else None


def _cuda() -> Iterator[Device]:
    import torch

    if not torch.cuda.is_available():
        return
    for number in range(torch.cuda.device_count()):
        about: Any = torch.cuda.get_device_properties(number)  # a class of torch's C++ side
        free, total = torch.cuda.mem_get_info(number)
        yield Device(name=f"cuda:{number}", description=about.name, memory_bytes=total, free_bytes=free)
