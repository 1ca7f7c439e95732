"""Every program in examples/ prints what its docstring says."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "metagpt" / "models" / "embedded_weights"
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
NEEDS_WEIGHTS = {"lab_generate.py", "software_team.py"}


def expected_output(path: Path) -> str:
    """The indented lines below `Prints…:` in the docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    _, _, below = docstring.partition("\nPrints")
    return textwrap.dedent(below.partition(":\n")[2]).strip()


def run_example(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The program, as a user would start it, with warnings as errors and no key within reach."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environment.update({"PYTHONWARNINGS": "error", "HF_HUB_OFFLINE": "1"} if path.name not in NEEDS_WEIGHTS else {"HF_HUB_OFFLINE": "1"})
    return subprocess.run(
        [sys.executable, str(path)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(
                    not any(WEIGHTS.glob("*.safetensors")), reason="the embedded model's weights are not in metagpt/models yet"
                ),
            ]
            if name in NEEDS_WEIGHTS
            else [],
        )
        for name in EXAMPLES
    ],
)
def test_an_example_prints_what_its_docstring_says_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    path = ROOT / "examples" / name
    expected = expected_output(path)
    assert expected, "found no `Prints:` in the docstring; expected the program's output there"
    done = run_example(path, tmp_path)
    assert done.stderr == ""
    assert done.stdout.strip() == expected
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_and_imports_without_running(name: str) -> None:
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) <= 90, "found more than 90 lines; expected one thing, shown shortly"
    assert 'if __name__ == "__main__":' in text
