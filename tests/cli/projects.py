"""Teams in files for the command line, and running it as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from metagpt.cli.app import app

PITCHERS = '''
from metagpt import Goal, Message, Role, Team, on
from metagpt.models.interface import ModelProfile, Price
from metagpt.testing import FunctionModel


class Pitch(Message):
    text: str


class Review(Message):
    approved: bool
    notes: str = ""


class Writer(Role):
    """A copywriter."""

    @on(Goal)
    async def pitch(self, goal: Goal) -> Pitch:
        return await self.ask(Pitch, "Write a pitch for: {{ goal.text }}", goal=goal)

    @on(Review, when=lambda review: not review.approved, limit=2)
    async def revise(self, review: Review) -> Pitch:
        return await self.ask(Pitch, "Rewrite it: {{ review.notes }}", review=review)


class Critic(Role):
    """A critic."""

    @on(Pitch)
    async def review(self, pitch: Pitch) -> Review:
        return await self.ask(Review, "Review: {{ pitch.text }}", pitch=pitch)


def answer(request):
    prompt = request.chat[-1].text
    if request.call.startswith("critic"):
        return Review(approved="better" in prompt, notes="say more")
    return Pitch(text="a better pot" if "Rewrite" in prompt else "a pot of \\x1b[31mtea")


roles = [Writer(), Critic()]
team = Team(roles, final=Review, success=lambda review: review.approved, name="pitchers", model=FunctionModel(answer))
bare = Team([Writer(), Critic()], final=Review, success=lambda review: review.approved, name="bare")
free = Price(input=0, output=0)


def refuse(request):
    return Pitch(text="no") if "writer" in request.call else Review(approved=False)


never = team.with_(model=FunctionModel(refuse))
small = team.with_(model=FunctionModel(refuse, profile=ModelProfile(reference="embedded", price=free)))
broken = team.with_(model=FunctionModel(lambda request: "this is no pitch"))
number = 7
'''

APPROVED = '''
from metagpt import Goal, Message, Role, Team, on
from metagpt.testing import FunctionModel


class Draft(Message):
    text: str


class Post(Message):
    text: str


class Writer(Role):
    """A writer."""

    @on(Goal, approve=True)
    async def draft(self, goal: Goal) -> Draft:
        return Draft(text=" ".join(["about", goal.text, self.feedback or ""]).strip())

    @on(Draft)
    async def post(self, draft: Draft) -> Post:
        return Post(text=draft.text)


def team(journal, workspace=None):
    return Team([Writer()], final=Post, journal=journal, workspace=workspace, model=FunctionModel(lambda request: "unused"))
'''

HANGING = '''
import asyncio
from pathlib import Path

from metagpt import Goal, Message, Role, Team, on
from metagpt.testing import FunctionModel


class Half(Message):
    text: str


class Whole(Message):
    text: str


class First(Role):
    """Works at once."""

    @on(Goal)
    async def begin(self, goal: Goal) -> Half:
        with Path("asked").open("a") as file:
            file.write("x")
        return Half(text=await self.ask(str, "begin", goal=goal))


class Second(Role):
    """Hangs until a file called go is there."""

    @on(Half)
    async def finish(self, half: Half) -> Whole:
        print("it hangs", flush=True)
        while not Path("go").exists():
            await asyncio.sleep(0.05)
        return Whole(text=half.text)


team = Team([First(), Second()], final=Whole, model=FunctionModel(lambda request: "one"), name="hanging")
'''

WRITING = '''
import json

from metagpt import Goal, Message, Role, Team, on
from metagpt.testing import FunctionModel


class Done(Message):
    text: str


class Scribe(Role):
    """Leaves files."""

    @on(Goal)
    async def write(self, goal: Goal) -> Done:
        self.workspace.write_text("main.py", "print(1)")
        self.workspace.write_text("run.json", json.dumps({"goal": goal.text, "verdict": {"passed": True}, "entry": {"file": "main.py"}}))
        return Done(text=await self.ask(str, "say", goal=goal))


def team(*, sandbox="auto", **keywords):
    return Team([Scribe()], final=Done, name=f"scribes-{sandbox}", model=FunctionModel(lambda request: "done"), **keywords)
'''


def write(folder: Path, **files: str) -> None:
    """Put Python files there: `write(tmp_path, team=PITCHERS)` makes team.py."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def invoke(*arguments: str, input: str | None = None) -> Result:
    """The command line in this process; for what needs no signals and no terminal."""
    return CliRunner().invoke(app, list(arguments), input=input)


def spawn(*arguments: str, cwd: Path, **environ: str) -> subprocess.Popen[str]:
    """The command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from metagpt.cli import main; main()", *arguments],
        cwd=cwd,
        env={**_environ(), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_program(*arguments: str, cwd: Path, **environ: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    process = spawn(*arguments, cwd=cwd, **environ)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "METAGPT_"))}


def runs() -> list[dict[str, Any]]:
    """What `metagpt runs --json` lists in the working folder."""
    return [json.loads(line) for line in invoke("runs", "--json").stdout.splitlines()]


def shown(run: str, *flags: str) -> dict[str, Any]:
    """What `metagpt show RUN --json` says."""
    told: dict[str, Any] = json.loads(invoke("show", run, "--json", *flags).stdout)
    return told
