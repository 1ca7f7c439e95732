"""Paths in a workspace that a hostile program could write to."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from metagpt.actions.confinement import confined_path, read_confined, write_confined
from metagpt.actions.workspace import Workspace
from metagpt.errors import SandboxError

needs_links = pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system opens files through links")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    return folder


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "a/../../secret", "", ".", "a\0b", ".."])
@pytest.mark.parametrize("use", [confined_path, read_confined, lambda workspace, name: write_confined(workspace, name, b"x")])
def test_a_name_that_leads_out_is_refused(workspace: Path, name: str, use: object) -> None:
    with pytest.raises(SandboxError, match="is refused"):
        use(workspace, name)  # type: ignore[operator]
    assert (workspace.parent / "secret").read_text() == "secret"


def test_what_was_written_is_read_back_in_a_folder_made_for_it(workspace: Path) -> None:
    path = write_confined(workspace, "src/pkg/main.py", "print('ö')")
    assert read_confined(workspace, "src/pkg/main.py") == "print('ö')".encode()
    assert path == workspace / "src" / "pkg" / "main.py"
    assert confined_path(workspace, "src/pkg/main.py") == path


def test_a_missing_file_is_an_ordinary_missing_file(workspace: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_confined(workspace, "nothing.py")
    with pytest.raises(FileNotFoundError):
        read_confined(workspace, "no/such/folder.py")
    assert confined_path(workspace, "no/such/folder.py") == workspace / "no/such/folder.py"


def test_a_planted_link_to_a_file_is_not_read_through(workspace: Path) -> None:
    (workspace / "main.py").symlink_to(workspace.parent / "secret")
    with pytest.raises(SandboxError, match="link"):
        read_confined(workspace, "main.py")
    with pytest.raises(SandboxError, match="link"):
        confined_path(workspace, "main.py")


def test_a_planted_link_to_a_file_is_replaced_and_not_written_through(workspace: Path) -> None:
    (workspace / "main.py").symlink_to(workspace.parent / "secret")
    write_confined(workspace, "main.py", b"new")
    assert (workspace.parent / "secret").read_text() == "secret"
    assert read_confined(workspace, "main.py") == b"new"
    assert not (workspace / "main.py").is_symlink()


@pytest.mark.parametrize("target", ["..", "/etc", "inner"])
def test_no_link_in_place_of_a_folder_is_followed(workspace: Path, target: str) -> None:
    (workspace / "inner").mkdir()
    (workspace / "folder").symlink_to(target)
    with pytest.raises(SandboxError, match="link"):
        read_confined(workspace, "folder/secret")
    with pytest.raises(SandboxError, match="link"):
        write_confined(workspace, "folder/planted", b"x")
    assert not (workspace / "inner" / "planted").exists()
    assert not (workspace.parent / "planted").exists()


def test_a_link_that_stays_inside_is_a_confined_path(workspace: Path) -> None:
    (workspace / "real.py").write_text("x")
    (workspace / "alias.py").symlink_to("real.py")
    assert confined_path(workspace, "alias.py") == workspace / "alias.py"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_planted_pipe_blocks_nobody(workspace: Path) -> None:
    os.mkfifo(workspace / "main.py")
    with pytest.raises(SandboxError, match="no regular file"):
        read_confined(workspace, "main.py")


def test_a_folder_in_place_of_a_file_is_refused(workspace: Path) -> None:
    (workspace / "main.py").mkdir()
    with pytest.raises(SandboxError):
        read_confined(workspace, "main.py")
    with pytest.raises(SandboxError):
        write_confined(workspace, "main.py", b"x")
    assert [path.name for path in workspace.iterdir()] == ["main.py"]


def test_a_file_larger_than_asked_for_is_refused(workspace: Path) -> None:
    write_confined(workspace, "big", b"x" * 11)
    assert read_confined(workspace, "big", max_bytes=11) == b"x" * 11
    with pytest.raises(SandboxError, match="larger than 10 bytes"):
        read_confined(workspace, "big", max_bytes=10)


def test_the_mode_of_a_replaced_file_is_kept_and_no_temporary_file_is_left(workspace: Path) -> None:
    write_confined(workspace, "tool", b"one")
    (workspace / "tool").chmod(0o755)
    write_confined(workspace, "tool", b"two")
    assert (workspace / "tool").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in workspace.iterdir()] == ["tool"]


def test_a_reader_sees_the_old_file_or_the_new_one(workspace: Path) -> None:
    old, new = b"a" * 200_000, b"b" * 200_000
    write_confined(workspace, "file", old)
    done = threading.Event()

    def rewrite() -> None:
        for content in [new, old] * 20:
            write_confined(workspace, "file", content)
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = {read_confined(workspace, "file") for _ in iter(done.is_set, True)}
    writer.join()
    assert seen <= {old, new}


@needs_links
def test_a_folder_swapped_for_a_link_while_it_is_used_leads_nowhere(workspace: Path) -> None:
    """The race that a check before the use loses: a program swaps folder and link all the time."""
    (workspace / "real").mkdir()
    (workspace / "real" / "secret").write_text("mine")
    (workspace / "link").symlink_to("..")
    done = threading.Event()

    def swap() -> None:
        for _ in range(2000):
            (workspace / "real").rename(workspace / "a")
            (workspace / "link").rename(workspace / "real")
            (workspace / "real").rename(workspace / "link")
            (workspace / "a").rename(workspace / "real")
        done.set()

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: set[bytes] = set()
    while not done.is_set():
        try:
            seen.add(read_confined(workspace, "real/secret"))
        except (SandboxError, FileNotFoundError):
            continue
    swapper.join()
    assert seen <= {b"mine"}


def test_the_checks_without_open_folders_hold_the_same_lines(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metagpt.actions.confinement._HELD", False)
    write_confined(workspace, "src/main.py", b"x")
    assert read_confined(workspace, "src/main.py") == b"x"
    (workspace / "folder").symlink_to("..")
    (workspace / "file").symlink_to(workspace.parent / "secret")
    for name in ("folder/secret", "file"):
        with pytest.raises(SandboxError, match="link"):
            read_confined(workspace, name)
    with pytest.raises(SandboxError, match="link"):
        write_confined(workspace, "folder/planted", b"x")


def test_what_a_killed_write_left_is_no_file_of_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.write_text("kept.tmp", "")
    (tmp_path / ".0123456789abcdef.tmp").write_text("half")
    assert workspace.files() == ["kept.tmp"]
