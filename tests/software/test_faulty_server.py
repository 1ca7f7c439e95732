"""The software team on a server that fails in every way: each run ends, and the journal accounts for every request."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from metagpt import RetryPolicy, SqliteJournal
from metagpt.errors import HandlerFailedError, ModelError, RunError
from metagpt.models.interface import Model
from metagpt.plugins import open_model
from metagpt.roles.software import Declined, Delivery, software_team
from metagpt.run import Run
from tests.models.fault_server import CutStream, FaultServer, Raw, Reply, Stall, Status
from tests.software.answers import CHECKS, CODE, GOAL, SPECIFICATION, WRONG_CODE

QUICK = RetryPolicy(attempts=4, base_s=0.01, max_s=0.05)
FAULTS = ("rate_limit", "server_error", "cut", "reset", "end", "stall", "not_json", "empty", "no_choices", "html", "wrong_schema")
NUM_RUNS = 30
LONGEST_S = 60.0


def reply(request: dict[str, Any]) -> Reply:
    """A good answer to each of the team's calls, told apart by their prompts."""
    asked = next(turn["content"] for turn in request["messages"] if turn["role"] == "user")
    if asked.startswith("Turn this goal into a specification"):
        return SPECIFICATION.model_dump(mode="json")
    if asked.startswith("Write tests for a program"):
        return CHECKS.model_dump(mode="json")
    return f"```python\n{CODE if asked.startswith('The program below fails') else WRONG_CODE}```"


def model_of(server: FaultServer) -> Model:
    return open_model(f"openai:test-model@{server.url}", {"stall_timeout_s": 0.4, "timeout_s": 20.0})


class Ledger:
    """What the journal holds of a run's model calls."""

    def __init__(self, journal: SqliteJournal, run_id: str) -> None:
        ticks = [(record.kind, json.loads(record.body)) for record in journal.records(run_id)]
        self.requested = [tick["model"] for kind, tick in ticks if kind == "CallRequested"]
        self.failed = Counter(tick["error"]["type"] for kind, tick in ticks if kind == "CallFailed")
        self.num_ended = sum(kind == "CallEnded" for kind, _ in ticks)
        self.open: Counter[tuple[str, str, int]] = Counter()
        for kind, tick in ticks:
            if kind in ("CallRequested", "CallEnded", "CallFailed"):
                self.open[tick["invocation"], tick["key"], tick["nth"]] += 1 if kind == "CallRequested" else -1
        self.status = next(tick["status"] for kind, tick in ticks if kind == "RunEnded")


async def run_on(server: FaultServer, folder: Path) -> tuple[Run[Any], Ledger]:
    journal = SqliteJournal(folder / "journal.db")
    team = software_team(model=model_of(server), journal=journal, workspace=folder / "out", call_retry=QUICK)
    try:
        run: Run[Delivery | Declined] = await asyncio.wait_for(team.run(GOAL), LONGEST_S)
    except RunError as error:
        run = cast("Run[Any]", error.run)
        run.error = error
    return run, Ledger(journal, run.id)


async def seeded_run(seed: int, folder: Path) -> tuple[Run[Any], Ledger, FaultServer]:
    async with FaultServer(reply=reply, faults=FAULTS, rate=0.5, seed=seed, most_in_a_row=5) as server:
        run, ledger = await run_on(server, folder)
    return run, ledger, server


def check_accounts(ledger: Ledger, server: FaultServer) -> None:
    """Every call that was announced has ended, and every one that was sent reached the server once."""
    assert not any(ledger.open.values())
    assert len(ledger.requested) == ledger.num_ended + ledger.failed.total()
    sent = [seen for seen in server.requests if seen.outcome != "refused"]  # a form of request that is refused is sent again in another
    never_sent = len(ledger.requested) - len(sent)
    cut_short = ledger.failed["CancelledError"] + ledger.failed["ModelTimeoutError"]  # a sibling failed, or time was up, just before
    assert 0 <= never_sent <= cut_short


def check_end(run: Run[Any], ledger: Ledger, folder: Path) -> None:
    """Done with a delivery, or failed with an error that says which call failed and how."""
    assert ledger.status == run.status
    if run.status == "done":
        assert isinstance(run.output, Delivery)
        assert run.success
        assert json.loads((folder / "out" / "run.json").read_text())["verdict"]["passed"] is True
        return
    assert run.status == "failed"
    assert isinstance(run.error, HandlerFailedError)
    assert isinstance(run.error.__cause__, ModelError)
    assert run.error.handler
    assert not run.success
    assert not (folder / "out" / "run.json").exists()


@pytest.mark.slow
async def test_thirty_runs_on_a_server_that_fails_at_random_all_end_and_are_accounted_for(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    gate = asyncio.Semaphore(3)

    async def one(seed: int) -> None:
        folder = tmp_path / str(seed)
        folder.mkdir()
        async with gate:
            run, ledger, server = await seeded_run(seed, folder)
        check_end(run, ledger, folder)
        check_accounts(ledger, server)
        statuses[run.status] += 1
        seen.update(request.outcome for request in server.requests)

    await asyncio.gather(*map(one, range(NUM_RUNS)))
    assert statuses.total() == NUM_RUNS
    assert statuses["done"] >= 5
    assert {"Status", "CutStream", "Stall", "Raw", "answer"} <= set(seen)  # each kind of fault did befall them


async def test_a_server_without_response_format_and_tools_will_do(tmp_path: Path) -> None:
    async with FaultServer(reply=reply, refuses=("response_format", "tools", "tool_choice")) as server:
        run, ledger = await run_on(server, tmp_path)
    check_end(run, ledger, tmp_path)
    assert run.success
    check_accounts(ledger, server)
    assert any(request.outcome == "refused" for request in server.requests)
    answered = [request.body for request in server.requests if request.outcome == "answer"]
    assert len(answered) == 4
    assert all("response_format" not in body and "tools" not in body for body in answered)
    assert "JSON schema" in answered[0]["messages"][0]["content"]


async def test_answers_of_the_wrong_form_are_asked_again_and_counted(tmp_path: Path) -> None:
    script = ['{"nobody": "asked for this"}', "no JSON at all"]
    async with FaultServer(script, reply=reply) as server:
        run, ledger = await run_on(server, tmp_path)
    assert run.success
    check_accounts(ledger, server)
    assert len(server.requests) == 6
    assert "in_scope" in server.requests[1].body["messages"][-1]["content"]
    assert run.usage.calls == 6


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        (Status(status=500), "ServerError", 4),
        (Status(status=429, headers={"retry-after-ms": "5"}), "RateLimitError", 4),
        (Status(status=401), "ModelUnavailableError", 1),
        (CutStream(), "StreamCutError", 4),
        (Stall(after=0), "ModelTimeoutError", 4),
        (Stall(after=1), "ModelTimeoutError", 4),
        (Raw(body="<html>It works!</html>", content_type="text/html"), "InvalidReplyError", None),
    ],
)
async def test_a_server_that_never_recovers_ends_the_run_with_its_own_error(
    tmp_path: Path, fault: Any, error: str, attempts: int | None
) -> None:
    async with FaultServer([fault] * 40, reply=reply) as server:
        run, ledger = await run_on(server, tmp_path)
    check_end(run, ledger, tmp_path)
    check_accounts(ledger, server)
    assert run.status == "failed"
    assert run.error is not None
    assert type(run.error.__cause__).__name__ == error
    assert attempts is None or len(server.requests) == attempts
    assert set(ledger.failed) == {error}


async def test_a_server_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    async with FaultServer() as server:
        pass
    run, ledger = await run_on(server, tmp_path)
    assert run.status == "failed"
    assert isinstance(run.error, HandlerFailedError)
    assert isinstance(run.error.__cause__, ModelError)
    assert ledger.num_ended == 0
    assert not any(ledger.open.values())
