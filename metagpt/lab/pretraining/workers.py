"""The processes of one training: one by itself, or several that average their gradients through accelerate."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metagpt.lab.devices import pick_device

__all__ = ["Workers", "free_port", "join_workers"]


@dataclass(frozen=True)
class Workers:
    """This process among those that train together."""

    count: int
    rank: int
    device: torch.device
    average: Callable[[Tensor], Tensor] | None = None
    """Mean of a tensor over all workers; None where there is one."""

    def share(self, gradients: Sequence[Tensor]) -> None:
        """Replace the gradients by their means over all workers, in one exchange."""
        assert self.average is not None, "called where there are several"
        flat = self.average(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        place = 0
        for gradient in gradients:
            gradient.copy_(flat[place : place + gradient.numel()].view_as(gradient))
            place += gradient.numel()

    def mean(self, value: float) -> float:
        """Mean of a number over all workers."""
        return value if self.average is None else float(self.average(torch.tensor(value, device=self.device)))


def join_workers(rank: int, count: int, device: str, *, port: int = 0) -> Workers:
    """Meet the other workers.

    Args:
        rank: Which of them this is, from 0.
        count: How many there are.
        device: What the settings ask for; each worker of several on accelerators gets its own.
        port: Of this machine, where they meet.
    """
    picked = pick_device(device)
    if count == 1:
        return Workers(1, 0, picked)
    from accelerate import Accelerator

    place = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    os.environ.update({name: str(value) for name, value in place.items()})
    if picked.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    accelerator = Accelerator(cpu=picked.type == "cpu")

    def average(tensor: Tensor) -> Tensor:
        reduce: Any = accelerator.reduce  # untyped in accelerate
        mean: Tensor = reduce(tensor, reduction="mean")
        return mean

    return Workers(count, rank, accelerator.device, average)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
