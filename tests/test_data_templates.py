"""Templates of data files: what they can do, and all that they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from metagpt import Message
from metagpt.errors import ConfigError
from metagpt.runtime import data_templates
from metagpt.runtime.data_templates import DataCondition, DataTemplate, TemplateFaultError


class Note(Message):
    text: str
    items: list[str] = []
    score: int = 0


def rendered(text: str, **context: object) -> str:
    return DataTemplate(text, "team.toml:3").render(context, owner="writer.pitch")


def test_a_template_renders_fields_loops_conditions_and_filters() -> None:
    note = Note(text="tea", items=["b", "a"], score=2)
    text = "{{ note.text | upper }}{% for item in note.items | sort %} {{ loop.index }}{{ item }}{% endfor %}{% if note.score > 1 %}!{% endif %}"
    assert rendered(text, note=note) == "TEA 1a 2b!"


def test_a_field_that_has_the_name_of_a_method_is_the_field() -> None:
    assert rendered("{{ note.items | join(',') }}", note=Note(text="x", items=["a", "b"])) == "a,b"


def test_a_value_with_braces_stays_a_value() -> None:
    assert rendered("{{ note.text }}", note=Note(text="{{ 1 + 1 }}")) == "{{ 1 + 1 }}"


def test_json_is_written_for_prompts_and_not_for_web_pages() -> None:
    assert rendered("{{ note.text | tojson }}", note=Note(text="a < b")) == '"a < b"'


@pytest.mark.parametrize(
    "text",
    [
        "{{ note.model_dump() }}",
        "{{ note.parse_raw('x', proto='pickle', allow_pickle=True) }}",
        "{{ range(10) }}",
        "{{ ''.join(['a']) }}",
        "{{ '%s'.format(note) }}",
        "{% macro f() %}{% endmacro %}{{ f() }}",
        "{% include 'other' %}",
        "{% import 'other' as other %}",
        "{% extends 'other' %}",
        "{{ note | attr('__class__') }}",
        "{{ note | pprint }}",
        "{{ 'x' | center(1000000000) }}",
        "{% for x in note.items recursive %}{{ loop(x) }}{% endfor %}",
    ],
)
def test_what_reaches_out_is_refused_when_the_text_is_read(text: str) -> None:
    with pytest.raises(TemplateFaultError):
        DataTemplate(text, "team.toml:3")


@pytest.mark.parametrize(
    "text",
    [
        "{{ note.__class__ }}",
        "{{ note.model_fields }}",
        "{{ note['__class__'] }}",
        "{{ note.text.__class__.__mro__ }}",
        "{{ note.missing }}",
        "{{ other }}",
        "{{ 'a' * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ note.items | map(attribute='__class__') | list | first }}",
        "{{ 1 / 0 }}",
    ],
)
def test_what_cannot_be_known_before_is_refused_when_it_is_rendered(text: str) -> None:
    with pytest.raises(ConfigError, match="Mend team.toml:3"):
        rendered(text, note=Note(text="x", items=["a"]))


def test_a_text_that_grows_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_templates, "MOST_CHARS", 100)
    with pytest.raises(ConfigError, match="more than 100 characters"):
        rendered("{% for a in note.items %}{{ note.text }}{% endfor %}", note=Note(text="x" * 60, items=["a", "b"]))


def test_a_fault_names_its_row() -> None:
    with pytest.raises(TemplateFaultError) as caught:
        DataTemplate("one\n{{ two }}\n{% for %}", "team.toml:3")
    assert caught.value.row == 3


@pytest.mark.parametrize(("text", "expected"), [("not note.items", True), ("note.score > 3", False), ("note.text == 'x' and true", True)])
def test_a_condition_is_true_or_false(text: str, expected: bool) -> None:
    assert DataCondition(text, "team.toml:3").holds({"note": Note(text="x")}) is expected


@pytest.mark.parametrize("text", ["note.items(", "note.copy()", "a }} {{ b", ""])
def test_a_text_that_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(TemplateFaultError):
        DataCondition(text, "team.toml:3")


def test_a_condition_over_what_is_missing_says_where_it_stands() -> None:
    with pytest.raises(ConfigError, match=r"^team.toml:3: found 'note.missing' failing"):
        DataCondition("note.missing", "team.toml:3").holds({"note": Note(text="x")})


def test_no_file_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").write_text("secret")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TemplateFaultError, match="not for data files"):
        DataTemplate("{% include 'other' %}", "team.toml:3")
