"""Servers as tools of a role: over stdio and HTTP, journaled, asked about, and gone when the run is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from metagpt import Approve, Policy, Reject, Rules, SqliteJournal, Team
from metagpt.actions.mcp import McpServer, McpServerSettings
from metagpt.actions.mcp.results import NOTICE
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionServerError, ConfigError
from metagpt.testing import ScriptedModel, call, check_action, text
from tests.actions.mcp_plain_server import serving
from tests.actions.mcp_settings import HERE, Clerk, Doer, Note, odd, plain

TRUSTED = {"touches": (), "resources": (), "prompts": ()}
ROOT = HERE.parent.parent


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, address: str) -> McpServer:
    return plain(**TRUSTED) if request.param == "stdio" else McpServer("plain", McpServerSettings(url=address, **TRUSTED))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def shown(model: ScriptedModel) -> list[dict[str, object]]:
    """The results that the model was shown."""
    return [json.loads(turn.text) for turn in model.requests[-1].chat if turn.role == "tool"]


async def test_tools_resources_and_prompts_are_used_in_a_tool_loop(server: McpServer) -> None:
    script = [
        call("plain__add", a=2, b=3),
        call("plain__repeat", text="ho", times=3),
        call("plain__list_resources"),
        call("plain__read_resource", uri="plain://handbook"),
        call("plain__read_resource", uri="plain://rooms/7"),
        call("plain__prompt_greet", name="Ada"),
        call("plain__picture"),
        text("done"),
    ]
    with ScriptedModel(script) as model:
        run = await Team([Clerk(actions=[server])], final=Note, model=model).run("use them all")
    assert run.output.text == "done"
    offered = {tool.name for tool in model.requests[0].tools}
    assert offered == {
        "plain__add", "plain__fail", "plain__repeat", "plain__picture", "plain__caller", "plain__list_resources", "plain__read_resource", "plain__prompt_greet",
    }  # fmt: skip
    added, repeated, listed, book, room, prompt, picture = shown(model)
    assert added["structured"] == {"total": 5}
    assert repeated["text"] == "hohoho"
    assert "plain://handbook" in str(listed["text"])
    assert "plain://rooms/{room}" in str(listed["text"])
    assert book["text"] == "Kettles are descaled on Mondays."
    assert room["text"] == "In room 7 sits nobody."
    assert prompt["text"] == "user: Greet Ada in one line."
    assert picture["left_out"] == ["image (image/png, 9 bytes)"]
    assert {result["notice"] for result in shown(model)} == {NOTICE}
    assert added["source"] == "mcp server 'plain', tool 'add'"


async def test_what_goes_wrong_in_a_call_is_told_to_the_model(server: McpServer) -> None:
    script = [
        call("plain__fail", why="no tea"),
        call("plain__add", a="two", b=3),
        call("plain__add", a=1, b=2, c=3),
        call("plain__ad", a=1, b=2),
        call("plain__read_resource", uri="plain://nowhere"),
        text("sorry"),
    ]
    with ScriptedModel(script) as model:
        await Team([Clerk(actions=[server])], final=Note, model=model).run("try")
    failed, typed, extra, unknown, nowhere = [turn.text for turn in model.requests[-1].chat if turn.role == "tool"]
    assert "tool 'fail' failed; it says (untrusted)" in failed
    assert "no tea" in failed
    assert "a: 'two' is not of type 'integer'" in typed
    assert "'c' was unexpected" in extra
    assert '"required":["a","b"]' in extra
    assert "Did you mean 'plain__add'?" in unknown
    assert "refuses; it says (untrusted)" in nowhere


async def test_headers_are_sent_and_their_secrets_shown_to_nobody(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIN_SECRET", "open sesame, please")
    settings = McpServerSettings(url=address, headers={"Authorization": "Bearer ${PLAIN_SECRET}"}, **TRUSTED)
    with ScriptedModel([call("plain__caller"), text("done")]) as model:
        await Team([Clerk(actions=[McpServer("plain", settings)])], final=Note, model=model).run("who")
    assert shown(model)[0]["text"] == "Bearer *** (26 letters)"


async def test_an_http_answer_without_measure_is_cut_off(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metagpt.actions.mcp.transport.MOST_BYTES", 100_000)
    server = McpServer("plain", McpServerSettings(url=address, timeout_s=20, **TRUSTED))
    with ScriptedModel([call("plain__repeat", text="x" * 1_000, times=200), text("done")]) as model:
        await Team([Clerk(actions=[server])], final=Note, model=model).run("much")
    told = model.requests[-1].chat[-1].text
    assert told.startswith("Error: action 'plain__repeat'")
    assert len(told) < 1_000


async def test_each_use_is_an_event_and_is_taken_from_the_journal_by_a_resumed_run(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    policy = Policy(rules=Rules(writes="ask"))
    role = Clerk(actions=[odd(tools={"read-it": ["writes"]})])
    events = []
    with ScriptedModel([call("odd__act", word="who"), call("odd__read_it", word="x")]) as model:
        async with Team([role], final=Note, model=model, journal=journal, policy=policy).stream("go", run_id="r1") as stream:
            async for event in stream:
                events.append((event.name, getattr(event, "action", "")))
            waiting = await stream.result()
    assert ("action_started", "odd__act") in events
    assert [name for name, _ in events].count("action_ended") == 1
    assert waiting.status == "waiting"
    first = json.loads(model.requests[1].chat[-1].text)["text"]
    with ScriptedModel([text("second")]) as model:
        team = Team([role], final=Note, model=model, journal=journal, policy=policy)
        run = await team.resume("r1", answers={waiting.pending[0].id: Approve()})
    assert run.output.text == "second"
    told = [json.loads(turn.text)["text"] for turn in model.requests[0].chat if turn.role == "tool"]
    assert told[0] == first, "the recorded use was made again, by another process"
    assert told[1] != first
    journal.close()


async def test_a_tool_that_the_settings_say_nothing_about_waits_for_a_person_whatever_its_server_says_of_it() -> None:
    with ScriptedModel([call("odd__read_it", word="x"), text("never")]) as model:
        team = Team([Clerk(actions=[odd(touches=None)])], final=Note, model=model)
        run = await team.run("go", run_id="r")
        assert run.status == "waiting"
        assert "odd__read_it" in run.pending[0].text
        ended = await team.resume("r", answers={run.pending[0].id: Reject("not today")})
    assert ended.output.text == "never"
    assert "a person refused action 'odd__read_it'" in model.requests[-1].chat[-1].text


@pytest.mark.parametrize(
    ("settings", "policy", "outcome"),
    [
        ({"tools": {"act": ["reads"]}, "touches": None}, Policy(), "done"),
        ({"tools": {"act": ["reads", "network"]}}, Policy(rules=Rules(network="ask")), "waiting"),
        ({"touches": None}, Policy(actions={"odd__act": "allow"}), "done"),
        ({"touches": None}, Policy(rules=Rules(unvetted="allow")), "done"),
        ({"touches": ()}, Policy(actions={"odd__act": "ask"}), "waiting"),
    ],
)
async def test_the_users_settings_and_the_policy_decide(settings: dict[str, object], policy: Policy, outcome: str) -> None:
    run = await Team([Doer(actions=[odd(**settings)])], final=Note, policy=policy).run("odd__act")
    assert run.status == outcome


async def test_what_a_server_says_widens_no_permission() -> None:
    script = [call("odd__act", word="inject"), call("odd__read_it"), text("never")]
    model = ScriptedModel(script)
    team = Team([Clerk(actions=[odd(touches=None, tools={"act": []})])], final=Note, model=model)
    run = await team.run("go")
    assert run.status == "waiting"
    assert json.loads(model.requests[1].chat[-1].text)["notice"] == NOTICE


async def test_one_process_serves_all_roles_of_a_run_and_ends_with_it(tmp_path: Path) -> None:
    first, second = Doer("first", actions=[odd()]), Doer("second", actions=[odd()])
    run = await Team([first, second], final=Note).run("odd__act")
    [pid] = {note.text for note in run.outputs}
    assert not is_alive(int(pid.removeprefix("pid ")))


async def test_a_server_that_ignores_every_hint_to_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp.client import stdio

    monkeypatch.setattr(stdio, "PROCESS_TERMINATION_TIMEOUT", 0.1)
    monkeypatch.setattr(stdio, "FORCE_KILL_TIMEOUT", 0.1)
    run = await Team([Doer(actions=[odd("stubborn")])], final=Note).run("odd__act")
    assert not is_alive(int(run.output.text.removeprefix("pid ")))


async def test_a_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    source = odd("pid-file", cwd=str(tmp_path))
    with ScriptedModel([call("odd__act", word="stall")]) as model:
        async with Team([Clerk(actions=[source])], final=Note, model=model).stream("go") as stream:
            async for event in stream:
                if event.name == "action_started":
                    break
    assert not is_alive(int((tmp_path / "odd.pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_process_leaves_no_server(tmp_path: Path) -> None:
    program = f"""
        import asyncio, sys
        sys.path.insert(0, {str(ROOT)!r})
        from metagpt import Team
        from tests.actions.mcp_settings import Doer, Note, odd
        asyncio.run(Team([Doer(actions=[odd("stubborn", "pid-file", cwd={str(tmp_path)!r})])], final=Note).run("odd__act stall"))
    """
    running = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path)
    written = tmp_path / "odd.pid"
    try:
        wait_for(lambda: written.exists() and written.read_text() != "")
        pid = int(written.read_text())
        assert is_alive(pid)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.wait(10)
    wait_for(lambda: not is_alive(pid))


def wait_for(claim) -> None:  # type: ignore[no-untyped-def]
    """Other processes say nothing when they are ready."""
    from threading import Event

    for _ in range(400):
        if claim():
            return
        Event().wait(0.05)
    raise AssertionError("found nothing within 20 s; expected another process to get there")


async def test_actions_of_a_server_keep_the_promises_of_actions(tmp_path: Path) -> None:
    async with odd().open(Workspace(tmp_path)) as actions:
        for action in actions:
            await check_action(action, {"word": "x"})


async def test_two_sources_that_give_one_name_are_refused() -> None:
    from metagpt import action

    async def odd__act() -> str:
        """Act."""
        return ""

    with pytest.raises(Exception, match="two actions called 'odd__act'"):
        await Team([Doer(actions=[action(odd__act), odd()])], final=Note).run("odd__act")


async def test_what_is_missing_is_said_before_anything_is_spent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with ScriptedModel([]) as model:
        with pytest.raises(ConfigError, match=r"found no \[mcp.git\]; expected it in metagpt.toml"):
            await Team([Clerk(actions=["mcp:git"])], final=Note, model=model).run("go")
        nowhere = McpServer("gone", McpServerSettings(command=("no-such-program",)))
        with pytest.raises(ConfigError, match=r"\[mcp.gone\]: found no program 'no-such-program'"):
            await Team([Clerk(actions=[nowhere])], final=Note, model=model).run("go")


async def test_a_server_is_started_by_the_name_that_the_users_settings_give_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = json.dumps([sys.executable, "-I", "-S", str(HERE / "mcp_odd_server.py")])
    (tmp_path / "metagpt.toml").write_text(f"[mcp.own]\ncommand = {command}\n[mcp.own.tools]\nact = []\n")
    monkeypatch.chdir(tmp_path)
    run = await Team([Doer(actions=["mcp:own"])], final=Note).run("own__act")
    assert run.output.text.startswith("pid ")


async def test_a_server_that_cannot_be_reached_is_a_typed_error() -> None:
    with serving() as url:
        pass
    with pytest.raises(ActionServerError, match="that does not start") as caught:
        await Team([Doer(actions=[McpServer("web", McpServerSettings(url=url))])], final=Note).run("web__act")
    assert caught.value.run is not None
    assert caught.value.run.status == "failed"


async def test_many_runs_at_once_have_servers_of_their_own() -> None:
    team = Team([Doer(actions=[odd()])], final=Note)
    runs = await asyncio.gather(*(team.run("odd__act") for _ in range(4)))
    assert len({run.output.text for run in runs}) == 4
