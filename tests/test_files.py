"""The actions on files of the workspace: what they do inside it, and that they do nothing outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metagpt import ActionContext, Goal, Message, Role, Team, on
from metagpt.actions.files import MOST_CHARS, list_files, read_file, write_file
from metagpt.actions.interface import Action
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError
from metagpt.plugins import load_plugin
from metagpt.testing import ScriptedModel, call, text

OUTSIDE = ["../secret.txt", "/etc/hostname", "src/../../secret.txt", "link.txt", "linked/secret.txt", ""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace beside a secret, with a link to the secret and one to the folder it lies in."""
    (tmp_path / "secret.txt").write_text("secret")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "link.txt").symlink_to(tmp_path / "secret.txt")
    (workspace / "linked").symlink_to(tmp_path, target_is_directory=True)
    return workspace


async def perform(action: Action, workspace: Path, /, **arguments: Any) -> Any:
    return await action.perform(arguments, ActionContext(workspace=Workspace(workspace)))


async def test_a_file_that_was_written_is_read_and_listed(folder: Path) -> None:
    assert await perform(write_file, folder, path="src/main.py", text="print('ö')\n") == "wrote 11 characters to src/main.py"
    assert await perform(read_file, folder, path="src/main.py") == "print('ö')\n"
    assert await perform(list_files, folder) == ["src/main.py"]


async def test_a_listing_of_a_folder_leaves_out_the_others(folder: Path) -> None:
    for path in ("a/one.txt", "a/b/two.txt", "ab/three.txt", "four.txt"):
        await perform(write_file, folder, path=path, text="x")
    assert await perform(list_files, folder, folder="a") == ["a/b/two.txt", "a/one.txt"]
    assert await perform(list_files, folder, folder="nowhere") == []


@pytest.mark.parametrize("path", OUTSIDE)
async def test_nothing_outside_the_workspace_is_read(folder: Path, path: str) -> None:
    with pytest.raises(ActionError, match="is refused") as refused:
        await perform(read_file, folder, path=path)
    assert "secret'" not in str(refused.value.__cause__)


@pytest.mark.parametrize("path", [path for path in OUTSIDE if path != "link.txt"])
async def test_nothing_outside_the_workspace_is_written(folder: Path, path: str) -> None:
    with pytest.raises(ActionError, match="is refused"):
        await perform(write_file, folder, path=path, text="changed")
    assert (folder.parent / "secret.txt").read_text() == "secret"


async def test_a_link_is_replaced_and_what_it_led_to_stays(folder: Path) -> None:
    await perform(write_file, folder, path="link.txt", text="mine")
    assert (folder.parent / "secret.txt").read_text() == "secret"
    assert not (folder / "link.txt").is_symlink()


@pytest.mark.parametrize("path", ["..", "/", "../..", "src/../.."])
async def test_nothing_outside_the_workspace_is_listed(folder: Path, path: str) -> None:
    with pytest.raises(ActionError, match="expected a folder of the workspace"):
        await perform(list_files, folder, folder=path)


async def test_links_are_left_out_of_a_listing(folder: Path) -> None:
    assert await perform(list_files, folder) == []
    assert await perform(list_files, folder, folder="linked") == []


async def test_a_missing_file_is_told_with_the_closest_name(folder: Path) -> None:
    await perform(write_file, folder, path="main.py", text="")
    with pytest.raises(ActionError, match=r"found no file 'mian\.py' .*Did you mean 'main\.py'"):
        await perform(read_file, folder, path="mian.py")


async def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "picture.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ActionError, match="no UTF-8 text"):
        await perform(read_file, folder, path="picture.png")


async def test_a_text_too_long_for_a_model_is_neither_read_nor_written(folder: Path) -> None:
    (folder / "long.txt").write_text("x" * (MOST_CHARS + 1))
    with pytest.raises(ActionError, match="at most 200000"):
        await perform(read_file, folder, path="long.txt")
    with pytest.raises(ActionError, match="Write several files"):
        await perform(write_file, folder, path="new.txt", text="x" * (MOST_CHARS + 1))
    assert not (folder / "new.txt").exists()


def test_the_actions_are_plugins_and_say_what_they_touch() -> None:
    found = {name: load_plugin("actions", name) for name in ("read_file", "write_file", "list_files")}
    assert {name: each.permissions.names for name, each in found.items()} == {
        "read_file": ("reads",),
        "write_file": ("writes",),
        "list_files": ("reads",),
    }
    assert list(found["write_file"].parameters["properties"]) == ["path", "text"]
    assert found["read_file"].parameters["properties"]["path"]["description"] == "relative to the workspace, as src/main.py."


class Answer(Message):
    text: str


class Clerk(Role):
    """A clerk."""

    actions = (read_file, list_files)

    @on(Goal)
    async def look(self, goal: Goal) -> Answer:
        return Answer(text=await self.ask(str, "{{ goal.text }}", tools=self.actions, goal=goal))


async def test_a_model_that_asks_for_a_file_outside_is_told_so_and_the_run_goes_on(folder: Path) -> None:
    script = [call("read_file", path="../secret.txt"), call("list_files"), text("there is nothing")]
    with ScriptedModel(script) as model:
        run = await Team([Clerk()], final=Answer, model=model, workspace=folder).run("what is there?")
    assert run.output.text == "there is nothing"
    assert "it goes up by '..'" in model.requests[1].chat[-1].text
    assert "secret'" not in model.requests[1].chat[-1].text
