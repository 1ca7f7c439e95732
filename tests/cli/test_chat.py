"""`metagpt chat`: many turns with a role or a team, kept in the journal."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from metagpt import Goal, Role, SqliteJournal, Team, WindowMemory
from metagpt import events as ev
from metagpt.cli.chat_display import ReplyDisplay
from metagpt.cli.chat_partner import Said, Talker, find_partner, partner_team
from metagpt.errors import ConfigError, TeamError
from metagpt.testing import FunctionModel
from tests.cli.projects import APPROVED, write
from tests.cli.terminals import END, INTERRUPT, at_terminal

POETS = '''
import asyncio
from pathlib import Path

from metagpt import Goal, Message, Role, Team, action, on
from metagpt.models.interface import ModelProfile
from metagpt.testing import FunctionModel, ScriptedModel, call, text


class Verse(Message):
    text: str


class Bound(Message):
    verse: str
    pages: int


class Poet(Role):
    """You are a poet."""

    @on(Goal)
    async def write(self, goal: Goal) -> Verse:
        return Verse(text=await self.ask(str, "Write of {{ goal.text }}", goal=goal))


class Binder(Role):
    """You bind books."""

    @on(Verse)
    async def bind(self, verse: Verse) -> Bound:
        return Bound(verse=verse.text, pages=1)


def answer(request):
    said = [turn.text for turn in request.chat if turn.role == "user"]
    if "fail" in said[-1]:
        return ValueError("no ink")
    return f"{request.chat[0].text} You said {' and '.join(said)}."


async def slowly(request):
    if "slow" in request.chat[-1].text:
        print("it hangs", flush=True)
        await asyncio.Event().wait()
    return "quick"


@action(executes=True)
async def shout(what: str) -> str:
    """Shout."""
    Path("shouted").write_text(what)
    return what.upper()


poet = Poet(model=FunctionModel(answer))
slow = Poet(model=FunctionModel(slowly))
scripted = Poet(model=ScriptedModel([text("one"), text("two")]), actions=[shout])
loud = Poet(model=ScriptedModel([call("shout", what="hey"), text("done")]), actions=[shout])
compact = Poet(model=FunctionModel(answer, profile=ModelProfile(reference="small", prompt_format="compact", calls=("poet.write",))))
team = Team([Poet(), Binder()], final=Bound, model=FunctionModel(answer), name="binders")
'''

DOWN = """

async def down(request):
    raise ModelUnavailableError("m: nobody is there; expected a server. Start it.")


poet = Poet(model=FunctionModel(down))
"""


def chatting(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """A chat as a process of its own, its lines piped in."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "METAGPT_"))}
    program = [sys.executable, "-c", "from metagpt.cli import main; main()", "chat", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(program, cwd=cwd, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def chat(lines: str, *arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    process = chatting(*arguments, cwd=cwd)
    out, err = process.communicate(lines, timeout=120)
    return process.returncode, out, err


def test_a_role_answers_as_its_persona_and_remembers_in_this_process_and_the_next(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    status, out, err = chat("tea\ncups\n", "team.py:poet", "--session", "s", cwd=tmp_path)
    assert (status, out) == (0, "You are a poet. You said tea.\nYou are a poet. You said tea and cups.\n")
    assert "model function" in err
    assert "session s" in err
    status, out, err = chat("pots\n", "team.py:poet", "--session", "s", cwd=tmp_path)
    assert (status, out) == (0, "You are a poet. You said tea and cups and pots.\n")
    assert "2 turns so far" in err
    _, out, err = chat("pots\n", "team.py:poet", cwd=tmp_path)  # another session, with a name of its own
    assert out == "You are a poet. You said pots.\n"
    assert "session chat-" in err


def test_history_is_read_from_the_journal_and_a_scripted_model_will_do(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    chat("tea\ncups\n", "team.py:scripted", "--session", "s", cwd=tmp_path)
    status, out, _ = chat("/history\n/history 1\n/history x\n", "team.py:scripted", "--session", "s", cwd=tmp_path)
    assert (status, out.splitlines()[:6]) == (0, ["> tea", "one", "> cups", "two", "> cups", "two"])
    assert "expected a number of turns" in out


def test_a_team_takes_every_line_as_a_goal_and_its_roles_remember(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    status, out, err = chat("tea\ncups\n", "team.py:team", cwd=tmp_path)
    assert status == 0
    first, second = "You are a poet. You said Write of tea.", "You are a poet. You said Write of tea and Write of cups."
    assert out == f"Bound:\n  verse: {first}\n  pages: 1\nBound:\n  verse: {second}\n  pages: 1\n"
    assert "poet -> Verse" in err
    assert "binder -> Bound" not in err  # it is the reply


def test_commands_models_sessions_and_long_lines(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    lines = "a\\\nb\n//c\n/help\n/hlep\n/model\n/model nonsense:x\n/session other\nd\n/session\n/exit\nnever\n"
    status, out, _ = chat(lines, "team.py:poet", "--session", "s", cwd=tmp_path)
    assert status == 0
    assert "You said a\nb.\nYou are a poet. You said a\nb and /c.\n" in out
    assert "/history [N]" in out
    assert "There is no /hlep. Did you mean 'help'?" in out
    assert "model function\n" in out
    assert "found no models plugin 'nonsense'" in out
    assert "session other, 0 turns\nYou are a poet. You said d.\nsession other, 1 turn\n" in out
    assert "never" not in out


def test_a_reply_that_fails_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    status, out, err = chat("fail\ntea\n", "team.py:poet", cwd=tmp_path)
    assert (status, out) == (1, "You are a poet. You said tea.\n")
    assert "no ink" in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_stops_the_reply_and_not_the_chat(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    process = chatting("team.py:slow", "--session", "s", cwd=tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("slow\n")
    process.stdin.flush()
    assert process.stdout.readline() == "it hangs\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate("tea\n", timeout=60)
    assert out == "quick\n"
    assert "stopped; this turn is not remembered" in err
    assert "Traceback" not in err
    assert process.returncode == 1  # one of the replies did not come


def test_actions_that_run_code_are_agreed_to_first(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    status, out, _ = chat("hey\nreject not so loud\n", "team.py:loud", "--session", "a", cwd=tmp_path)
    assert (status, (tmp_path / "shouted").exists()) == (0, False)
    status, out, _ = chat("hey\napprove\n", "team.py:loud", "--session", "b", cwd=tmp_path)
    assert (status, (tmp_path / "shouted").read_text()) == (0, "hey")
    assert "action shout" in out
    assert out.endswith("done\n")


def test_a_turn_that_waits_for_a_person_is_gone_on_with_by_the_next_chat(tmp_path: Path) -> None:
    write(tmp_path, team=APPROVED)
    status, _, err = chat("tea\n", "team.py:team", "--session", "s", cwd=tmp_path)
    assert status == 1
    assert "metagpt chat team.py:team --session s" in err
    status, out, err = chat("approve\n", "team.py:team", "--session", "s", cwd=tmp_path)
    assert status == 0
    assert "The last turn waits for you." in err
    assert out.endswith("about tea\n")


def test_a_model_that_cannot_talk_is_refused_before_anything_is_said(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    status, _, err = chat("tea\n", "team.py:compact", cwd=tmp_path)
    assert status == 2
    assert "found small, which was trained for poet.write and cannot talk" in err
    assert "metagpt chat software" in err


def test_partners_are_installed_roles_and_teams_or_stand_in_files(tmp_path: Path) -> None:
    assert isinstance(find_partner("engineer"), Role)
    assert not isinstance(find_partner("software"), Role)
    assert find_partner("assistant").persona == "You are a helpful assistant."
    with pytest.raises(ConfigError, match="Did you mean 'engineer'"):
        find_partner("enginer")
    front = "---\nname: critic\nmessages:\n  Verdict:\n    text: str\n---\n"
    (tmp_path / "critic.md").write_text(f"{front}You are a critic.\n\n## review: Goal -> Verdict\n\nReview {{{{ goal.text }}}}\n")
    assert find_partner(str(tmp_path / "critic.md")).persona == "You are a critic."
    (tmp_path / "neither.md").write_text("## review\n")
    with pytest.raises(TeamError, match=r"(?s)as a role:.*as a team:"):
        find_partner(str(tmp_path / "neither.md"))


def test_a_role_keeps_its_own_memory_which_now_remembers_every_turn(tmp_path: Path) -> None:
    own = WindowMemory(3)
    team = partner_team("poet", Talker("poet", memory=own), SqliteJournal(tmp_path / "j.db"))
    memory = team.roles["poet"].own_memory
    assert isinstance(memory, WindowMemory)
    assert (memory.last, memory.exchanges, own.exchanges) == (3, True, False)


async def test_what_was_streamed_is_not_said_twice_and_what_was_discarded_is_said_anew() -> None:
    call = {"run_id": "r", "time": 0.0, "role": "poet", "call": "poet.chat", "invocation": "i"}
    file, aside = io.StringIO(), io.StringIO()
    display = ReplyDisplay(speaks=True, file=file, aside=aside)
    for piece in ("Ro", "ses \x1b[2J"):
        display.show(ev.DeltaEvent(text=piece, **call))  # type: ignore[arg-type]  # a table of keywords
    display.show(ev.DeltasDiscardedEvent(reason="cut", **call))  # type: ignore[arg-type]  # as above
    display.end(Said(text="Violets"))
    assert file.getvalue() == "Roses \N{REPLACEMENT CHARACTER}[2J\nViolets\n"
    assert "the call failed: cut" in aside.getvalue()


def failures_of(display: ReplyDisplay, *, goes_on: bool) -> None:
    call = {"run_id": "r", "time": 0.0, "role": "poet", "invocation": "i"}
    display.show(ev.DeltasDiscardedEvent(reason="no ink", call="poet.chat", **call))  # type: ignore[arg-type]  # a table of keywords
    if goes_on:
        display.show(ev.ModelCalledEvent(model="m", call="poet.chat", **call))  # type: ignore[arg-type]  # as above
        display.show(ev.DeltasDiscardedEvent(reason="still no ink", call="poet.chat", **call))  # type: ignore[arg-type]  # as above
    failed = ev.HandlerFailedEvent(handler="poet.chat", attempt=1, error="ServerError: still no ink", will_retry=False, **call)  # type: ignore[arg-type]  # as above
    display.show(failed)


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_failure_that_ends_the_turn_is_left_to_its_end_and_one_that_does_not_is_told(*, speaks: bool) -> None:
    aside = io.StringIO()
    display = ReplyDisplay(speaks=speaks, file=io.StringIO(), aside=aside)
    failures_of(display, goes_on=True)
    display.end(None)
    assert "the call failed: no ink" in aside.getvalue()
    assert aside.getvalue().count("ink") == 1


async def test_a_failure_is_told_at_once_where_the_turn_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metagpt.cli.chat_display._PATIENCE_S", 0.0)
    aside = io.StringIO()
    display = ReplyDisplay(speaks=True, file=io.StringIO(), aside=aside)
    failures_of(display, goes_on=False)
    while not aside.getvalue():
        await asyncio.sleep(0)
    assert aside.getvalue().count("ink") == 1


def test_an_error_that_ends_a_turn_is_said_once(tmp_path: Path) -> None:
    write(tmp_path, down=f"from metagpt.errors import ModelUnavailableError\n{POETS}{DOWN}")
    status, _, err = chat("tea\n", "down.py:poet", cwd=tmp_path)
    assert status == 1
    assert err.count("nobody is there") == 1


async def test_a_role_that_hears_typed_messages_is_talked_with_in_plain_words(tmp_path: Path) -> None:
    model = FunctionModel(lambda request: request.call)
    engineer = find_partner("engineer")
    team = partner_team("engineer", engineer, SqliteJournal(tmp_path / "j.db")).with_(model=model)
    assert (await team.run("hello")).output == Said(text="engineer.chat")
    assert model.requests[0].chat[0].text == engineer.persona
    assert isinstance(team, Team)
    assert team.start is Goal


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_at_a_terminal_ctrl_c_at_the_prompt_does_not_leave_and_ctrl_d_does(tmp_path: Path) -> None:
    write(tmp_path, team=POETS)
    typed = [("> ", INTERRUPT), ("leaves)\r\n> ", "tea\n"), ("You said tea.\r\n> ", END)]
    shown, status = at_terminal(tmp_path, ["chat", "team.py:poet", "--session", "s"], typed)
    assert status == 0
    assert "Go on with: metagpt chat team.py:poet --session s" in shown
