"""Ctrl-C and sudden death: nothing that was done is lost."""

from __future__ import annotations

import shlex
import signal
import subprocess
from pathlib import Path

from tests.cli.projects import HANGING, run_program, spawn, write


def hanging(folder: Path, *flags: str) -> subprocess.Popen[str]:
    """A run in the middle of its second role's work."""
    write(folder, hang=HANGING)
    process = spawn("run", "tea", "--team", "hang.py:team", *flags, cwd=folder)
    assert process.stdout is not None
    while "it hangs" not in (line := process.stdout.readline()):
        assert line, f"the run ended too early: {process.communicate()}"
    return process


def resumed(folder: Path, said: str) -> tuple[int, str, str]:
    """The run goes on by the line that was printed, and its second role is let go."""
    (folder / "go").write_text("")
    line = next(line for line in said.splitlines() if "metagpt resume" in line)
    return run_program(*shlex.split(line.partition("metagpt ")[2]), cwd=folder)


def test_ctrl_c_ends_with_130_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    process = hanging(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    status, said, _ = resumed(tmp_path, out)
    assert status == 0
    assert "  text: one" in said
    assert (tmp_path / "asked").read_text() == "x", "the first role's work was done again"


def test_ctrl_c_under_json_still_ends_with_run_ended(tmp_path: Path) -> None:
    process = hanging(tmp_path, "--json")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert '"status": "cancelled"' in out.splitlines()[-1]
    assert "metagpt resume" in err


def test_a_run_that_was_killed_is_listed_as_cut_and_finishes_when_resumed(tmp_path: Path) -> None:
    process = hanging(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    status, listed, _ = run_program("runs", cwd=tmp_path)
    assert status == 0
    assert "  cut  " in listed
    run = listed.split()[0]
    (tmp_path / "go").write_text("")
    status, said, _ = run_program("resume", run, "--team", "hang.py:team", cwd=tmp_path)
    assert status == 0
    assert "  text: one" in said
    assert (tmp_path / "asked").read_text() == "x"


def test_a_run_that_somebody_executes_cannot_be_resumed_meanwhile(tmp_path: Path) -> None:
    process = hanging(tmp_path)
    _, listed, _ = run_program("runs", cwd=tmp_path)
    assert "  running  " in listed
    status, _, err = run_program("resume", listed.split()[0], "--team", "hang.py:team", cwd=tmp_path)
    assert status == 2
    assert "being executed" in err
    (tmp_path / "go").write_text("")
    process.communicate(timeout=60)
    assert process.returncode == 0
