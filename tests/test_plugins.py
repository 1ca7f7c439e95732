"""Plugins: found by name on first use; a broken one is an error for whoever asks for it, and for nobody else."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Model, Team, WindowMemory, plugins
from metagpt.errors import ConfigError
from metagpt.plugins import GROUPS, list_plugins, load_plugin, open_journal, open_model
from metagpt.testing import ScriptedModel


def open_it(rest: str, settings: dict[str, object]) -> Any:
    return ScriptedModel([]) if rest == "right" else "no model"


def no_journal(rest: str) -> str:
    return rest


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("mine", f"{__name__}:open_it", "metagpt.models"),
        EntryPoint("broken", "no_such_module:thing", "metagpt.models"),
        EntryPoint("nonsense", "this is: no value!", "metagpt.models"),
        EntryPoint("none", f"{__name__}:no_journal", "metagpt.journals"),
        EntryPoint("memory", "metagpt:InMemoryJournal", "metagpt.journals"),
        EntryPoint("twice", f"{__name__}:open_it", "metagpt.models"),
        EntryPoint("twice", "elsewhere:open_it", "metagpt.models"),
        EntryPoint("repeated", f"{__name__}:open_it", "metagpt.models"),
        EntryPoint("repeated", f"{__name__}:open_it", "metagpt.models"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(point for point in points if point.group == group))


def test_our_own_parts_are_registered_like_any_other() -> None:
    assert load_plugin("memory", "window") is WindowMemory
    assert load_plugin("journals", "memory") is InMemoryJournal
    assert {plugin.group for plugin in list_plugins(try_loading=False)} == set(GROUPS)


def test_a_plugin_that_is_not_there_is_refused_with_the_closest_name(installed: None) -> None:
    with pytest.raises(ConfigError, match="found no models plugin 'brokn'.*Did you mean 'broken'"):
        load_plugin("models", "brokn")


def test_a_broken_plugin_is_an_error_only_for_whoever_asks_for_it(installed: None) -> None:
    assert load_plugin("models", "mine").__name__ == "open_it"
    with pytest.raises(ConfigError, match=r"'broken' \(no_such_module:thing\) that does not load \(ModuleNotFoundError"):
        load_plugin("models", "broken")
    errors = {plugin.name: plugin.error for plugin in list_plugins()}
    assert "does not load" in errors["broken"]
    assert "does not load" in errors["nonsense"]
    assert "registered as elsewhere:open_it, too" in errors["twice"]
    assert errors["mine"] == ""


def test_one_name_for_two_plugins_is_refused_and_one_plugin_found_twice_is_not(installed: None) -> None:
    with pytest.raises(ConfigError, match="'twice' registered as elsewhere:open_it and as "):
        load_plugin("models", "twice")
    assert load_plugin("models", "repeated").__name__ == "open_it"


def test_a_reference_is_opened_by_its_scheme(installed: None) -> None:
    assert isinstance(open_model("mine:right"), Model)
    with pytest.raises(ConfigError, match="model 'mine:wrong': found the plugin 'mine' to open 'no model'"):
        open_model("mine:wrong")


def test_a_journal_is_opened_by_its_name(installed: None) -> None:
    assert isinstance(open_journal("memory"), InMemoryJournal)
    assert isinstance(Team([], final=Goal, journal="memory").journal, InMemoryJournal)
    with pytest.raises(ConfigError, match="found the plugin 'none' to open 'x'; expected a Journal"):
        open_journal("none:x")
    with pytest.raises(ConfigError, match="journal 'memory:x': found .*; expected NAME"):
        open_journal("memory:x")
