"""How meta-training goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from metagpt.errors import LabError

__all__ = ["MetaConfig"]

_REPTILE_RATE = 0.1


@dataclass(frozen=True, kw_only=True)
class MetaConfig:
    """Of one start; the defaults are for text episodes."""

    algorithm: Literal["maml", "fomaml", "reptile"] = "maml"
    """MAML differentiates through the inner steps; FOMAML does not; Reptile moves towards where the inner steps lead."""
    inner_rate: float | None = None
    """alpha of the shared parameters; with 0 a task adapts what it makes itself, its head, alone. None: 0, with Reptile 0.1."""
    head_rate: float = 10.0
    """alpha of what the tasks make themselves."""
    inner_steps: int = 5
    """k, the steps of adapting; Reptile wants two or more."""
    learn_rates: bool = False
    """Whether the inner rates are learned with the start (Meta-SGD); not with Reptile."""
    meta_rate: float = 1e-3
    """β, the rate of Adam at the peak; it falls linearly to 0 over the second half."""
    iterations: int = 60
    """Batches of tasks."""
    tasks: int = 8
    """In a batch."""
    clip_norm: float = 10.0
    """Meta-gradients are scaled down to this norm."""
    allow_leaks: bool = False
    """Whether texts and classes may stand in several of the sets."""
    seed: int = 7

    @property
    def shared_rate(self) -> float:
        """The inner rate, or what suits the algorithm: Reptile learns only from where the shared parameters themselves are led."""
        if self.inner_rate is not None:
            return self.inner_rate
        return _REPTILE_RATE if self.algorithm == "reptile" else 0.0

    def __post_init__(self) -> None:
        bounds = {
            "algorithm": (self.algorithm in ("maml", "fomaml", "reptile"), "'maml', 'fomaml' or 'reptile'"),
            "inner_rate": (
                self.shared_rate > 0 or (self.shared_rate == 0 and self.algorithm != "reptile"),
                "0 or more, with reptile above 0",
            ),
            "head_rate": (self.head_rate > 0, "a number above 0"),
            "inner_steps": (self.inner_steps >= (2 if self.algorithm == "reptile" else 1), "1 or more, with reptile 2 or more"),
            "learn_rates": (not (self.learn_rates and self.algorithm == "reptile"), "False with reptile"),
            "meta_rate": (self.meta_rate > 0, "a number above 0"),
            "iterations": (self.iterations >= 1, "1 or more"),
            "tasks": (self.tasks >= 1, "1 or more"),
            "clip_norm": (self.clip_norm > 0, "a number above 0"),
        }
        for name, (holds, expected) in bounds.items():
            if not holds:
                raise LabError(f"meta: found {name}={getattr(self, name)!r}; expected {expected}. Correct it.")
