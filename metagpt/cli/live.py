"""The live display: who works on what, tokens, money and seconds, while the run goes on."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from metagpt import events as ev
from metagpt.cli.plain import line_of
from metagpt.cli.progress import Progress, RoleProgress
from metagpt.cli.wording import first_line, money, seconds

__all__ = ["LiveDisplay"]

_TOLD = (
    ev.RunStartedEvent, ev.MessagePublishedEvent, ev.HandlerFailedEvent, ev.DeltasDiscardedEvent, ev.ApprovalNeededEvent, ev.AnsweredEvent,
    ev.DroppedFromContextEvent,
)  # fmt: skip
"""Events that stay on the screen as lines above the table."""


class LiveDisplay:
    """A table of the roles that is redrawn four times a second, inside `with`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress()
        self._live: Live | None = None

    def __enter__(self) -> LiveDisplay:
        live = self._live = Live(console=self._console, get_renderable=self.picture, refresh_per_second=4, transient=True)
        live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, event: ev.Event) -> None:
        """Take one event into the table; some stay as lines above it."""
        self._progress.take(event)
        if isinstance(event, _TOLD):
            style = "red" if isinstance(event, ev.HandlerFailedEvent | ev.DeltasDiscardedEvent) else "dim"
            self._console.print(Text(line_of(event), style=style), soft_wrap=True)

    def picture(self, now: float | None = None) -> RenderableType:
        """The table as it stands.

        Args:
            now: Seconds since 1970 UTC; the clock if left out.
        """
        now = time.time() if now is None else now
        table = Table(box=None, pad_edge=False, expand=True)
        for title, justify in (("role", "left"), ("works on", "left"), ("time", "right"), ("tokens", "right"), ("USD", "right")):
            table.add_column(title, justify=justify, no_wrap=True, ratio=1 if title == "works on" else None)  # type: ignore[arg-type]  # a literal
        for role in self._progress.roles.values():
            table.add_row(*_row(role, now))
        total = Text(f"{self._total(now)}  (Ctrl-C stops; nothing done is lost)", style="dim")
        return Group(table, total)

    def _total(self, now: float) -> str:
        elapsed = 0.0 if self._progress.started is None else max(now - self._progress.started, 0.0)
        spent = money(self._progress.usd, unpriced=self._progress.unpriced)
        return f"{seconds(elapsed)}, {self._progress.tokens:,} tokens, {spent}"


def _row(role: RoleProgress, now: float) -> tuple[Text, Text, str, str, str]:
    doing = ", ".join(dict.fromkeys(role.working.values()))
    if role.tail and doing:
        doing += f" · {first_line(role.tail[-60:], 60)}"
    spent = money(role.usd, unpriced=role.unpriced) if role.calls else ""
    return (
        Text(role.name, style="bold" if doing else "dim"),
        Text(doing or "idle", style="" if doing else "dim"),
        seconds(max(now - role.since, 0.0)) if doing else "",
        f"{role.tokens:,}" if role.tokens else "",
        spent,
    )
