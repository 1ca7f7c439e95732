"""Names of a server's parts as models accept them: letters, digits and `_`, and no two alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

__all__ = ["safe_names"]

_MOST = 64
_DIGEST = 8


def safe_names(server: str, originals: Iterable[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """An action name for each original, the same whatever the order they are listed in.

    An original that is a safe name already keeps it: none that merely looks like it can take its place.
    """
    used = set(taken)
    names: dict[str, str] = {}
    for original in sorted(set(originals), key=lambda each: (_plain(each) != each, each)):
        wanted = f"{_plain(server)}__{_plain(original)}"
        if wanted in used or len(wanted) > _MOST:
            digest = hashlib.blake2b(original.encode(errors="replace"), digest_size=_DIGEST // 2).hexdigest()
            wanted = f"{wanted[: _MOST - _DIGEST - 1]}_{digest}"
        used.add(wanted)
        names[original] = wanted
    return names


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)
