"""`metagpt devices`: what can compute here, what of it is free, and which jobs run and wait."""

from __future__ import annotations

import json as jsonlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from metagpt.cli.options import JsonOption
from metagpt.cli.wording import visible

if TYPE_CHECKING:
    from metagpt.lab.compute import Ticket
    from metagpt.lab.devices import Device

__all__ = ["devices"]


def devices(json: JsonOption = False) -> None:
    """List processor and accelerators with what is free of them, and the jobs of the lab that run or wait.

    Exit status: 0; 2 without the lab extra.
    """
    from metagpt.lab.devices import list_devices

    found = list_devices()
    from metagpt.lab.compute import ComputeQueue

    jobs = ComputeQueue().tickets()
    if json:
        for device in found:
            print(jsonlib.dumps({"kind": "device", **asdict(device)}))
        for job in jobs:
            print(jsonlib.dumps({"kind": "job", **asdict(job)}))
        return
    for device in found:
        print(_device_line(device))
    for job in jobs:
        print(_job_line(job))


def _device_line(device: Device) -> str:
    parts = [f"{device.name:8}", device.description]
    if device.cores is not None and device.load is not None:
        parts.append(f"{device.cores:g} cores, load {device.load:.1f}")
    if device.memory_bytes is not None and device.free_bytes is not None:
        parts.append(f"{device.free_bytes / 1e9:.1f} of {device.memory_bytes / 1e9:.1f} GB free")
    return "  ".join(parts)


def _job_line(job: Ticket) -> str:
    claim = job.claim
    state = "runs on" if claim.is_running else "waits for"
    amount = "all of it" if claim.memory_bytes is None else f"{claim.memory_bytes / 1e9:.1f} GB"
    minutes = (time.time() - job.since) / 60
    where = f"{state} {' or '.join(claim.devices)}, {amount}"
    return f"job {job.number}  {visible(job.what)}  {where}, since {minutes:.0f} min (process {job.pid})"
