"""Prompts: rendered once, strictly, from text or from files under prompts/."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import Goal
from metagpt.errors import ConfigError
from metagpt.runtime.prompts import PromptFile, render, template


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_value_is_inserted_as_it_is(value: str) -> None:
    assert render("<{{ value }}>", {"value": value}, (), owner="x") == f"<{value}>"


def test_the_ends_are_stripped_and_conditions_and_loops_work() -> None:
    prompt = "\n{% for each in goals %}{{ loop.index }}. {{ each.text }}\n{% endfor %}{% if note %}!{% endif %}\n"
    goals = [Goal(text="a"), Goal(text="b")]
    assert render(prompt, {"goals": goals, "note": None}, (), owner="x") == "1. a\n2. b"


@pytest.mark.parametrize(
    "prompt",
    ["{{ missing }}", "{{ goal.missing }}", "{{ goal.text.missing.more }}", "{{ goal", "{% if %}", "{% unknown %}", "{{ goal | nothing }}"],
)
def test_what_does_not_render_is_an_error_with_the_known_names(prompt: str) -> None:
    with pytest.raises(ConfigError, match=r"^writer\.pitch: found a prompt that does not render .*\['goal'\]"):
        render(prompt, {"goal": Goal(text="a")}, (), owner="writer.pitch")


@pytest.mark.parametrize("prompt", ["{{ goal.__class__ }}", "{{ names.clear() }}", "{{ [].append(1) }}", "{{ ''.__class__.__mro__ }}"])
def test_a_prompt_reaches_no_insides_and_changes_nothing(prompt: str) -> None:
    with pytest.raises(ConfigError, match="does not render"):
        render(prompt, {"goal": Goal(text="a"), "names": {}}, (), owner="x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, body in {"writer/pitch": "Pitch {{ goal }}.\n", "secret": "hidden"}.items():
        file = tmp_path / "prompts" / f"{name}.md.j2"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)
    (tmp_path / "outside.md.j2").write_text("outside")
    return tmp_path / "prompts"


def test_a_file_is_found_in_the_first_folder_that_has_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "writer").mkdir(parents=True)
    (tmp_path / "own" / "writer" / "pitch.md.j2").write_text("Own {{ goal }}")
    assert render(template("writer/pitch"), {"goal": "g"}, (folder,), owner="x") == "Pitch g."
    assert render(template("writer/pitch"), {"goal": "g"}, (tmp_path / "own", folder), owner="x") == "Own g"
    assert render(template("secret"), {}, (tmp_path / "own", folder), owner="x") == "hidden"


def test_a_missing_file_names_where_it_was_looked_for(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^x: found no prompt file 'writer/pich.md.j2'; expected it under .*prompts"):
        render(template("writer/pich"), {}, (folder,), owner="x")


@pytest.mark.parametrize("name", ["../outside", "writer/../../outside", "/etc/passwd", "", "a//b", ".", "writer\\..\\..\\outside", "a\0b"])
def test_a_name_that_leads_out_of_prompts_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="template: found"):
        template(name)


def test_a_file_behind_the_guard_is_not_reached_either(folder: Path) -> None:
    with pytest.raises(ConfigError, match="found no prompt file"):
        render(PromptFile("../outside"), {}, (folder,), owner="x")


def test_a_template_may_include_another_one(folder: Path) -> None:
    (folder / "both.md.j2").write_text("{% include 'secret.md.j2' %} {{ goal }}")
    assert render(template("both"), {"goal": "g"}, (folder,), owner="x") == "hidden g"


def test_a_changed_file_is_read_again(folder: Path) -> None:
    import os

    assert render(template("secret"), {}, (folder,), owner="x") == "hidden"
    file = folder / "secret.md.j2"
    file.write_text("changed")
    os.utime(file, (1, 1))
    assert render(template("secret"), {}, (folder,), owner="x") == "changed"
