"""Which model answers a role now, how another takes its place, and the way back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from metagpt.errors import HubError, LabError
from metagpt.hub import Card, ModelHub
from metagpt.hub.entry import Entry
from metagpt.hub.names import Reference
from metagpt.journal.trajectories import Trajectory
from metagpt.lab.alignment.bases import Base, open_base
from metagpt.lab.improvement.settings import PRODUCTION

__all__ = ["in_service", "promote", "rollback"]

_WEIGHTS = "model.safetensors"


def in_service(role: str, hub: ModelHub, runs: Sequence[Trajectory], base: str | None) -> Base:
    """What a candidate must beat: `ROLE@production`; else the base that is named; else what answered the role in its latest run.

    Raises:
        LabError: that is none of this machine, so that it can neither be trained nor compared with.
    """
    if PRODUCTION in hub.aliases(role):
        return open_base(f"hub:{role}@{PRODUCTION}", hub)
    if base is not None:
        return open_base(base, hub)
    used = next((call.model for run in reversed(runs) for call in reversed(run.calls) if call.role == role), "embedded")
    if used == "embedded" or used.startswith(("hub:", "local:")):
        return open_base(used, hub)
    counted = Counter(call.model for run in runs for call in run.calls if call.role == role)
    raise LabError(
        f"improve: found the role {role!r} answered by {', '.join(counted)}; expected a model of this machine to train and compare with."
        " Name one: --base embedded, --base hub:NAME or --base FOLDER."
    )


def promote(hub: ModelHub, role: str, candidate: Path, *, replaced: Base, parents: Sequence[str], card: Card) -> Entry:
    """Put the candidate in service as `ROLE@production`; what was in service before is kept as a version, for the way back."""
    if PRODUCTION not in hub.aliases(role):
        hub.push(replaced.folder, role, parents=replaced.parents, alias=PRODUCTION)
    current = hub.get(Reference(role, PRODUCTION))
    weights = current.files.get(_WEIGHTS)
    if weights is not None and weights.sha256 == _digest(candidate / _WEIGHTS):
        return current  # a promotion that was cut after it was done
    return hub.push(candidate, role, parents=parents, card=card, alias=PRODUCTION)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def rollback(role: str, hub: ModelHub | None = None) -> Entry:
    """Let the version answer again that answered the role before the last promotion.

    Raises:
        HubError: nothing was promoted for the role, or nothing was in service before.
    """
    opened = hub or ModelHub()
    if PRODUCTION not in opened.aliases(role):
        raise HubError(
            f"rollback: found no {role}@{PRODUCTION} in {opened.path}; expected a role whose model was promoted. See: metagpt hub list"
        )
    return opened.rollback(role, PRODUCTION)
