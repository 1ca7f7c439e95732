"""The memory of as much as fits into a number of tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt.memory.interface import MemoryEntry
from metagpt.memory.token_budget import TokenBudgetMemory, estimated_tokens
from metagpt.plugins import load_plugin
from metagpt.testing import check_memory


async def test_it_keeps_what_the_interface_promises_and_is_registered() -> None:
    await check_memory(TokenBudgetMemory())
    assert load_plugin("memory", "token_budget") is TokenBudgetMemory


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(1, 60))
def test_the_window_is_the_longest_run_of_the_newest_that_fits(texts: list[str], tokens: int) -> None:
    entries = [MemoryEntry(text=text) for text in texts]
    opened = TokenBudgetMemory(tokens).open("critic", [])
    for entry in entries:
        opened.add(entry)
    window = list(opened.window())
    assert window == entries[len(entries) - len(window) :]
    assert sum(estimated_tokens(entry.text) for entry in window) <= tokens
    if len(window) < len(entries):
        longer = entries[len(entries) - len(window) - 1 :]
        assert sum(estimated_tokens(entry.text) for entry in longer) > tokens


async def test_what_does_not_fit_into_the_window_is_still_recalled() -> None:
    opened = TokenBudgetMemory(5).open("critic", [MemoryEntry(text="The teapot is blue."), MemoryEntry(text="A cup.")])
    assert [entry.text for entry in opened.window()] == ["A cup."]
    assert [entry.text for entry in await opened.recall("teapot", 5)] == ["The teapot is blue."]


def test_tokens_are_counted_as_the_user_says() -> None:
    opened = TokenBudgetMemory(3, count=lambda text: len(text.split())).open(
        "critic", [MemoryEntry(text="one two"), MemoryEntry(text="three")]
    )
    assert len(opened.window()) == 2


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        TokenBudgetMemory(0)
