"""The person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from metagpt.errors import ConfigError

__all__ = ["edit_text"]


def edit_text(text: str) -> str:
    """The text after the person's editor was closed: that of $VISUAL or $EDITOR.

    Raises:
        ConfigError: there is no editor, or it failed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if sys.platform == "win32" else "vi")
    with tempfile.TemporaryDirectory(prefix="metagpt-edit-") as folder:
        file = Path(folder) / "message.json"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ConfigError(f"editor {editor!r}: {error}; expected an editor. Set EDITOR, or reject with a note.") from error
        return file.read_text(encoding="utf-8")
