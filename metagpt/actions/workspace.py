"""The run's folder: made when first used, and left by no path."""

from __future__ import annotations

from pathlib import Path

from metagpt.actions.confinement import confined_path, is_unfinished, read_confined, write_confined

__all__ = ["Workspace"]


class Workspace:
    """The folder of one run. Paths are relative to it; `..`, absolute paths and links that lead out are refused.

    Files are replaced whole: a reader, or a crash, sees the old file or the new one.

    Args:
        path: The folder.
        of_run: Whether models may write to it, which is noted before its first use.
    """

    def __init__(self, path: Path, *, of_run: bool = False) -> None:
        self._path = path
        self._is_to_be_noted = of_run

    @property
    def path(self) -> Path:
        """The folder; made, for its owner alone, when first asked for.

        Raises:
            SandboxError: it may be no run's workspace.
        """
        if self._is_to_be_noted:
            from metagpt.settings import note_workspace

            note_workspace(self._path)
            self._is_to_be_noted = False
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._path

    @property
    def exists(self) -> bool:
        """Whether anything has used it yet."""
        return self._path.is_dir()

    def read_text(self, relative: str) -> str:
        """The text of a file.

        Raises:
            SandboxError: the path leads out of the workspace.
            FileNotFoundError: there is no such file.
        """
        return read_confined(self.path, relative).decode()

    def write_text(self, relative: str, text: str) -> None:
        """Put a file there, folders included.

        Raises:
            SandboxError: the path leads out of the workspace.
        """
        write_confined(self.path, relative, text.encode())

    def resolve(self, relative: str) -> Path:
        """The path of a file in the workspace, whether it exists or not.

        Raises:
            SandboxError: the path leads out of the workspace.
        """
        return confined_path(self.path, relative)

    def files(self) -> list[str]:
        """Relative paths of all plain files, sorted; links are left out, and so is what a killed process left unfinished."""
        if not self.exists:
            return []
        plain = (path for path in self._path.rglob("*") if path.is_file() and not path.is_symlink() and not is_unfinished(path.name))
        return sorted(path.relative_to(self._path).as_posix() for path in plain)

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, relative: str) -> Path:
        return self.resolve(relative)
