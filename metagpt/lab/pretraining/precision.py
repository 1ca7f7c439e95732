"""Whether matrix products are made in 16 bits."""

from functools import cache
from typing import Literal

import torch

__all__ = ["is_16_bit"]


@cache
def is_16_bit(asked: Literal["auto", "float32", "bfloat16"], device: torch.device) -> bool:
    """What is asked for; `auto`: where the device has instructions for bfloat16, and is not merely able to imitate them."""
    if asked != "auto":
        return asked == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of torch cannot tell
        return bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16"))
    return device.type == "xla"
