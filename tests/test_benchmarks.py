"""The benchmarks run, and their tables say what was measured; how fast anything is, is no matter of tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.environments import environment_of
from benchmarks.probe import Contender, Figure, Row
from benchmarks.report import row_table, summary_table
from benchmarks.runner import ROWS, Result, load_row, measure_row


@pytest.fixture(autouse=True)
def cache_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ROWS)
def test_every_row_runs_in_quick_mode(name: str) -> None:
    row = load_row(name)
    told: list[str] = []
    result = measure_row(row, {"metagpt": Path(sys.executable)}, rounds=1, quick=True, only=["metagpt"], tell=told.append)
    assert told == []
    assert set(result.medians["metagpt"]) >= {figure.key for figure in row.figures}
    assert all(value > 0 for value in result.medians["metagpt"].values())


def test_every_peer_is_measured_or_left_out_with_a_reason() -> None:
    for name in ROWS:
        row = load_row(name)
        assert {*row.contenders, *row.left_out} >= {"floor", "metagpt", *environments.PEERS}
        assert not {*row.contenders} & {*row.left_out}


def _row(**contenders: Contender) -> Row:
    return Row(
        name="sleep", title="Sleeping", unit_of_work="naps", size=1, quick=1, figures=(Figure(key="cpu", unit="µs CPU", scale=1e6, aim=25.0),),
        contenders=contenders, left_out={"llamaindex": "never sleeps"},
    )  # fmt: skip


def _contender(*, counts: bool = True) -> Contender:
    return Contender(measure=lambda size: {"cpu": 1.0}, what="a nap", counts=counts)


def test_ratios_are_against_the_cheapest_peer_that_does_all_of_the_work() -> None:
    row = _row(floor=_contender(), metagpt=_contender(), autogen=_contender(), agno=_contender(counts=False))
    medians = {"floor": {"cpu": 5e-6}, "metagpt": {"cpu": 20e-6}, "autogen": {"cpu": 100e-6}, "agno": {"cpu": 10e-6}}
    result = Result(row=row, medians=medians, skipped=row.left_out)
    assert result.best_peer == "autogen"
    line = "| Sleeping (µs CPU) | 5.0   | 100.0 autogen | 20.0 | 25  | 4.00         | 0.20             |"
    assert summary_table([result]).splitlines()[-1] == line
    assert row_table(result).splitlines()[-1] == "- llamaindex: never sleeps."


def test_a_contender_that_fails_is_skipped_with_its_last_words(tmp_path: Path) -> None:
    told: list[str] = []
    row = _row(metagpt=_contender())
    result = measure_row(row, {"metagpt": Path(sys.executable)}, rounds=2, quick=True, only=None, tell=told.append)
    assert result.medians == {}
    assert "No module named benchmarks.sleep" in result.skipped["metagpt"]
    assert len(told) == 1


def test_a_peer_that_cannot_be_installed_is_skipped_with_a_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    found = environment_of("agno")
    assert found.python is None
    assert found.problem == "could not be installed: No such file or directory"


def test_the_cache_hides_itself_from_git(cache_elsewhere: Path) -> None:
    environments.child_environ()
    assert (cache_elsewhere / ".gitignore").read_text() == "*\n"


def test_measured_processes_get_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert "OPENAI_API_KEY" not in environments.child_environ()


def test_an_unknown_row_is_refused_by_name() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks", "walk"], cwd=environments.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no row 'walk'" in done.stderr
