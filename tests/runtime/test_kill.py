"""A process that is killed at any instant loses nothing that was acknowledged, and a fresh one goes on from there."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.kill_program import question

pytestmark = pytest.mark.slow

WORKERS = 2
INSTANTS = 100


class Counting(ThreadingHTTPServer):
    """Answers with a hash of the question, and counts the questions of each run."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: dict[str, list[str]] = defaultdict(list)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Counting

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked[self.path.strip("/")].append(body.decode())
        answer = blake2b(body, digest_size=3).hexdigest().encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def handle(self) -> None:
        with suppress(ConnectionError):  # who asked was killed
            super().handle()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[Counting]:
    with Counting() as counting:
        thread = threading.Thread(target=counting.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield counting
        counting.shutdown()
        thread.join()


class Worker:
    """A server process of the program, one order at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.kill_program"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    started = [Worker() for _ in range(WORKERS)]
    yield started
    for worker in started:
        worker.close()


class Uncut:
    """The run that was not cut, the standard of all others."""

    def __init__(self, worker: Worker, server: Counting, folder: Path) -> None:
        folder.mkdir()
        self.seconds = min(self._once(worker, server, folder) for _ in range(3))
        self.outcome = outcome(folder)
        self.asked = server.asked["uncut"]
        with sqlite3.connect(folder / "journal.db") as connection:
            ((self.records,),) = connection.execute("SELECT count(*) FROM records").fetchall()

    @staticmethod
    def _once(worker: Worker, server: Counting, folder: Path) -> float:
        shutil.rmtree(folder)
        folder.mkdir()
        server.asked["uncut"].clear()
        done = worker.order(folder=str(folder), url=server.url("uncut"), resume=False)
        assert done["exit"] == 0
        return float(done["seconds"])


@pytest.fixture(scope="module")
def uncut(workers: list[Worker], server: Counting, tmp_path_factory: pytest.TempPathFactory) -> Uncut:
    return Uncut(workers[0], server, tmp_path_factory.mktemp("kill") / "uncut")


def outcome(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
    return found


def recorded(folder: Path) -> list[str]:
    """The questions whose replies the journal holds."""
    if not (folder / "journal.db").exists():
        return []
    connection = sqlite3.connect(folder / "journal.db")
    try:
        bodies = connection.execute("SELECT kind, body FROM records ORDER BY sequence").fetchall()
    except sqlite3.OperationalError:
        return []  # killed before the file had a table
    finally:
        connection.close()
    asked, replied = {}, []
    for kind, body in bodies:
        tick = json.loads(body)
        key = (tick.get("invocation"), tick.get("key"), tick.get("nth"))
        if kind == "CallRequested":
            asked[key] = question(tick["call"], [[turn["role"], turn["text"]] for turn in tick["request"]["chat"]])
        elif kind == "CallEnded":
            replied.append(asked[key])
    return replied


def cut_and_resume(worker: Worker, server: Counting, uncut: Uncut, folder: Path, **cut: Any) -> bool:
    """One kill, one resumption in a fresh process, all checks; whether the kill came in time."""
    folder.mkdir()
    name = folder.name
    killed = worker.order(folder=str(folder), url=server.url(f"{name}-cut"), resume=False, **cut)
    assert killed["exit"] in (-9, 0)
    bought = recorded(folder)
    resumed = worker.order(folder=str(folder), url=server.url(f"{name}-resumed"), resume=True)
    assert resumed["exit"] == 0
    found = outcome(folder)
    if "refused" in found:  # it was killed before the goal was recorded: nothing was bought
        assert server.asked[f"{name}-cut"] == bought == []
        return True
    assert found == uncut.outcome
    again = server.asked[f"{name}-resumed"]
    assert not set(again) & set(bought), "a recorded reply was bought again"
    assert sorted(bought + again) == sorted(uncut.asked)
    return bool(killed["exit"] == -9)


def in_parallel(workers: list[Worker], cuts: list[Callable[[Worker], bool]]) -> list[bool]:
    """Share the cuts among the workers."""

    def share(number: int) -> list[bool]:
        return [cut(workers[number]) for cut in cuts[number :: len(workers)]]

    with ThreadPoolExecutor(len(workers)) as pool:
        return [each for shared in pool.map(share, range(len(workers))) for each in shared]


def test_each_question_of_the_uncut_run_is_asked_once(uncut: Uncut) -> None:
    assert uncut.outcome["status"] == "done"
    assert len(set(uncut.asked)) == len(uncut.asked) > 10


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_write_in_turn(workers: list[Worker], server: Counting, uncut: Uncut, tmp_path: Path, after: bool) -> None:
    def cut_at(number: int) -> Callable[[Worker], bool]:
        folder = tmp_path / f"{'after' if after else 'before'}-{number}"
        return lambda worker: cut_and_resume(worker, server, uncut, folder, at_write=number, after=after)

    came = in_parallel(workers, [cut_at(number) for number in range(1, uncut.records + 1)])
    assert sum(came) >= 30  # the records of one batch are one write


def test_killed_at_random_instants(workers: list[Worker], server: Counting, uncut: Uncut, tmp_path: Path) -> None:
    chance = random.Random(20)

    def cut_after(number: int) -> Callable[[Worker], bool]:
        seconds, folder = chance.uniform(0, uncut.seconds), tmp_path / f"instant-{number}"
        return lambda worker: cut_and_resume(worker, server, uncut, folder, after_s=seconds)

    came = in_parallel(workers, [cut_after(number) for number in range(INSTANTS)])
    assert sum(came) > INSTANTS / 4
