"""What is built and installed is whole: the wheel, the wheel made of the sdist, and the editable installation."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINKED = {"metagpt/roles": "../roles", "metagpt/prompts": "../prompts"}
MOST_BYTES = 30 << 20
EXTRA_ONLY = {"torch", "transformers", "numpy", "safetensors", "tokenizers", "llguidance", "accelerate", "matplotlib"}

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="these are not the sources")


def hatchling(*arguments: str, folder: Path) -> None:
    """Build without a network: hatchling itself, in this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist."""
    folder = tmp_path_factory.mktemp("dist")
    hatchling("build", "-d", str(folder), folder=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    [found] = built.glob("*.whl")
    return found


def package_files(root: Path) -> set[str]:
    """Every file of the package, through the links."""
    found = set()
    for folder, _, files in os.walk(root / "metagpt", followlinks=True):
        if "__pycache__" not in folder:
            found |= {(Path(folder) / file).relative_to(root).as_posix() for file in files}
    return found


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return {name for name in opened.namelist() if not name.endswith("/")}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    names = names_in(wheel)
    own = {name for name in names if ".dist-info/" not in name}
    assert own == package_files(ROOT)
    for name in (
        "metagpt/roles/software/team.py",
        "metagpt/prompts/engineer/write_program.md.j2",
        "metagpt/behaviour/runner.py",
        "metagpt/py.typed",
    ):
        assert name in own
    assert not [name for name in own if name.split("/")[0] == "tests" or name.endswith((".db", ".pyc", ".pt", ".bin"))]
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_is_small_enough_to_be_fetched_in_passing(wheel: Path) -> None:
    assert wheel.stat().st_size <= MOST_BYTES


def test_the_core_requirements_are_few_and_hold_no_tensors(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        [name] = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(opened.read(name).decode())
    requirements = metadata.get_all("Requires-Dist") or []
    core = {line.split(">")[0].split("=")[0].split("[")[0].strip() for line in requirements if "extra ==" not in line}
    assert core & EXTRA_ONLY == set()
    assert len(core) <= 13
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"


def test_an_sdist_makes_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as opened:
        assert not [member.name for member in opened.getmembers() if member.issym() or member.islnk()]
        opened.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    hatchling("build", "-t", "wheel", "-d", str(tmp_path / "again"), folder=source)
    [again] = (tmp_path / "again").glob("*.whl")
    assert names_in(again) == names_in(wheel)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel in it; what it requires is lent from here."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    done = subprocess.run([*pip, str(wheel)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [packages] = (folder / "lib").glob("python*/site-packages")
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return python


def output_of(command: list[str], folder: Path) -> str:
    """What it prints, in a folder where none of the sources can be seen."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "METAGPT_", "OPENAI_"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_package_is_the_one_that_is_imported(installed: Path, tmp_path: Path) -> None:
    program = "import metagpt, metagpt.roles, metagpt.prompts; print(metagpt.__file__, metagpt.roles.__file__, metagpt.prompts.__file__)"
    paths = [Path(path) for path in output_of([str(installed), "-c", program], tmp_path).split()]
    assert all(path.is_relative_to(installed.parent.parent) for path in paths)
    assert list(tmp_path.iterdir()) == []


def test_the_installed_software_team_is_made_and_finds_its_prompts(installed: Path, tmp_path: Path) -> None:
    program = "\n".join(
        [
            "import json",
            "from metagpt import Team",
            "from metagpt.runtime.prompts import render, template",
            "team = Team.load('software')",
            "folders = team.roles['engineer'].prompt_folders",
            "names = {'goal': 'g', 'signature': 's', 'summary': 's', 'examples': []}",
            "print(json.dumps([sorted(team.roles), render(template('engineer/write_program'), names, folders, owner='test')[:1] != '']))",
        ]
    )
    assert json.loads(output_of([str(installed), "-c", program], tmp_path)) == [["engineer", "evaluator", "product_manager"], True]


def test_every_part_that_the_installed_package_registers_loads(installed: Path, tmp_path: Path) -> None:
    program = (
        "import json; from metagpt.plugins import list_plugins;"
        "print(json.dumps([[p.group, p.name, p.error] for p in list_plugins() if p.distribution == 'metagpt' and p.error]))"
    )
    assert json.loads(output_of([str(installed), "-c", program], tmp_path)) == []


@pytest.mark.skipif(not (ROOT / "metagpt" / "cli" / "app.py").exists(), reason="metagpt/cli/app.py is not there yet")
def test_the_installed_program_tells_its_commands(installed: Path, tmp_path: Path) -> None:
    text = output_of([str(installed.parent / "metagpt"), "--help"], tmp_path)
    assert all(command in text for command in ("run", "resume", "check", "doctor"))
    assert list(tmp_path.iterdir()) == []


def test_an_editable_installation_sees_roles_and_prompts(tmp_path: Path) -> None:
    build = f"from hatchling.build import build_editable; print(build_editable({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    [editable] = tmp_path.glob("*.whl")
    packages = tmp_path / "site-packages"
    with zipfile.ZipFile(editable) as opened:
        opened.extractall(packages)
    program = (
        f"import site, sys; sys.path = [p for p in sys.path if p != {str(ROOT)!r}]; site.addsitedir({str(packages)!r});"
        "import metagpt.roles.software, metagpt.prompts; print(metagpt.__file__)"
    )
    assert Path(output_of([sys.executable, "-c", program], tmp_path).strip()) == ROOT / "metagpt" / "__init__.py"


def test_the_constraints_fit_this_environment_where_they_name_the_same_things() -> None:
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert not [pin for pin in pins.values() if "+" in pin], "found a local version; expected versions that every index has"
    for name in ("pydantic", "openai", "transformers", "torch", "pytest", "mypy", "ruff"):
        assert name in pins
    assert "metagpt" not in pins
    assert pins["torch"] == version("torch").split("+")[0]


@pytest.mark.parametrize(("link", "target"), LINKED.items())
def test_roles_and_prompts_are_links_inside_the_package(link: str, target: str) -> None:
    assert (ROOT / link).is_symlink()
    assert os.readlink(ROOT / link) == target
