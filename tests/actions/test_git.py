"""Git in the workspace: what the commands do, and that no repository gets anything executed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metagpt import ActionContext
from metagpt.actions.files import list_files, write_file
from metagpt.actions.git import git_actions
from metagpt.actions.interface import Action, FunctionAction
from metagpt.actions.sandbox import Limits, SandboxChoice, open_sandbox
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, SandboxError
from metagpt.testing import check_action

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="no sandbox backend for this system"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
ACTIONS = {each.name: each for each in git_actions(limits=Limits(wall_s=30))}


NOBODY = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")


def opened(choice: SandboxChoice) -> SandboxChoice:
    try:
        open_sandbox(choice)
    except SandboxError as error:
        pytest.skip(f"{choice} does not work here: {error}")
    return choice


class Work:
    """A workspace with files and git actions on it."""

    def __init__(self, folder: Path, choice: SandboxChoice = "auto") -> None:
        self.folder = folder / "workspace"
        self.workspace = Workspace(self.folder)
        self._actions = {each.name: each for each in git_actions(choice)}

    async def git(self, name: str, /, **arguments: Any) -> Any:
        return await self._actions[f"git_{name}"].perform(arguments, ActionContext(workspace=self.workspace, role="the engineer"))

    def committed(self) -> Work:
        """A repository with one commit, made by plain git."""
        self.workspace.write_text("a.txt", "one\n")
        for words in (["init", "-q", "-b", "main", "--template="], ["add", "."], [*NOBODY, "commit", "-qm", "First"]):
            self.outside(*words)
        return self

    def outside(self, *words: str) -> None:
        """Plain git, as a stranger would have prepared the repository."""
        subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    opened("auto")
    return Work(tmp_path).committed()


@pytest.mark.parametrize("choice", ["bubblewrap", "landlock"])
async def test_from_an_empty_folder_to_a_branch_with_commits(tmp_path: Path, choice: SandboxChoice) -> None:
    work = Work(tmp_path, opened(choice))
    assert await work.git("init") == "The workspace is a repository now, without a commit."
    assert await work.git("init") == "The workspace is a repository already."
    work.workspace.write_text("a.txt", "one\n")
    work.workspace.write_text("src/ö.py", "x = 1\n")
    assert (await work.git("status")).splitlines() == ["## No commits yet on main", "?? a.txt", "?? src/ö.py"]
    assert "A  a.txt" in await work.git("add", paths=["a.txt", "src"])
    assert "First" in await work.git("commit", message="First\n\n# a line that stays")
    work.workspace.write_text("a.txt", "two\n")
    assert "-one\n+two\n" in await work.git("diff")
    assert await work.git("diff", staged=True) == ""
    assert await work.git("diff", paths=["src"]) == ""
    await work.git("branch", name="fix/reading")
    assert await work.git("branches") == ["fix/reading", "main"]
    assert await work.git("restore", paths=["a.txt"]) == "## main\n"
    assert await work.git("switch", name="fix/reading") == "on branch fix/reading"
    (work.folder / "a.txt").unlink()
    await work.git("add", paths=["."])
    await work.git("commit", message="Second")
    lines = (await work.git("log")).splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["the-engineer: Second", "the-engineer: First"]
    assert await work.git("log", paths=["src"], most=5) == lines[1] + "\n"
    assert "# a line that stays" in await work.git("show", revision="HEAD~1")
    assert "deleted file" in await work.git("diff", against="main")
    assert list((work.folder / ".git").glob("hooks/*")) == []
    subprocess.run(["git", "fsck", "--strict"], cwd=work.folder, check=True, capture_output=True)  # one that git itself takes for whole


@pytest.mark.parametrize("name", sorted(ACTIONS))
async def test_each_action_keeps_what_actions_promise_and_executes_nothing(name: str) -> None:
    await check_action(ACTIONS[name])
    assert set(ACTIONS[name].permissions.names) <= {"reads", "writes"}


async def test_where_there_is_no_repository_the_model_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="Perform 'git_init' first"):
        await Work(tmp_path).git("status")


async def test_a_repository_above_the_workspace_is_not_touched(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with pytest.raises(ActionError, match="no repository in the workspace"):
        await Work(tmp_path).git("status")


async def test_what_git_says_is_wrong_is_told(work: Work) -> None:
    with pytest.raises(ActionError, match="nothing to commit"):
        await work.git("commit", message="again")
    with pytest.raises(ActionError, match="git failed: .*nowhere"):
        await work.git("switch", name="nowhere")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add", {"paths": ["../outside"]}),
        ("add", {"paths": ["/etc/passwd"]}),
        ("add", {"paths": [".git/config"]}),
        ("add", {"paths": ["src/.GIT/config"]}),
        ("add", {"paths": [""]}),
        ("add", {"paths": []}),
        ("add", {"paths": ["a\0b"]}),
        ("restore", {"paths": []}),
        ("diff", {"against": "--output=planted"}),
        ("diff", {"against": "--no-index"}),
        ("log", {"revision": "--output=planted"}),
        ("log", {"revision": "-O/etc/passwd"}),
        ("show", {"revision": "HEAD:../x y"}),
        ("show", {"revision": "--ext-diff"}),
        ("branch", {"name": "-D"}),
        ("branch", {"name": "a b"}),
        ("switch", {"name": "--orphan"}),
        ("switch", {"name": "@{-1}"}),
        ("commit", {"message": " "}),
        ("commit", {"message": "x", "no-verify": True}),
    ],
)
async def test_no_argument_is_taken_for_an_option_or_a_path_outside(work: Work, name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ActionError, match=f"action 'git_{name}': found"):
        await work.git(name, **arguments)
    assert sorted(each.name for each in work.folder.iterdir()) == [".git", "a.txt"]


async def test_a_path_that_looks_like_an_option_or_a_pattern_is_a_path(work: Work) -> None:
    work.workspace.write_text("--all", "x")
    work.workspace.write_text(":(top)*", "x")
    assert "A  --all" in await work.git("add", paths=["--all"])
    with pytest.raises(ActionError, match="did not match any files"):
        await work.git("add", paths=["*"])
    assert '":(top)*"' in await work.git("add", paths=[":(top)*"]) or ":(top)*" in await work.git("status")


# what a stranger's repository may hold


def hook(work: Work) -> None:
    for name in (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "prepare-commit-msg",
    ):
        place = work.folder / ".git/hooks" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/sh\ntouch {PLANTED}\n")
        place.chmod(0o755)


def setting(name: str, value: str, attributes: str = "") -> Callable[[Work], None]:
    def plant(work: Work) -> None:
        work.outside("config", name, value)
        if attributes:
            work.workspace.write_text(".gitattributes", attributes)

    return plant


def included(work: Work) -> None:
    work.workspace.write_text("innocent", f"[core]\nfsmonitor = touch {PLANTED}\n")
    work.outside("config", "include.path", "../innocent")


def submodule(work: Work) -> None:
    inner = work.folder / "inner"
    subprocess.run(["git", "init", "-q", str(inner)], check=True)
    (inner / "x").write_text("x")
    for words in (["add", "x"], [*NOBODY, "commit", "-qm", "x"], ["config", "core.fsmonitor", f"touch ../{PLANTED};false"]):
        subprocess.run(["git", *words], cwd=inner, check=True, capture_output=True)
    work.outside("add", "inner")


PLANTED = "planted-by-git"
HOSTILE: dict[str, Callable[[Work], None]] = {
    "hooks": hook,
    "hooks path": setting("core.hooksPath", "."),
    "file system monitor": setting("core.fsmonitor", f"touch {PLANTED}"),
    "pager": setting("core.pager", f"touch {PLANTED}"),
    "editor": setting("core.editor", f"touch {PLANTED}"),
    "ssh": setting("core.sshCommand", f"touch {PLANTED}"),
    "external diff": setting("diff.external", f"touch {PLANTED}"),
    "diff driver": setting("diff.own.command", f"touch {PLANTED}", "* diff=own\n"),
    "text conversion": setting("diff.own.textconv", f"touch {PLANTED};cat", "* diff=own\n"),
    "filter": setting("filter.own.clean", f"touch {PLANTED};cat", "* filter=own\n"),
    "filter that smudges": setting("filter.own.smudge", f"touch {PLANTED};cat", "* filter=own\n"),
    "filter process": setting("filter.own.process", f"touch {PLANTED}", "* filter=own\n"),
    "merge driver": setting("merge.own.driver", f"touch {PLANTED}", "* merge=own\n"),
    "signing program": setting("gpg.program", f"touch {PLANTED}"),
    "alias": setting("alias.status", f"!touch {PLANTED}"),
    "included file": included,
    "credentials": setting("credential.helper", f"!touch {PLANTED}"),
    "work tree elsewhere": setting("core.worktree", "/tmp"),
    "submodule": submodule,
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_nothing_that_a_repository_names_is_executed(work: Work, kind: str) -> None:
    HOSTILE[kind](work)
    work.workspace.write_text("a.txt", "two\n")
    done = 0
    steps: list[tuple[str, dict[str, Any]]] = [
        ("status", {}), ("diff", {}), ("add", {"paths": ["a.txt"]}), ("diff", {"staged": True}), ("commit", {"message": "x"}), ("log", {}),
        ("show", {}), ("branch", {"name": "b"}), ("switch", {"name": "b"}), ("restore", {"paths": ["a.txt"]}),
    ]  # fmt: skip
    for name, arguments in steps:
        try:
            await work.git(name, **arguments)
            done += 1
        except ActionError as error:
            assert "in .git/config; expected none that could name a program" in str(error)  # noqa: PT017 - either way nothing may run
    assert not list(work.folder.rglob(PLANTED))
    assert done == (10 if kind in ("hooks", "submodule") else 0)


async def test_the_plain_settings_of_a_clone_are_fine(work: Work) -> None:
    for name, value in {
        "remote.origin.url": "https://git.example/x",
        "branch.main.merge": "refs/heads/main",
        "user.name": "A",
        "color.ui": "auto",
    }.items():
        work.outside("config", name, value)
    assert await work.git("status") == "## main\n"


@pytest.mark.parametrize("kind", ["file", "link", "commondir", "config link"])
async def test_a_repository_that_leads_elsewhere_is_refused(work: Work, tmp_path: Path, kind: str) -> None:
    place = work.folder / ".git"
    if kind == "commondir":
        (place / "commondir").write_text("../../elsewhere")
    elif kind == "config link":
        (place / "config").rename(tmp_path / "config")
        (place / "config").symlink_to(tmp_path / "config")
    else:
        place.rename(tmp_path / "elsewhere")
        place.write_text(f"gitdir: {tmp_path}/elsewhere") if kind == "file" else place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ActionError, match=r"leads git elsewhere|is refused"):
        await work.git("status")
    with pytest.raises(ActionError, match=r"leads git elsewhere|is refused"):
        await work.git("init")


async def test_a_model_cannot_write_into_gits_own_folder_nor_list_it(work: Work) -> None:
    context = ActionContext(workspace=work.workspace)
    for path in (".git/config", ".git/hooks/pre-commit", "sub/.git/config", ".GIT/config"):
        with pytest.raises(ActionError, match="a file of git's own"):
            await as_action(write_file).perform({"path": path, "text": "x"}, context)
    assert await as_action(list_files).perform({}, context) == ["a.txt"]


def as_action(value: Any) -> Action:
    assert isinstance(value, FunctionAction)
    return value
