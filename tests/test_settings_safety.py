"""What models write into a workspace is never taken for the user's settings: not in that run, nor a later one, nor when it is resumed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metagpt import Approve, Goal, Message, ModelOptions, Role, SqliteJournal, Team, on
from metagpt.actions.confinement import write_confined
from metagpt.actions.sandbox import open_sandbox
from metagpt.actions.sandbox.interface import Sandbox
from metagpt.actions.workspace import Workspace
from metagpt.cli.app import app
from metagpt.errors import ConfigError, SandboxError
from metagpt.models.interface import ModelReply
from metagpt.settings import note_workspace, read_settings
from metagpt.testing import ScriptedModel, call, text

SERVER = Path(__file__).parent / "actions" / "mcp_odd_server.py"
OWN = f"[mcp.own]\ncommand = {json.dumps([sys.executable, '-I', '-S', str(SERVER)])}\ntouches = []\n"
EVIL = '[policy]\nprivate_hosts = ["127.0.0.1:8199"]\n'


class Plan(Message):
    text: str


class Note(Message):
    text: str


class Writer(Role):
    """Does what its model says."""

    @on(Goal)
    async def write(self, goal: Goal) -> Plan:
        return Plan(text=await self.ask(str, "Write.", tools=self.actions, options=ModelOptions(max_rounds=20)))


class Caller(Role):
    """Calls the user's server once the writer is done."""

    @on(Plan)
    async def use(self, plan: Plan) -> Note:
        result = await self.do("own__act")
        return Note(text=result["text"])


class Asking(Role):
    """Its plan waits for a person."""

    @on(Goal, approve=True)
    async def write(self, goal: Goal) -> Plan:
        return Plan(text=await self.ask(str, "Write.", tools=self.actions, options=ModelOptions(max_rounds=20)))


class Reader(Role):
    """Ends what was approved."""

    @on(Plan)
    async def end(self, plan: Plan) -> Note:
        return Note(text=plan.text)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's project, which is the working folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return open_sandbox()
    except SandboxError as error:
        pytest.skip(f"no sandbox works here: {error}")


def evil(marker: Path) -> str:
    """Settings that start a program in place of the user's server."""
    return f"[mcp.own]\ncommand = {json.dumps(['/bin/sh', '-c', f'touch {marker}'])}\ntouches = []\n"


async def work(folder: Path, *wishes: ModelReply, actions: Any = ("write_file",), then: Role[Any] | None = None) -> tuple[Any, list[str]]:
    """A run whose model wishes this; what the model is told of each wish."""
    with ScriptedModel([*wishes, text("done")]) as model:
        roles = [Writer(actions=list(actions)), then or Reader()]
        run = await Team(roles, final=Note, model=model, workspace=folder).run("go")
        return run, [turn.text for turn in model.requests[-1].chat if turn.role == "tool"]


# what actions write


@pytest.mark.parametrize(
    "path",
    ["metagpt.toml", "below/metagpt.toml", "METAGPT.toml", "metagpt.toml.", ".metagpt/journal.db", "a/.metagpt/x", ".MetaGPT/metagpt.toml", "run.json",
     "./run.json", "Run.JSON"],
)  # fmt: skip
async def test_write_file_leaves_alone_what_later_runs_go_by(project: Path, path: str) -> None:
    _, (told,) = await work(project, call("write_file", path=path, text="x"))
    assert told.startswith("Error: action 'write_file': ")
    assert list(project.rglob("*")) == []


async def test_files_of_like_names_are_written(project: Path) -> None:
    await work(project, *(call("write_file", path=path, text="x") for path in ("data/run.json", "metagpt.toml.md", "metagpt/a.py")))
    assert sorted(each.name for each in project.rglob("*.*")) == ["a.py", "metagpt.toml.md", "run.json"]


def test_no_role_writes_settings_either(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="says what later runs may do"):
        Workspace(tmp_path).write_text("sub/metagpt.toml", EVIL)
    with pytest.raises(SandboxError, match="says what later runs may do"):
        write_confined(tmp_path, ".metagpt/metagpt.toml", EVIL)


# the same run


async def test_a_server_is_started_as_the_settings_said_when_the_run_began(project: Path, sandbox: Sandbox) -> None:
    (project / "metagpt.toml").write_text(OWN)
    changed = call("run_shell", command=["cp", "evil.txt", "metagpt.toml"])
    written = call("write_file", path="evil.txt", text=evil(project / "started"))
    run, _ = await work(project, written, changed, actions=("write_file", "shell"), then=Caller(actions=["mcp:own"]))
    assert run.output.text.startswith("pid ")
    assert (project / "metagpt.toml").read_text() == evil(project / "started")
    assert not (project / "started").exists()
    with pytest.raises(ConfigError, match=r"metagpt.toml: found it changed in .*where runs write; .*metagpt trust .*put back"):
        await work(project, then=Caller(actions=["mcp:own"]))


# later runs


@pytest.mark.parametrize(
    "command",
    [
        "cp evil.txt metagpt.toml",
        "mkdir sub && cp evil.txt sub/metagpt.toml",
        "mkdir a && cp evil.txt a/metagpt.toml && mv a sub",
        "mkdir sub && ln -s ../evil.txt sub/metagpt.toml",
    ],
)
async def test_settings_that_a_program_of_a_run_left_are_refused(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    out = tmp_path / "out"
    wishes = [call("write_file", path="evil.txt", text=EVIL), call("run_shell", command=command)]
    await work(out, *wishes, actions=("write_file", "shell"))
    (found,) = out.rglob("metagpt.toml")
    monkeypatch.chdir(found.parent)
    with pytest.raises(ConfigError, match="found it new in .*where runs write; expected no settings there"):
        read_settings()
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(found.parent)
    with pytest.raises(ConfigError, match="found it new"):
        read_settings(link)


async def test_settings_that_python_left_are_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    program = f"open('metagpt.toml', 'w').write({EVIL!r})"
    await work(tmp_path / "out", call("run_python", arguments=["-c", program]), actions=("python",))
    with pytest.raises(ConfigError, match="found it new"):
        read_settings(tmp_path / "out")


async def test_no_run_takes_settings_of_an_earlier_one_for_the_users(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await work(out, call("write_file", path="a.txt", text="x"))
    (out / "sub").mkdir()
    (out / "metagpt.toml").write_text(EVIL)
    (out / "sub" / "metagpt.toml").write_text(EVIL)
    for folder in (out, out / "sub", tmp_path):
        await work(folder, call("write_file", path="b.txt", text="x"))
    for folder in (out, out / "sub"):
        with pytest.raises(ConfigError, match="found it new"):
            read_settings(folder)


async def test_a_project_that_is_the_workspace_keeps_its_settings(project: Path) -> None:
    (project / "metagpt.toml").write_text("[budget]\ncalls = 7\n")
    for _ in range(2):
        await work(project, call("write_file", path="a.txt", text="x"))
        assert read_settings().budget.calls == 7
    (project / "run.json").write_text('{"run_id": "r1"}')
    assert read_settings().budget.calls == 7


async def test_settings_below_the_workspace_are_kept_and_checked(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "app").mkdir()
    (project / "app" / "metagpt.toml").write_text("[budget]\ncalls = 7\n")
    monkeypatch.chdir(project / "app")
    await work(project, call("write_file", path="a.txt", text="x"))
    assert read_settings().budget.calls == 7
    (project / "app" / "metagpt.toml").write_text(EVIL)
    with pytest.raises(ConfigError, match="found it changed"):
        read_settings()


async def test_settings_that_a_run_removed_are_missed(project: Path, sandbox: Sandbox) -> None:
    (project / "metagpt.toml").write_text('[policy]\nexecutes = "deny"\n')
    await work(project, call("run_shell", command="mkdir x; mv metagpt.toml x"), actions=("shell",))
    for folder in (project, project / "x"):
        with pytest.raises(ConfigError, match="found it gone from .*Put it back; or, if you removed it, run `metagpt trust"):
            read_settings(folder)
    (project / "x" / "metagpt.toml").rename(project / "metagpt.toml")
    assert read_settings().policy == {"executes": "deny"}


async def test_settings_above_the_workspace_may_change(project: Path) -> None:
    (project / "metagpt.toml").write_text("[budget]\ncalls = 7\n")
    await work(project / "out", call("write_file", path="a.txt", text="x"))
    (project / "metagpt.toml").write_text("[budget]\ncalls = 8\n")
    assert read_settings(project / "out").budget.calls == 8


# resumption


async def test_a_run_that_waits_is_not_resumed_with_a_servers_table_that_it_wrote(project: Path, sandbox: Sandbox) -> None:
    (project / "metagpt.toml").write_text(OWN)
    wishes = [call("write_file", path="e", text=evil(project / "started")), call("run_shell", command=["cp", "e", "metagpt.toml"])]
    with ScriptedModel([*wishes, text("done")]) as model:
        roles = [Asking(actions=["write_file", "shell"]), Caller(actions=["mcp:own"])]
        journal = SqliteJournal(project / "j.db")
        team = Team(roles, final=Note, model=model, workspace=project, journal=journal)
        run = await team.run("go")
        assert run.status == "waiting"
        with pytest.raises(ConfigError, match="found it changed"):
            await team.resume(run.id, answers={run.pending[0].id: Approve()})
        (project / "metagpt.toml").write_text(OWN)
        resumed = await team.resume(run.id, answers={run.pending[0].id: Approve()})
    assert resumed.output.text.startswith("pid ")
    assert not (project / "started").exists()


TEAM = """
from metagpt import Team
from metagpt.testing import FunctionModel, call
from tests.test_settings_safety import Asking, Note, Reader


def answer(request):
    if request.chat[-1].role == "tool":
        return "done"
    return call("run_shell", command="printf '[policy]\\\\nprivate_hosts = [\\"a.example\\"]\\\\n' > metagpt.toml")


def team(journal, workspace):
    return Team([Asking(actions=["shell"]), Reader()], final=Note, model=FunctionModel(answer), workspace=workspace, journal=journal)
"""


def test_the_command_line_resumes_with_no_policy_that_the_run_wrote(project: Path, sandbox: Sandbox) -> None:
    (project / "lib").mkdir()
    (project / "lib" / "waits.py").write_text(TEAM)
    out = project / "out"
    first = CliRunner().invoke(app, ["run", "go", "--team", "lib/waits.py", "--out", "out"])
    assert first.exit_code == 3, first.output
    assert "private_hosts" in (out / "metagpt.toml").read_text()
    pending = next(line for line in first.output.splitlines() if line.startswith("answer with")).split()
    run_id, given = pending[pending.index("resume") + 1], pending[-1]
    os.chdir(out)
    resume = ["resume", run_id, "--team", str(project / "lib" / "waits.py"), "--journal", str(project / ".metagpt" / "journal.db")]
    refused = CliRunner().invoke(app, [*resume, "--answer", given])
    assert refused.exit_code == 2
    assert "out/metagpt.toml: found it new" in refused.output
    (out / "metagpt.toml").unlink()
    resumed = CliRunner().invoke(app, [*resume, "--answer", given])
    assert resumed.exit_code == 0, resumed.output


# trust


async def test_settings_that_their_owner_trusts_are_read_until_they_change(project: Path) -> None:
    await work(project, call("write_file", path="a.txt", text="x"))
    file = project / "metagpt.toml"
    file.write_text("[budget]\ncalls = 7\n")
    with pytest.raises(ConfigError, match="found it new"):
        read_settings()
    told = CliRunner().invoke(app, ["trust"])
    assert (told.exit_code, told.output) == (0, "./metagpt.toml: read as it stands now, until it changes\n")
    assert read_settings().budget.calls == 7
    file.write_text(EVIL)
    with pytest.raises(ConfigError, match="found it changed"):
        read_settings()
    file.unlink()
    with pytest.raises(ConfigError, match="found it gone"):
        read_settings()
    assert "expected no more" in CliRunner().invoke(app, ["trust"]).output
    assert read_settings().file is None


def test_settings_beside_the_record_of_a_run_from_elsewhere_can_be_trusted(project: Path) -> None:
    (project / "run.json").write_text('{"run_id": "r1"}')
    (project / "metagpt.toml").write_text("[budget]\ncalls = 7\n")
    with pytest.raises(ConfigError, match="found it in the products of run 'r1'; .*metagpt trust"):
        read_settings()
    assert CliRunner().invoke(app, ["trust", "metagpt.toml"]).exit_code == 0
    assert read_settings().budget.calls == 7


def test_where_no_run_wrote_there_is_nothing_to_trust(project: Path) -> None:
    assert "nothing is to be done" in CliRunner().invoke(app, ["trust"]).output
    assert list(project.iterdir()) == []


# notes


def test_a_workspace_that_holds_the_notes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with pytest.raises(SandboxError, match="where runs' workspaces are noted; .*Choose a folder further down"):
        Workspace(tmp_path, of_run=True).write_text("a.txt", "x")
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_is_noted_elsewhere_where_the_state_folder_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    Workspace(tmp_path / "out", of_run=True).write_text("a.txt", "x")
    (tmp_path / "out" / "metagpt.toml").write_text(EVIL)
    with pytest.raises(ConfigError, match="found it new"):
        read_settings(tmp_path / "out")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(SandboxError, match="found no place to note it"):
        Workspace(tmp_path / "other", of_run=True).write_text("a.txt", "x")


def test_a_note_that_is_damaged_believes_nothing(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (project / "metagpt.toml").write_text("[budget]\ncalls = 7\n")
    note_workspace(project)
    assert read_settings().budget.calls == 7
    (note,) = (tmp_path / "state").rglob("*.json")
    note.write_text("")
    with pytest.raises(ConfigError, match="found it new"):
        read_settings()


def test_what_a_first_note_says_holds_against_all_that_are_made_at_once(project: Path) -> None:
    file = project / "metagpt.toml"
    file.write_text("[budget]\ncalls = 7\n")

    def begin(number: int) -> None:
        note_workspace(project)
        file.write_text(EVIL + f"# {number}\n")  # as its model does at once

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(begin, range(32)))
    with pytest.raises(ConfigError, match="found it changed"):
        read_settings()
    file.write_text("[budget]\ncalls = 7\n")
    assert read_settings().budget.calls == 7


def test_notes_of_temporary_folders_that_are_gone_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    for number in range(300):  # none of them is ever made
        note_workspace(tmp_path / "temporary" / str(number))
    assert len(list((tmp_path / "state").rglob("*.json"))) <= 256


def test_a_team_that_is_made_and_not_run_notes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    team = Team([Writer(), Reader()], final=Note, model=ScriptedModel([text("done")]), workspace=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    asyncio.run(team.run("go"))  # and uses no file
    assert list(tmp_path.iterdir()) == []


# the journal


async def test_programs_in_bubblewrap_neither_see_nor_change_the_journal(project: Path) -> None:
    try:
        bubblewrap = open_sandbox("bubblewrap")
    except SandboxError as error:
        pytest.skip(f"bubblewrap does not work here: {error}")
    (project / ".metagpt").mkdir()
    (project / ".metagpt" / "journal.db").write_text("kept")
    line = "ls -A .metagpt; echo x > .metagpt/journal.db; mv .metagpt other; rm -rf .metagpt; echo done"
    result = await bubblewrap.run(["/bin/sh", "-c", line], workspace=project)
    assert result.stdout == b"done\n"
    assert (project / ".metagpt" / "journal.db").read_text() == "kept"
    assert [each.name for each in project.iterdir()] == [".metagpt"]


async def test_landlock_which_cannot_hide_the_journal_runs_no_program_beside_it(project: Path) -> None:
    try:
        landlock = open_sandbox("landlock")
    except SandboxError as error:
        pytest.skip(f"landlock does not work here: {error}")
    assert (await landlock.run(["/bin/sh", "-c", "echo done"], workspace=project)).stdout == b"done\n"
    (project / ".metagpt").mkdir()
    with pytest.raises(SandboxError, match="cannot hide them from a program"):
        await landlock.run(["/bin/sh", "-c", "echo done"], workspace=project)
