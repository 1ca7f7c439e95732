"""Ids: short hashes of run, cause and index, so that a resumed run gives everything the same name."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["derived_id"]


def derived_id(*parts: str) -> str:
    """16 hex digits (64 bits) that depend on the parts and their order alone."""
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
