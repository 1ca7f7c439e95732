"""`metagpt doctor`: what is installed, which models can be reached, whether the sandbox isolates."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from metagpt.cli import checkups
from metagpt.cli.checkups import Finding
from metagpt.cli.statuses import FAILURE
from metagpt.cli.wording import visible

__all__ = ["doctor"]


def doctor() -> None:
    """Look at the installation, the models and the sandbox.

    Models are asked whether they are there, the sandbox is really tried, and each fault comes with a line to mend it.

    Exit status: 0 no fault, 1 faults.
    """
    faults = 0
    for finding in _findings():
        faults += finding.state == "fault"
        print(f"{finding.state:5}  {visible(finding.text)}", flush=True)
        if finding.mend:
            print(f"       mend: {finding.mend}", flush=True)
    print(f"{faults} fault(s)" if faults else "no faults")
    if faults:
        raise typer.Exit(FAILURE)


def _findings() -> Iterator[Finding]:
    yield from checkups.examine_installation()
    yield from checkups.examine_plugins()
    settings, finding = checkups.examine_settings()
    yield finding
    if settings is not None:
        yield from checkups.examine_models(settings)
    yield from checkups.examine_journal()
    yield from checkups.examine_sandbox()
