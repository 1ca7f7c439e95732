"""The actions that read, write and list files of the run's workspace, and of nothing else.

What goes wrong is told to the model as an `ActionError`, so that it can choose another path.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from metagpt.actions.interface import ActionContext, action
from metagpt.errors import ActionError, SandboxError, did_you_mean

__all__ = ["MOST_CHARS", "MOST_FILES", "list_files", "read_file", "write_file"]

MOST_CHARS = 200_000
"""Longest text that one action reads or writes: what a model could take in at all."""

MOST_FILES = 2_000
"""Longest listing."""

_RECORD = "run.json"


@action(reads=True, idempotent=True)
async def read_file(path: str, context: ActionContext) -> str:  # noqa: D417 - the docstring is for the model, which does not see the context
    """Read a text file of the workspace.

    Args:
        path: relative to the workspace, as src/main.py.
    """
    with _told("read_file", path, context):
        text: str = await asyncio.to_thread(context.workspace.read_text, path)
    if len(text) > MOST_CHARS:
        raise ActionError(
            f"action 'read_file': found {len(text)} characters in {path!r}; expected at most {MOST_CHARS}. Read a smaller file."
        )
    return text


@action(writes=True, idempotent=True)
async def write_file(path: str, text: str, context: ActionContext) -> str:  # noqa: D417 - as above
    """Write a text file of the workspace: as a whole, with the folders above it, in place of one of that name.

    Args:
        path: relative to the workspace, as src/main.py.
        text: all that the file is to hold.
    """
    if len(text) > MOST_CHARS:
        raise ActionError(
            f"action 'write_file': found {len(text)} characters for {path!r}; expected at most {MOST_CHARS}. Write several files."
        )
    if any(part.lower() == ".git" for part in PurePosixPath(path).parts):
        raise ActionError(
            f"action 'write_file': found {path!r}, a file of git's own, where it could name programs to run; expected another place."
            " Use the git actions."
        )
    if [part.rstrip(". ").casefold() for part in PurePosixPath(path).parts] == [_RECORD]:
        raise ActionError(f"action 'write_file': found {path!r}, the record of the run itself; expected another file. Choose another name.")
    with _told("write_file", path, context):
        await asyncio.to_thread(context.workspace.write_text, path, text)
    return f"wrote {len(text)} characters to {path}"


@action(reads=True, idempotent=True)
async def list_files(context: ActionContext, folder: str = ".") -> list[str]:  # noqa: D417 - as above
    """List the files of the workspace, or of one folder in it, with all folders below.

    Args:
        folder: relative to the workspace; the whole workspace if left out.
    """
    wanted = PurePosixPath(folder)
    if wanted.is_absolute() or ".." in wanted.parts:
        raise ActionError(
            f"action 'list_files': found {folder!r}; expected a folder of the workspace, as 'src'. Leave it out to list everything."
        )
    files: list[str] = await asyncio.to_thread(context.workspace.files)
    found = [file for file in files if wanted in PurePosixPath(file).parents and ".git" not in PurePosixPath(file).parts]
    if len(found) > MOST_FILES:
        raise ActionError(
            f"action 'list_files': found {len(found)} files in {folder!r}; expected at most {MOST_FILES}. Name a folder further down."
        )
    return found


@contextmanager
def _told(name: str, path: str, context: ActionContext) -> Iterator[None]:
    """What is wrong with a path or a file, as an error that the model is told."""
    try:
        yield
    except FileNotFoundError as error:
        raise ActionError(
            f"action {name!r}: found no file {path!r} in the workspace. {did_you_mean(path, context.workspace.files()[:50])}"
        ) from error
    except UnicodeDecodeError as error:
        raise ActionError(
            f"action {name!r}: found bytes that are no UTF-8 text in {path!r}; expected text. Choose another file."
        ) from error
    except SandboxError as error:
        raise ActionError(f"action {name!r}: {error}") from error
    except OSError as error:
        raise ActionError(
            f"action {name!r}: {path!r} failed with {errno.errorcode.get(error.errno or 0, 'an error')}: {error.strerror}."
        ) from error
