"""A wheel of somebody else's, with a part of each kind: built, installed into a fresh environment, and used by name."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"
    [project]
    name = "acme-parts"
    version = "2.5.0"
    dependencies = ["metagpt"]
    [project.entry-points."metagpt.models"]
    acme = "acme_parts.models:open_acme"
    acme_broken = "acme_parts.broken:open_nothing"
    [project.entry-points."metagpt.memory"]
    acme_first = "acme_parts.memory:FirstMemory"
    [project.entry-points."metagpt.actions"]
    acme_weather = "acme_parts.actions:weather"
    acme_gone = "acme_parts.no_such_module:thing"
    acme_leaves = "acme_parts.leaves:thing"
    [project.entry-points."metagpt.journals"]
    acme_counting = "acme_parts.journals:CountingJournal"
    [project.entry-points."metagpt.roles"]
    acme_forecaster = "acme_parts.roles:Forecaster"
    [project.entry-points."metagpt.teams"]
    acme = "acme_parts.teams:weather_team"
"""

PARTS = {
    "__init__.py": '"""Parts by Acme."""',
    "models.py": """
        from metagpt.testing import FunctionModel, call, text


        def open_acme(rest, settings):
            def answer(request):
                told = [turn.text for turn in request.chat if turn.role == "tool"]
                return text(f"{rest}: {told[0]}") if told else call("weather", city="Oslo")

            return FunctionModel(answer)
    """,
    "memory.py": """
        from metagpt import WindowMemory


        class FirstMemory(WindowMemory):
            def __init__(self):
                super().__init__(last=1)
    """,
    "actions.py": """
        from metagpt import action


        @action(reads=True)
        async def weather(city: str) -> str:
            '''The weather of a city.'''
            return f"rain in {city}"
    """,
    "journals.py": """
        from metagpt import InMemoryJournal


        class CountingJournal(InMemoryJournal):
            def __init__(self, label="none"):
                super().__init__()
                self.label = label
                self.created = 0

            def create(self, header, codec):
                self.created += 1
                return super().create(header, codec)
    """,
    "roles.py": """
        from metagpt import Goal, Message, Role, on


        class Forecast(Message):
            text: str


        class Forecaster(Role):
            '''You tell the weather.'''

            @on(Goal)
            async def tell(self, goal: Goal) -> Forecast:
                return Forecast(text=await self.ask(str, "{{ goal.text }}", tools=self.actions, goal=goal))
    """,
    "teams.py": """
        from metagpt import Team
        from acme_parts.roles import Forecast, Forecaster


        def weather_team(**keywords):
            return Team([Forecaster(actions=["acme_weather"])], final=Forecast, name="acme", **{"model": "acme:loud", **keywords})
    """,
    "broken.py": "print('this must not reach the list')\nraise RuntimeError('acme forgot a file')",
    "leaves.py": "raise SystemExit(7)",
}

USE = """
    import json
    from metagpt import Team
    from metagpt.plugins import load_plugin

    Forecaster = load_plugin("roles", "acme_forecaster")
    role = Forecaster(memory="acme_first", actions=["acme_weather"])
    final = role.handlers["tell"].published.types[0]
    team = Team([role], final=final, model="acme:loud", journal="acme_counting:ledger")
    run = team.run_sync("rain?")
    print(json.dumps({
        "said": run.output.text,
        "journal": [type(team.journal).__name__, team.journal.label, team.journal.created],
        "memory": type(team._setting.memories["forecaster"]).__name__,
        "team": Team.load("acme").run_sync("rain?").output.text,
    }))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel in it; metagpt and what it requires are lent from here."""
    source = tmp_path_factory.mktemp("acme")
    (source / "acme_parts").mkdir()
    (source / "pyproject.toml").write_text(textwrap.dedent(PYPROJECT))
    for name, text in PARTS.items():
        (source / "acme_parts" / name).write_text(textwrap.dedent(text))
    completed([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(source / "dist")], source)
    [wheel] = (source / "dist").glob("*.whl")
    folder = tmp_path_factory.mktemp("venv")
    completed([sys.executable, "-m", "venv", "--without-pip", str(folder)], source)
    interpreter = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(interpreter), "install", "--quiet"]
    completed([*pip, "--no-index", "--no-deps", str(wheel)], source)
    [packages] = (folder / "lib").glob("python*/site-packages")
    (packages / "lent.pth").write_text("".join(f"import site; site.addsitedir({lent!r})\n" for lent in site.getsitepackages()))
    return interpreter


def completed(command: list[str], folder: Path) -> str:
    """What it prints, with nothing of this process's settings; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "METAGPT_", "OPENAI_"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def metagpt(python: Path, folder: Path, *arguments: str) -> str:
    return completed([str(python), "-c", "from metagpt.cli import main; main()", *arguments], folder)


def test_a_model_memory_action_journal_role_and_team_of_a_wheel_are_used_by_name(python: Path, tmp_path: Path) -> None:
    used: dict[str, Any] = json.loads(completed([str(python), "-c", textwrap.dedent(USE)], tmp_path))
    assert used == {
        "said": 'loud: "rain in Oslo"',
        "journal": ["CountingJournal", "ledger", 1],
        "memory": "FirstMemory",
        "team": 'loud: "rain in Oslo"',
    }


def test_the_command_line_runs_a_team_of_a_wheel_on_a_model_of_a_wheel(python: Path, tmp_path: Path) -> None:
    out = metagpt(python, tmp_path, "run", "rain?", "--team", "acme", "--model", "acme:quiet", "--out", str(tmp_path / "out"), "--json")
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["success"], last["output"]) == ("run_ended", True, {"text": 'quiet: "rain in Oslo"'})


def test_the_list_says_whose_a_part_is_and_why_it_does_not_load_and_breaks_nothing_else(python: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in metagpt(python, tmp_path, "plugins", "--json").splitlines()]
    acme = {(each["kind"], each["name"]): each for each in lines if each["distribution"] == "acme-parts"}
    assert {kind for kind, _ in acme} == {"models", "memory", "actions", "journals", "roles", "teams"}
    assert {each["version"] for each in acme.values()} == {"2.5.0"}
    assert all(Path(each["location"]).is_relative_to(python.parent.parent) for each in acme.values())
    errors = {name: each["error"] for (_, name), each in acme.items() if each["error"]}
    assert set(errors) == {"acme_broken", "acme_gone", "acme_leaves"}
    assert "RuntimeError: acme forgot a file" in errors["acme_broken"]
    assert "ModuleNotFoundError" in errors["acme_gone"]
    assert "SystemExit: 7" in errors["acme_leaves"]
    assert [each["name"] for each in lines if each["distribution"] == "metagpt" and each["error"]] == []


def test_the_list_for_people_shows_an_error_below_the_part_it_is_of(python: Path, tmp_path: Path) -> None:
    lines = metagpt(python, tmp_path, "plugins").splitlines()
    assert lines[0].split() == ["kind", "name", "version", "origin"]
    [place] = [index for index, line in enumerate(lines) if "acme_broken" in line and line.startswith("models")]
    assert lines[place].endswith("2.5.0    acme-parts (acme_parts.broken:open_nothing)")
    assert lines[place + 1].startswith("  error: plugins: found models plugin 'acme_broken'")
    assert list(tmp_path.iterdir()) == []
