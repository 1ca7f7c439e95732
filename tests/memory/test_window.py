"""The memory of the last few things."""

from __future__ import annotations

import pytest

from metagpt import Memory, WindowMemory
from metagpt.errors import ConfigError
from metagpt.memory.interface import MemoryEntry
from metagpt.plugins import load_plugin, open_memory
from metagpt.testing import check_memory


def notes(*texts: str) -> list[MemoryEntry]:
    return [MemoryEntry(text=text) for text in texts]


async def test_the_window_memory_keeps_what_the_interface_promises() -> None:
    await check_memory(WindowMemory())
    await check_memory(WindowMemory(last=3, exchanges=True))


def test_the_window_memory_is_registered_and_is_a_memory() -> None:
    assert load_plugin("memory", "window") is WindowMemory
    assert isinstance(WindowMemory(), Memory)


def test_only_the_last_entries_are_kept() -> None:
    opened = WindowMemory(last=2).open("critic", notes("one", "two", "three"))
    assert [entry.text for entry in opened.window()] == ["two", "three"]
    opened.add(MemoryEntry(text="four"))
    assert [entry.text for entry in opened.window()] == ["three", "four"]


def test_a_window_that_was_handed_out_does_not_change() -> None:
    opened = WindowMemory().open("critic", notes("one"))
    window = opened.window()
    opened.add(MemoryEntry(text="two"))
    assert len(window) == 1


async def test_recall_finds_shared_words_the_most_first_then_the_newest() -> None:
    opened = WindowMemory().open("critic", notes("blue teapot", "red teapot", "a blue teapot that drips", "samovar"))
    assert [entry.text for entry in await opened.recall("Blue teapots? A teapot!", 5)] == [
        "a blue teapot that drips",
        "blue teapot",
        "red teapot",
    ]
    assert await opened.recall("kettle", 5) == []
    assert await opened.recall("", 5) == []
    assert len(await opened.recall("teapot", 1)) == 1


async def test_recall_reads_the_answers_of_exchanges() -> None:
    opened = WindowMemory().open("critic", [MemoryEntry(kind="exchange", text="What drips?", answer="The samovar.")])
    assert len(await opened.recall("samovar", 5)) == 1


async def test_words_of_every_language_are_found() -> None:
    opened = WindowMemory().open("critic", notes("Der Größenwahn", "茶壶 漏水"))
    assert len(await opened.recall("größenwahn", 5)) == 1
    assert len(await opened.recall("茶壶", 5)) == 1


@pytest.mark.parametrize("last", [0, -1])
def test_a_memory_of_nothing_is_refused(last: int) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        WindowMemory(last)


def test_an_entry_with_a_key_takes_the_place_of_the_one_before_it() -> None:
    old, new = (MemoryEntry(text=text, key="colour") for text in ("green", "red"))
    opened = WindowMemory(last=3).open("critic", [old, *notes("one", "two")])
    opened.add(new)
    assert [entry.text for entry in opened.window()] == ["one", "two", "red"]


def test_a_memory_named_by_a_role_or_a_team_is_opened_with_its_own_settings() -> None:
    with pytest.raises(ConfigError, match="no memory plugin 'windw'.*Did you mean 'window'"):
        open_memory("windw")
    with pytest.raises(ConfigError, match="found settings {'lst': 3}"):
        open_memory("window", {"lst": 3})
    opened = open_memory("window", {"last": 3})
    assert isinstance(opened, WindowMemory)
    assert opened.last == 3
