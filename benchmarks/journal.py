"""A journaled hop: the hop of `hop`, durable before the next one starts, so that `kill -9` loses nothing acknowledged."""

# The peers live in environments of their own: what they export cannot be checked here.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"

import asyncio
import sqlite3
import tempfile
from pathlib import Path
from typing import TypedDict

from benchmarks.probe import Contender, Figure, Figures, Row, measured_async, run_script

WARM_UP = 50


def floor(num_hops: int) -> Figures:
    from pydantic import BaseModel, ConfigDict

    class Ball(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        left: int

    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "journal.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")

        async def role(heard: asyncio.Queue[Ball], said: asyncio.Queue[Ball]) -> None:
            while (ball := await heard.get()).left > 0:
                returned = Ball(left=ball.left - 1)
                database.execute("INSERT INTO records (body) VALUES (?)", (returned.model_dump_json(),))
                said.put_nowait(returned)
            said.put_nowait(Ball(left=-1))

        async def play(hops: int) -> None:
            ping: asyncio.Queue[Ball] = asyncio.Queue()
            pong: asyncio.Queue[Ball] = asyncio.Queue()
            ping.put_nowait(Ball(left=hops))
            await asyncio.gather(role(ping, pong), role(pong, ping))

        figures = measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))
        database.close()
    return figures


def ours(num_hops: int) -> Figures:
    from metagpt import Message, Role, SqliteJournal, Team, on

    class Ball(Message):
        left: int

    class Return(Message):
        left: int

    class Missed(Message):
        pass

    class Ping(Role):
        @on(Ball, limit=1_000_000)
        async def hit(self, ball: Ball) -> Return | Missed:
            return Return(left=ball.left - 1) if ball.left > 0 else Missed()

    class Pong(Role):
        @on(Return, limit=1_000_000)
        async def hit(self, ball: Return) -> Ball | Missed:
            return Ball(left=ball.left - 1) if ball.left > 0 else Missed()

    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "journal.db", durability="process")
        team = Team([Ping(), Pong()], start=Ball, final=Missed, journal=journal)

        async def play(hops: int) -> None:
            run = await team.run(Ball(left=hops))
            assert run.success, run

        figures = measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))
        journal.close()
    return figures


class _Court(TypedDict):
    left: int


def langgraph(num_hops: int) -> Figures:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from langgraph.graph import END, START, StateGraph

    async def hit(court: _Court) -> _Court:
        return {"left": court["left"] - 1}

    graph = StateGraph(_Court)
    graph.add_node("ping", hit)
    graph.add_node("pong", hit)
    graph.add_edge(START, "ping")
    graph.add_conditional_edges("ping", lambda court: "pong" if court["left"] > 0 else END, ["pong", END])
    graph.add_conditional_edges("pong", lambda court: "ping" if court["left"] > 0 else END, ["ping", END])

    async def play(hops: int) -> None:
        async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "checkpoints.db")) as saver:
            await saver.setup()
            await saver.conn.execute("PRAGMA synchronous = NORMAL")
            config = {"configurable": {"thread_id": str(hops)}, "recursion_limit": hops + 10}
            await graph.compile(checkpointer=saver).ainvoke({"left": hops}, config, durability="sync")

    with tempfile.TemporaryDirectory() as folder:
        return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops - 1))


ROW = Row(
    name="journal",
    title="Journaled hop, safe against kill -9",
    unit_of_work="hops",
    size=5_000,
    quick=100,
    figures=(Figure(key="cpu", unit="µs CPU", scale=1e6, aim=80.0), Figure(key="wall", unit="µs wall", scale=1e6)),
    contenders={
        "floor": Contender(measure=floor, what="the plain hop and one committed sqlite3 INSERT (WAL, synchronous NORMAL)"),
        "metagpt": Contender(measure=ours, what="SqliteJournal, durability='process' (WAL, synchronous NORMAL)"),
        "langgraph": Contender(measure=langgraph, what="AsyncSqliteSaver, durability='sync' (WAL, synchronous NORMAL)", share=0.1),
    },
    left_out={
        "autogen": "has no journal",
        "llamaindex": "a durable store comes with its HTTP server only",
        "agno": "saves a session at the end of a run, not at every step",
    },
)

if __name__ == "__main__":
    run_script(ROW)
