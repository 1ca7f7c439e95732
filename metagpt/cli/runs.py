"""`metagpt runs`: the runs of a journal, the newest first."""

from __future__ import annotations

import json as jsonlib
import re
import shutil
import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer

from metagpt.cli.journals import open_journal, place_of
from metagpt.cli.options import JournalOption, JsonOption
from metagpt.cli.remembered import forget_lost
from metagpt.cli.wording import ago, first_line
from metagpt.errors import ConfigError, RunLockedError
from metagpt.journal.interface import Journal, RunHeader
from metagpt.runtime.codec import TickCodec

__all__ = ["age_s", "runs", "status_of"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def runs(
    prune: Annotated[
        str | None,
        typer.Option("--prune", metavar="AGE", show_default=False, help="Remove runs that rest for longer than AGE: 30d, 12h, 2w."),
    ] = None,
    journal: JournalOption = None,
    json: JsonOption = False,
) -> None:
    """List the runs, the newest first.

    A run that is `cut` was killed; like those that failed, were cancelled or wait, it can be resumed.
    """
    opened = open_journal(journal)
    now = time.time()
    if prune is not None:
        removed = opened.prune(before=now - age_s(prune))
        forget_lost(opened)
        print(f"removed {removed} run(s) that rested for longer than {prune}", file=sys.stderr if json else sys.stdout)
    headers = opened.runs()
    if json:
        for header in headers:
            print(jsonlib.dumps({**asdict(header), "status": status_of(opened, header)}))
        return
    if not headers:
        print(f"no runs in {place_of(opened)}")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    longest = max((len(header.team) for header in headers), default=0)
    for header in headers:
        line = f"{header.run_id}  {status_of(opened, header):9}  {ago(now - header.created):>6}  {header.team:{longest}}  "
        print(line + first_line(header.goal, max(width - len(line), 20)))


def status_of(journal: Journal, header: RunHeader) -> str:
    """The run's status; `cut` where it says running and nobody runs it."""
    if header.status != "running":
        return header.status
    try:
        journal.open(header.run_id, TickCodec({})).close()
    except RunLockedError:
        return "running"
    return "cut"


def age_s(text: str) -> float:
    """`30d` in seconds.

    Raises:
        ConfigError: it is no age.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip().lower())
    if found is None:
        raise ConfigError(f"--prune: found {text!r}; expected a number and a unit: 45s, 30m, 12h, 7d or 2w. Add the unit.")
    return float(found[1]) * _SECONDS[found[2]]
