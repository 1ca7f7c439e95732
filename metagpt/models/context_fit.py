"""What is left out of a chat that is longer than the window of the model that is asked."""

from __future__ import annotations

from dataclasses import dataclass

from metagpt.errors import ConfigError

__all__ = ["MEMORY_PARTS", "PARTS", "SEND_LESS", "ContextFit"]

MEMORY_PARTS = ("memory", "notes", "exchanges", "summaries")
PARTS = (*MEMORY_PARTS, "rounds")
"""Parts of a chat that may be named in `ContextFit.drop`, beside the arguments of an ask."""
SEND_LESS = "Name more that may be left out in ModelOptions(fit=ContextFit(drop=…)), shorten persona, prompt or arguments"
"""How a chat is mended that is too long for its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFit:
    """How a chat is made to fit into the model's window; the room for the answer is kept free.

    Persona, prompt and a person's note always stay. What does not fit even so is sent, and the model's own count decides.
    """

    drop: tuple[str, ...] = ("memory", "rounds")
    """What is left out, in this order, each only as far as needed; what is not named stays.

    `notes`, `exchanges`, `summaries`: of the memory, the oldest first; `memory`: all three, summaries last; `rounds`: results of
    tools in earlier rounds, the oldest first; any other name: that argument of the ask, a list, from its end.
    """
    bytes_per_token: float = 3.0
    """Bytes of text, in UTF-8, that are taken for a token where the model cannot count; smaller is more careful.

    Local models count. A server that refuses a chat as too long is asked again, with less than it refused.
    """

    def __post_init__(self) -> None:
        if isinstance(self.drop, str) or len(set(self.drop)) < len(self.drop):
            raise ConfigError(
                f"ContextFit: drop = {self.drop!r}; expected different names in a tuple. Write each part once, the first to go first."
            )
        if not self.bytes_per_token > 0:
            raise ConfigError(f"ContextFit: bytes_per_token = {self.bytes_per_token!r}; expected more than 0. 3 is usual.")
