"""The compact prompt of a call: what the small models trained by this project read instead of prose."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["ANSWER", "CALL", "CONTEXT", "END", "compact_prompt"]

CALL, CONTEXT, ANSWER, END = "<|call|>", "<|context|>", "<|answer|>", "<|end|>"


def compact_prompt(call: str, context: Mapping[str, Any]) -> str:  # Any: JSON values
    """The prompt of a call such as `product_manager.specify`; the model's answer ends with `<|end|>`.

    Example:
        >>> compact_prompt("product_manager.specify", {"goal": "sum a list"})
        '<|call|>product_manager.specify<|context|>{"goal": "sum a list"}<|answer|>'
    """
    facts = json.dumps(context, ensure_ascii=False, separators=(", ", ": "))
    return f"{CALL}{call}{CONTEXT}{facts}{ANSWER}"
