"""Output of programs, cut to what a model can take in."""

from __future__ import annotations

__all__ = ["MOST_OUTPUT_CHARS", "clipped"]

MOST_OUTPUT_CHARS = 20_000
"""Longest output of one program that a model is shown."""


def clipped(text: str, most: int = MOST_OUTPUT_CHARS) -> str:
    """The text, or its beginning and its end where it is longer: errors stand at the end, their cause at the beginning."""
    if len(text) <= most:
        return text
    head = most // 3
    tail = most - head
    return f"{text[:head]}\n[… {len(text) - most} characters left out …]\n{text[-tail:]}"
