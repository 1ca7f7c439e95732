"""The import of all that a team needs, over the bare interpreter; then the same up to the end of a first hop."""

import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks.probe import Contender, Figure, Figures, Row, run_script

SCRIPT = """
import time
from benchmarks.memory import rss_bytes
cpu, rss = time.process_time(), rss_bytes()
{imports}
figures = {{"cpu": time.process_time() - cpu, "rss": rss_bytes() - rss}}
from benchmarks import hop
hop.{contender}(1)
figures["first"] = time.process_time() - cpu
import json
print(json.dumps(figures))
"""

FLOOR = """
import asyncio, sqlite3
from pydantic import BaseModel, TypeAdapter
class Ball(BaseModel):
    left: int
"""
OURS = "from metagpt import Message, Role, SqliteJournal, Team, on"
AUTOGEN = "from autogen_core import MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TypeSubscription, message_handler"
LANGGRAPH = "from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver; from langgraph.graph import END, START, StateGraph"
LLAMAINDEX = "from workflows import Context, Workflow, step; from workflows.events import Event, StartEvent, StopEvent"
AGNO = "from agno.agent import Agent; from agno.team import Team; from agno.workflow import Step, Workflow"


def _imported(contender: str, imports: str) -> Callable[[int], Figures]:
    """Measured in an interpreter that has loaded nothing else."""

    def measure(size: int) -> Figures:
        script = SCRIPT.format(imports=imports, contender=contender)
        done = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True)
        figures: Figures = json.loads(done.stdout)
        return figures

    return measure


ROW = Row(
    name="imports",
    title="Import of all that a team needs",
    unit_of_work="import",
    size=1,
    quick=1,
    figures=(
        Figure(key="cpu", unit="ms CPU", scale=1e3, digits=0, aim=150.0),
        Figure(key="rss", unit="MB", scale=1e-6, aim=25.0),
        Figure(key="first", unit="ms CPU to the end of a first hop", scale=1e3, digits=0),
    ),
    contenders={
        "floor": Contender(measure=_imported("floor", FLOOR), what="asyncio, sqlite3, pydantic and one model class"),
        "metagpt": Contender(measure=_imported("ours", OURS), what="roles, teams, the SQLite journal"),
        "autogen": Contender(measure=_imported("autogen", AUTOGEN), what="agents and their runtime (it has no journal)"),
        "langgraph": Contender(measure=_imported("langgraph", LANGGRAPH), what="StateGraph and the SQLite checkpointer"),
        "llamaindex": Contender(measure=_imported("llamaindex", LLAMAINDEX), what="workflows (no agents, no journal)"),
        "agno": Contender(measure=_imported("agno", AGNO), what="agents, teams, workflows"),
    },
    left_out={},
)

if __name__ == "__main__":
    run_script(ROW)
