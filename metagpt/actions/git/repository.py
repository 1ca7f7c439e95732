"""Git on a repository that nobody has read: in the sandbox, and with nothing in it that git would execute.

A repository can name programs: hooks, aliases, pagers, editors, filters, diff and merge drivers, transports. Git reads them
from its configuration, so a repository whose configuration says more than plain facts is refused; what can be overridden
is overridden besides. No network command is offered, and no transport is allowed.
"""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from metagpt.actions.clipping import clipped
from metagpt.actions.confinement import read_confined, write_confined
from metagpt.actions.interface import ActionContext
from metagpt.actions.sandbox import Limits, SandboxChoice, SandboxResult, open_sandbox
from metagpt.errors import ActionError, SandboxError

__all__ = ["Repository"]

_ENVIRONMENT = {
    "GIT_DIR": ".git",
    "GIT_WORK_TREE": ".",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_SEQUENCE_EDITOR": "false",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
}
_OVERRIDES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.editor=false",
    "core.sshCommand=false",
    "core.askPass=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.quotePath=false",
    "diff.external=",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
    "status.submoduleSummary=false",
    "protocol.allow=never",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)
_PLAIN = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol|safecrlf|abbrev)"
    r"|extensions\.objectformat|init\.defaultbranch|user\.(name|email)|push\.default|pull\.(rebase|ff)|merge\.(conflictstyle|ff)"
    r"|diff\.(algorithm|renames)|branch\..*\.(remote|merge|rebase|description)|remote\..*\.(url|fetch|tagopt)|(color|advice)\..*|gc\..*",
    re.DOTALL,
)
"""Settings that name no program; of gc and color, git runs none either."""
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n"
_MOST_CONFIG_BYTES = 64 << 10
_ELSEWHERE = ("commondir", "gitdir", "config.worktree", "objects/info/alternates")
"""Files in .git that let git look in another place."""


class Repository:
    """The repository at the top of a workspace.

    Args:
        context: Lends the workspace; the role's name signs commits.
        choice: The sandbox.
        limits: What one command may use.
    """

    def __init__(self, context: ActionContext, choice: SandboxChoice, limits: Limits) -> None:
        self._folder = Path(context.workspace)
        self._choice: SandboxChoice = choice
        self._limits = limits
        self._who = re.sub(r"[^\w.-]+", "-", context.role) or "role"

    async def run(self, action: str, *words: str, stdin: str = "") -> str:
        """Run one git command; its output.

        Args:
            action: Who asks, for errors.
            words: The command, without `git`.
            stdin: What it reads.

        Raises:
            ActionError: there is no repository, its configuration is refused, or git failed.
        """
        await self._check(action)
        return self._said(action, await self._git(words, stdin))

    async def make(self, action: str) -> str:
        """Make the repository, empty and without hooks, if there is none.

        Not by `git init`, which asks for the folders above the workspace, and those a sandbox does not show.

        Raises:
            ActionError: there is one that is refused.
        """
        place = self._folder / ".git"
        try:
            place.mkdir()
        except FileExistsError:
            await self._check(action)
            return "The workspace is a repository already."
        for name in ("objects", "refs", "refs/heads"):
            (place / name).mkdir()
        write_confined(self._folder, ".git/config", _CONFIG)
        write_confined(self._folder, ".git/HEAD", "ref: refs/heads/main\n")
        return "The workspace is a repository now, without a commit."

    def _said(self, action: str, result: SandboxResult) -> str:
        said = clipped(result.stdout.decode(errors="replace"))
        if result.killed_by == "output":
            return f"{said}\n[… more was left out; ask for less, as of one file …]"
        if result.exit_status != 0:
            found = result.stderr.decode(errors="replace").strip() or said.strip() or f"it was ended by the {result.killed_by} limit"
            mend = " Install git on this machine." if result.exit_status == 127 else ""
            raise ActionError(f"action {action!r}: git failed: {clipped(found, 2_000)}.{mend}")
        return said

    async def _git(self, words: Sequence[str], stdin: str = "") -> SandboxResult:
        sandbox = await asyncio.to_thread(open_sandbox, self._choice)
        signed = (f"user.name={self._who}", f"user.email={self._who}@metagpt.invalid")
        settings = [word for setting in (*_OVERRIDES, *signed) for word in ("-c", setting)]
        argv = ["env", *(f"{name}={value}" for name, value in _ENVIRONMENT.items()), "git", "--no-pager", *settings, *words]
        return await sandbox.run(argv, workspace=self._folder, stdin=stdin.encode(), limits=self._limits)

    async def _check(self, action: str) -> None:
        """Refuse a repository that lies elsewhere, or whose configuration could name a program."""
        place = self._folder / ".git"
        try:
            is_folder = stat.S_ISDIR(place.lstat().st_mode)
        except FileNotFoundError as error:
            raise ActionError(
                f"action {action!r}: found no repository in the workspace; expected one. Perform 'git_init' first."
            ) from error
        elsewhere = [name for name in _ELSEWHERE if (place / name).is_symlink() or (place / name).exists()] if is_folder else [".git"]
        if elsewhere:
            raise ActionError(f"action {action!r}: found {elsewhere[0]!r}, which leads git elsewhere; expected a repository of its own.")
        try:
            config = await asyncio.to_thread(read_confined, self._folder, ".git/config", max_bytes=_MOST_CONFIG_BYTES)
        except FileNotFoundError:
            return
        except SandboxError as error:
            raise ActionError(f"action {action!r}: {error}") from error
        result = await self._git(
            ("config", "--file", "-", "--no-includes", "--name-only", "--null", "--list"), config.decode(errors="replace")
        )
        names = result.stdout.decode(errors="replace").split("\0")[:-1]
        refused = sorted({name for name in names if not _PLAIN.fullmatch(name)})
        if refused or result.exit_status != 0:
            found = ", ".join(map(repr, refused)) or result.stderr.decode(errors="replace").strip()
            raise ActionError(
                f"action {action!r}: found {clipped(found, 500)} in .git/config; expected none that could name a program."
                " A person must look at it and remove it."
            )
