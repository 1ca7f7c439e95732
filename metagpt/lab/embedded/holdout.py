"""What training never sees: a fixed tenth of the wordings, of the frames and of the compositions."""

import hashlib

__all__ = ["is_held_composition", "is_held_frame", "is_held_wording"]


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def is_held_wording(primitive_id: str, wording: str) -> bool:
    """Whether this way of asking for a primitive is kept out of training."""
    return _share(f"wording {primitive_id} {wording}") < 0.1


def is_held_frame(frame: str) -> bool:
    """Whether this sentence frame is kept out of training."""
    return _share(f"frame {frame}") < 0.1


def is_held_composition(ids: tuple[str, ...]) -> bool:
    """Whether programs of these primitives in this order are kept out of training; single steps never are."""
    return len(ids) > 1 and _share(" ".join(ids)) < 0.1
