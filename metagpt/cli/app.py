"""The program's commands, and how errors reach the person who must mend them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from metagpt.cli.chat import chat
from metagpt.cli.check import check
from metagpt.cli.data import data
from metagpt.cli.devices import devices
from metagpt.cli.doctor import doctor
from metagpt.cli.graph import graph
from metagpt.cli.hub import hub
from metagpt.cli.improve import improve, rollback
from metagpt.cli.lab import lab
from metagpt.cli.new import new
from metagpt.cli.plugins import plugins
from metagpt.cli.resume import resume
from metagpt.cli.run import run
from metagpt.cli.runs import runs
from metagpt.cli.show import show
from metagpt.cli.statuses import status_of_error
from metagpt.cli.trust import trust
from metagpt.errors import MetaGPTError

__all__ = ["app", "start"]


class _Commands(TyperGroup):
    """Ends every error of ours as its text and an exit status; others keep their traceback."""

    def invoke(self, ctx: Any) -> Any:  # Any: click's context, which typer carries under changing names
        try:
            return super().invoke(ctx)
        except MetaGPTError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(status_of_error(error)) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"metagpt {version('metagpt')}")
        raise typer.Exit


@app.callback()
def _metagpt(
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Teams of role agents that turn a goal into a tested program, and whatever else you make teams for.

    Start with:  metagpt run "count the vowels of a text"
    """


app.command()(run)
app.command()(resume)
app.command()(runs)
app.command()(show)
app.command()(check)
app.command()(graph)
app.command()(chat)
app.command()(new)
app.command()(plugins)
app.command()(doctor)
app.command()(trust)
app.command()(devices)
app.command()(improve)
app.command()(rollback)
app.add_typer(hub, name="hub")
app.add_typer(data, name="data")
app.add_typer(lab, name="lab")


def start() -> None:
    """Run the program; characters that the output cannot show are replaced."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    app(prog_name="metagpt")
