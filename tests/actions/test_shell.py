"""Commands in the sandbox: words as they stand, a line for the shell inside, and never one for a shell outside."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from metagpt import ActionContext
from metagpt.actions.clipping import MOST_OUTPUT_CHARS, clipped
from metagpt.actions.sandbox import Limits, SandboxChoice, open_sandbox
from metagpt.actions.shell import CommandRun, run_shell, shell_action
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, SandboxError
from metagpt.testing import check_action

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no sandbox backend for this system")


@pytest.fixture(params=["bubblewrap", "landlock"])
def choice(request: pytest.FixtureRequest) -> SandboxChoice:
    found: SandboxChoice = request.param
    try:
        open_sandbox(found)
    except SandboxError as error:
        pytest.skip(f"{found} does not work here: {error}")
    return found


async def shell(
    choice: SandboxChoice, folder: Path, command: str | list[str], limits: Limits | None = None, **arguments: Any
) -> CommandRun:
    action = shell_action(choice, limits=limits or Limits(wall_s=20))
    found = await action.perform({"command": command, **arguments}, ActionContext(workspace=Workspace(folder / "workspace")))
    assert isinstance(found, CommandRun)
    return found


async def test_words_run_as_they_stand(choice: SandboxChoice, tmp_path: Path) -> None:
    found = await shell(choice, tmp_path, ["echo", "$(id)", "; touch planted", "*", "a  b"])
    assert found == CommandRun(exit_status=0, stdout="$(id) ; touch planted * a  b\n", stderr="", killed_by=None)
    assert list((tmp_path / "workspace").iterdir()) == []


async def test_a_line_is_read_by_the_shell_in_the_sandbox(choice: SandboxChoice, tmp_path: Path) -> None:
    found = await shell(choice, tmp_path, "cat | sort > sorted.txt; wc -l < sorted.txt; exit 3", stdin="b\na\n")
    assert (found.exit_status, found.stdout.strip()) == (3, "2")
    assert Workspace(tmp_path / "workspace").read_text("sorted.txt") == "a\nb\n"


async def test_a_line_gets_nowhere_outside(choice: SandboxChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", "key-of-the-user")
    secret = tmp_path / "secret.txt"
    secret.write_text("planted")
    secret.chmod(0o644)
    tmp_path.chmod(0o755)
    line = f"cat {shlex.quote(str(secret))}; cat ../secret.txt; touch {shlex.quote(str(tmp_path / 'out'))}; env; ln -s {shlex.quote(str(secret))} link"
    found = await shell(choice, tmp_path, line)
    assert "planted" not in found.stdout
    assert "key-of-the-user" not in found.stdout
    assert not (tmp_path / "out").exists()
    with pytest.raises(SandboxError, match="link"):
        Workspace(tmp_path / "workspace").read_text("link")


async def test_long_output_is_cut_in_its_middle_and_endless_output_ended(choice: SandboxChoice, tmp_path: Path) -> None:
    found = await shell(choice, tmp_path, "seq 1 20000")
    assert len(found.stdout) < MOST_OUTPUT_CHARS + 100
    assert found.stdout.startswith("1\n2\n")
    assert found.stdout.endswith("20000\n")
    assert "characters left out" in found.stdout
    found = await shell(choice, tmp_path, ["yes"], Limits(output_bytes=10_000, wall_s=20))
    assert (found.exit_status, found.killed_by) == (None, "output")


async def test_a_program_that_there_is_none_of_is_told(choice: SandboxChoice, tmp_path: Path) -> None:
    assert (await shell(choice, tmp_path, ["no-such-program"])).exit_status == 127


@pytest.mark.parametrize("command", ["", [], ["", "x"], ["ls", "\0"], "ls \0", 5, None, {"argv": ["ls"]}])
async def test_what_is_no_command_is_told_to_the_model(tmp_path: Path, command: Any) -> None:
    with pytest.raises(ActionError, match="action 'run_shell': found"):
        await run_shell.perform({"command": command}, ActionContext(workspace=Workspace(tmp_path)))


async def test_without_a_sandbox_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(choice: str) -> None:
        raise SandboxError("none works here")

    monkeypatch.setattr("metagpt.actions.shell.open_sandbox", none)
    with pytest.raises(SandboxError, match="none works"):
        await run_shell.perform({"command": ["touch", "x"]}, ActionContext(workspace=Workspace(tmp_path)))
    assert list(tmp_path.iterdir()) == []


async def test_the_action_keeps_what_actions_promise() -> None:
    await check_action(run_shell, {"command": ["true"]})
    assert run_shell.permissions.names == ("reads", "writes", "executes")


def test_a_short_text_is_not_cut() -> None:
    assert clipped("x" * 10, 10) == "x" * 10
    assert clipped("abcdefghijkl", 6) == "ab\n[… 6 characters left out …]\nijkl"
