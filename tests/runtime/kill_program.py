"""The program that the kill tests kill: it runs or resumes the whole team, each time in a process of its own.

A server process imports everything once and forks for each order, a line of JSON on its input; it answers each with the
line of JSON that says how the process ended. Processes end by SIGKILL: at a write of the journal, which they do to
themselves, or after some time, which the server does to them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from metagpt import SqliteJournal
from metagpt.errors import JournalError
from metagpt.journal.sqlite import SqliteJournal as Journal
from metagpt.models.interface import ModelRequest
from metagpt.testing import FunctionModel
from tests.runtime.messages import content
from tests.runtime.whole_team import answer, whole_team


def model_at(url: str) -> FunctionModel:
    """A model behind a plain HTTP server."""
    at = urlsplit(url)

    async def ask(request: ModelRequest) -> str:
        body = question(request.call, [[turn.role, turn.text] for turn in request.chat]).encode()
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        writer.write(f"POST {at.path} HTTP/1.0\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        said = await reader.read()
        writer.close()
        return said.partition(b"\r\n\r\n")[2].decode()

    return FunctionModel(ask)


def question(call: str, chat: list[list[str]]) -> str:
    """A request as the server counts it."""
    return json.dumps([call, chat])


def kill_at_write(number: int, *, after: bool) -> None:
    """Kill this process at its n-th write to the journal, just before or just after it is committed."""
    commit = Journal._commit
    count = 0

    def counted(journal: Journal, writes: Any, *, wait: bool) -> None:
        nonlocal count
        count += 1
        if count == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(journal, writes, wait=wait)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal._commit = counted  # type: ignore[method-assign, assignment]


def work(order: dict[str, Any]) -> None:
    """Run or resume, and leave the outcome in a file."""
    if order.get("at_write"):
        kill_at_write(order["at_write"], after=order["after"])
    folder = Path(order["folder"])
    team = whole_team(model=model_at(order["url"]), journal=SqliteJournal(folder / "journal.db"), workspace=folder / "work")
    try:
        run = asyncio.run(team.resume("r") if order["resume"] else team.run("go", run_id="r"))
    except JournalError as error:
        outcome: dict[str, Any] = {"refused": str(error)}
    else:
        files = {path.name: path.read_text() for path in sorted((folder / "work").glob("[!.]*"))}  # a kill may leave `.….tmp`
        outcome = {"status": run.status, "content": content(run), "output": str(run.output), "files": files}
    (folder / "outcome.json").write_text(json.dumps(outcome))


def warm_up() -> None:
    """One run here, so that what is made at the first use is not made anew in every process."""
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "journal.db")
        asyncio.run(whole_team(model=FunctionModel(answer), journal=journal, workspace=folder).run("go"))
        journal.close()


def serve() -> None:
    """Carry out orders until the input ends."""
    warm_up()
    for line in sys.stdin:
        order = json.loads(line)
        began = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            try:
                work(order)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if order.get("after_s") is not None:
            time.sleep(order["after_s"])
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"exit": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    serve()
