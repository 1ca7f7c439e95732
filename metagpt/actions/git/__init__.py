"""Git in the workspace: typed actions that run in the sandbox and execute nothing of what a repository holds."""

from metagpt.actions.git.commands import git_actions

__all__ = [
    "git_actions",
    "git_add",
    "git_branch",
    "git_branches",
    "git_commit",
    "git_diff",
    "git_init",
    "git_log",
    "git_restore",
    "git_show",
    "git_status",
    "git_switch",
]

_BY_NAME = {action.name: action for action in git_actions()}

git_add = _BY_NAME["git_add"]
git_branch = _BY_NAME["git_branch"]
git_branches = _BY_NAME["git_branches"]
git_commit = _BY_NAME["git_commit"]
git_diff = _BY_NAME["git_diff"]
git_init = _BY_NAME["git_init"]
git_log = _BY_NAME["git_log"]
git_restore = _BY_NAME["git_restore"]
git_show = _BY_NAME["git_show"]
git_status = _BY_NAME["git_status"]
git_switch = _BY_NAME["git_switch"]
