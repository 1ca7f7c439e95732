"""Git as actions: each one command with typed arguments, so that no argument can be taken for an option."""
# ruff: noqa: D417 - the docstrings are for the model, which does not see the context

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from metagpt.actions.git.repository import Repository
from metagpt.actions.interface import ActionContext, FunctionAction, Permissions
from metagpt.actions.sandbox import DEFAULT_LIMITS, Limits, SandboxChoice
from metagpt.errors import ActionError

__all__ = ["git_actions"]

_READS = Permissions(reads=True)
_WRITES = Permissions(reads=True, writes=True)
_REVISION = re.compile(r"[A-Za-z0-9_][\w./@^~+-]{0,200}")
_BRANCH = re.compile(r"[A-Za-z0-9_][\w./+-]{0,200}")
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")


def git_actions(choice: SandboxChoice = "auto", *, limits: Limits = DEFAULT_LIMITS) -> tuple[FunctionAction, ...]:
    """Make all actions on the workspace's repository for one choice of sandbox."""
    git = _Git(choice, limits)
    reading = (git.git_status, git.git_diff, git.git_log, git.git_show, git.git_branches)
    repeatable = (git.git_init, git.git_add)
    once = (git.git_commit, git.git_branch, git.git_switch, git.git_restore)
    return (
        *(FunctionAction(each, permissions=_READS, idempotent=True) for each in reading),
        *(FunctionAction(each, permissions=_WRITES, idempotent=True) for each in repeatable),
        *(FunctionAction(each, permissions=_WRITES, idempotent=False) for each in once),
    )


class _Git:
    """The commands, by the names that models know them by."""

    def __init__(self, choice: SandboxChoice, limits: Limits) -> None:
        self._choice: SandboxChoice = choice
        self._limits = limits

    def _repository(self, context: ActionContext) -> Repository:
        return Repository(context, self._choice, self._limits)

    async def git_init(self, context: ActionContext) -> str:
        """Make the workspace a git repository, if it is none."""
        return await self._repository(context).make("git_init")

    async def git_status(self, context: ActionContext) -> str:
        """Show the branch and which files have changed, one per line."""
        words = ("status", "--porcelain=v1", "--branch", "--untracked-files=all", "--ignore-submodules=all")
        return await self._repository(context).run("git_status", *words)

    async def git_diff(self, context: ActionContext, paths: list[str] | None = None, staged: bool = False, against: str = "") -> str:
        """Show what has changed since the last commit or since another one, as a patch.

        Args:
            paths: only of these files or folders; all if left out.
            staged: what is added for the next commit, in place of what is not.
            against: a commit or branch to compare with.
        """
        revision = [_revision("git_diff", against)] if against else []
        cached = ["--cached"] if staged else []
        words = ("diff", *_PLAIN_DIFF, *cached, *revision, "--", *_paths("git_diff", paths or []))
        return await self._repository(context).run("git_diff", *words)

    async def git_log(self, context: ActionContext, most: int = 20, revision: str = "HEAD", paths: list[str] | None = None) -> str:
        """List commits, the newest first: id, date, author, title.

        Args:
            most: how many at most, up to 200.
            revision: the commit or branch to begin with.
            paths: only commits that changed these files or folders.
        """
        words = ("log", f"--max-count={min(max(most, 1), 200)}", "--no-color", "--no-show-signature", "--format=%h %as %an: %s")
        return await self._repository(context).run("git_log", *words, _revision("git_log", revision), "--", *_paths("git_log", paths or []))

    async def git_show(self, context: ActionContext, revision: str = "HEAD") -> str:
        """Show one commit: its message and its changes.

        Args:
            revision: the commit, as an id of git_log, a branch or HEAD~1.
        """
        words = ("show", *_PLAIN_DIFF, "--no-show-signature", "--stat", "--patch", _revision("git_show", revision), "--")
        return await self._repository(context).run("git_show", *words)

    async def git_branches(self, context: ActionContext) -> list[str]:
        """List the branches."""
        said = await self._repository(context).run("git_branches", "for-each-ref", "--format=%(refname:short)", "refs/heads")
        return said.splitlines()

    async def git_add(self, paths: list[str], context: ActionContext) -> str:
        """Add changes for the next commit, deletions too.

        Args:
            paths: files or folders; ["."] for everything.
        """
        if not paths:
            raise ActionError("action 'git_add': found no paths; expected one or more, as ['.'] for everything.")
        await self._repository(context).run("git_add", "add", "--all", "--", *_paths("git_add", paths))
        return await self.git_status(context)

    async def git_commit(self, message: str, context: ActionContext) -> str:
        """Commit what was added.

        Args:
            message: what was done and why; the first line is the title.
        """
        if not message.strip() or "\0" in message:
            raise ActionError(f"action 'git_commit': found message {message!r}; expected text. Say what was done.")
        words = ("commit", "--no-verify", "--no-gpg-sign", "--cleanup=whitespace", "--no-edit", "--file=-")
        return await self._repository(context).run("git_commit", *words, stdin=message)

    async def git_branch(self, name: str, context: ActionContext) -> str:
        """Make a branch at the present commit, without going to it.

        Args:
            name: of the new branch, as fix-reading.
        """
        await self._repository(context).run("git_branch", "branch", "--no-track", "--", _branch("git_branch", name))
        return f"made branch {name}"

    async def git_switch(self, name: str, context: ActionContext) -> str:
        """Go to a branch: the files become those of its last commit.

        Args:
            name: of the branch.
        """
        words = ("switch", "--quiet", "--no-guess", "--no-recurse-submodules", _branch("git_switch", name))
        await self._repository(context).run("git_switch", *words)
        return f"on branch {name}"

    async def git_restore(self, paths: list[str], context: ActionContext) -> str:
        """Undo changes that were not committed, in these files.

        Args:
            paths: files or folders; what has changed in them is lost.
        """
        if not paths:
            raise ActionError("action 'git_restore': found no paths; expected one or more, as ['src/main.py'].")
        words = ("restore", "--source=HEAD", "--staged", "--worktree", "--no-recurse-submodules", "--")
        await self._repository(context).run("git_restore", *words, *_paths("git_restore", paths))
        return await self.git_status(context)


def _revision(action: str, text: str) -> str:
    if _REVISION.fullmatch(text) is None:
        raise ActionError(f"action {action!r}: found revision {text!r}; expected a commit's id, a branch, or such as 'HEAD~1'.")
    return text


def _branch(action: str, text: str) -> str:
    if _BRANCH.fullmatch(text) is None:
        raise ActionError(f"action {action!r}: found branch {text!r}; expected letters, digits, '-', '_', '.', '/', as 'fix-reading'.")
    return text


def _paths(action: str, paths: Sequence[str]) -> list[str]:
    """Paths of the workspace, outside of git's own folder."""
    for text in paths:
        path = PurePosixPath(text)
        parts = [part.lower() for part in path.parts]
        if not text or "\0" in text or path.is_absolute() or ".." in parts or ".git" in parts:
            raise ActionError(f"action {action!r}: found path {text!r}; expected one inside the workspace, as 'src/main.py'.")
    return [str(PurePosixPath(text)) for text in paths]
