"""run.json: what the team left there, with what only the command line knows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metagpt.actions.workspace import Workspace
from metagpt.errors import SandboxError
from metagpt.run import Run

__all__ = ["RECORD", "complete_record"]

RECORD = "run.json"


def complete_record(run: Run[Any]) -> None:
    """Add id, status, models and usage to the record in the run's folder, if the team left one."""
    if run.workspace is None or not Path(run.workspace).is_dir():
        return
    workspace = Workspace(Path(run.workspace))
    try:
        left = json.loads(workspace.read_text(RECORD))
    except (OSError, ValueError, SandboxError):  # none, or none of ours: a program may have put anything there
        return
    if not isinstance(left, dict):
        return
    facts = {"run_id": run.id, "status": run.status, "models": sorted(run.usage.by_model), "usage": asdict(run.usage)}
    order = ("goal", *facts)
    whole = {**left, **facts}
    ordered = {key: whole[key] for key in (*order, *left) if key in whole}
    workspace.write_text(RECORD, json.dumps(ordered, indent=2, ensure_ascii=False) + "\n")
