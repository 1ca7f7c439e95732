"""What a job needs to compute, and when it may have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metagpt.errors import LabError
from metagpt.lab.devices import Device

__all__ = ["Claim", "Need", "admitted", "candidates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a job says it needs."""

    device: str = "auto"
    """cpu, cuda:1, mps; auto: any accelerator, or the processor where there is none."""
    memory_bytes: int | None = None
    """None: an accelerator for itself alone; on the processor, what is there, shared without waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job's place in the queue, as far as admission asks."""

    devices: tuple[str, ...]
    """Where it may run; one where it runs."""
    memory_bytes: int | None
    is_running: bool


def candidates(need: Need, devices: Mapping[str, Device]) -> tuple[str, ...]:
    """The devices that can ever serve the need, by name.

    Raises:
        LabError: none of them is large enough, or it is not here.
    """
    if need.device == "auto":
        named = [name for name in devices if name != "cpu"] or ["cpu"]
    else:
        named = ["cuda:0" if need.device == "cuda" else need.device]
    there = [name for name in named if name in devices]
    large = [name for name in there if (need.memory_bytes or 0) <= (devices[name].memory_bytes or need.memory_bytes or 0)]
    if not large:
        amount = "" if need.memory_bytes is None else f" with {need.memory_bytes / 1e9:.1f} GB"
        here = ", ".join(f"{each.name} ({(each.memory_bytes or 0) / 1e9:.1f} GB)" for each in devices.values())
        raise LabError(f"compute: found a job that needs {need.device}{amount}; expected what is here: {here}. Ask for less, or elsewhere.")
    return tuple(large)


def admitted(own: Claim, earlier: Sequence[Claim], devices: Mapping[str, Device]) -> str | None:
    """The device that the job may start on now; None: it waits.

    First come, first served: what came earlier and may run on a device counts there in full, whether it runs yet or not. A
    job with a memory need fits if it and those leave no more than the device has, of which other programs may use a part.
    """
    for name in own.devices:
        before = [claim for claim in earlier if name in claim.devices]
        if own.memory_bytes is None:
            if name == "cpu" or not before:
                return name
            continue
        device = devices[name]
        if any(claim.memory_bytes is None for claim in before) and name != "cpu":
            continue
        reserved = sum(claim.memory_bytes or 0 for claim in before)
        total = device.memory_bytes
        if total is None or device.free_bytes is None:
            if not before:
                return name
            continue
        if own.memory_bytes <= total - max(reserved, total - device.free_bytes):
            return name
    return None
