"""`metagpt show`: what a run did, read from its journal; its team is not needed."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from metagpt.cli.journals import find_run, open_journal
from metagpt.cli.options import JournalOption, JsonOption
from metagpt.cli.runs import status_of
from metagpt.cli.transcript import Body, Transcript, read_transcript
from metagpt.cli.wording import ago, amount, first_line, money, seconds, visible
from metagpt.diagram import draw
from metagpt.journal.interface import RunHeader
from metagpt.runtime.budget import Usage

__all__ = ["show"]


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or how it begins.", show_default=False)],
    messages: Annotated[bool, typer.Option("--messages", help="Every message, in order.")] = False,
    costs: Annotated[bool, typer.Option("--costs", help="What each role, model and call has cost.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="What really went from whom to whom, as Mermaid.")] = False,
    journal: JournalOption = None,
    json: JsonOption = False,
) -> None:
    """Show a run: outcome, messages, costs, graph."""
    opened = open_journal(journal)
    header = find_run(opened, run)
    status = status_of(opened, header)
    told = read_transcript(header.run_id, opened.records(header.run_id))
    if json:
        print(jsonlib.dumps(_as_json(header, status, told, messages=messages, costs=costs, graph=graph), default=str))
        return
    lines = [
        *(_messages(told) if messages else ()),
        *(_costs(told) if costs else ()),
        *([draw(told.graph(), "mermaid").rstrip()] if graph else ()),
    ]
    for line in lines or _summary(header, status, told):
        print(line)


def _as_json(header: RunHeader, status: str, told: Transcript, *, messages: bool, costs: bool, graph: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        **asdict(header),
        "status": status,
        "success": told.success,
        "output": told.output["message"] if told.output else None,
        "error": told.error,
        "workspace": told.workspace,
        "pending": told.pending,
        "usage": asdict(told.usage),
    }
    if messages:
        values["messages"] = told.messages
    if costs:
        values["calls"] = {name: asdict(usage) for name, usage in told.calls.items()}
    if graph:
        values["graph"] = draw(told.graph(), "mermaid")
    return values


def _summary(header: RunHeader, status: str, told: Transcript) -> Iterator[str]:
    verdict = "" if status != "done" else ", success" if told.success else ", without success"
    yield f"run {header.run_id}: {status}{verdict}"
    yield f"goal: {first_line(header.goal, 400)}"
    session = f", session {header.session}" if header.session else ""
    yield f"team: {header.team}, started {ago(time.time() - header.created)} ago{session}"
    yield f"messages: {len(told.messages)}"
    yield f"spent: {seconds(told.usage.seconds)}, {amount(told.usage)}"
    if told.workspace:
        yield f"files: {told.workspace}"
    if told.output:
        yield from _message(told.output["message"], "output ")
    if told.error:
        yield f"error: {visible(told.error)}"
    for identity, pending in told.pending.items():
        yield f"waits for an answer to {identity}: {visible(pending['text'])}"
        for message in pending["proposed"]:
            yield from _message(message, "  proposed ")


def _messages(told: Transcript) -> Iterator[str]:
    for envelope in told.messages:
        to = ", ".join(envelope["recipients"]) or "nobody: output"
        at = envelope["time"] - told.messages[0]["time"]
        yield f"[{at:7.1f} s] {envelope['handler'] or envelope['sender']} -> {to}"
        yield from _message(envelope["message"], "  ")


def _message(message: Body, before: str) -> Iterator[str]:
    indent = " " * (len(before) - len(before.lstrip()) + 2)
    yield f"{before}{message['type']}:"
    for name, value in message["body"].items():
        text = value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False)
        if "\n" in text.strip():
            yield f"{indent}{name}:"
            yield from (f"{indent}  {line}" for line in visible(text).strip("\n").splitlines())
        else:
            yield f"{indent}{name}: {visible(text).strip()}"


def _costs(told: Transcript) -> Iterator[str]:
    groups: list[tuple[str, Mapping[str, Usage]]] = [
        ("role", told.usage.by_role), ("model", told.usage.by_model), ("call", told.calls), ("", {"all": told.usage}),
    ]  # fmt: skip
    width = max((len(name) for _, group in groups for name in group), default=4)
    yield f"{'':5}  {'':{width}}  {'calls':>6}  {'input':>10}  {'output':>10}  {'seconds':>8}  USD"
    for title, group in groups:
        for name, usage in group.items():
            spent = money(usage.usd, unpriced=usage.unpriced_calls)
            figures = f"{usage.calls:6}  {usage.input_tokens:10,}  {usage.output_tokens:10,}  {usage.seconds:8.1f}"
            yield f"{title:5}  {name:{width}}  {figures}  {spent}"
