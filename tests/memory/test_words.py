"""Texts found by their words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt.memory.interface import MemoryEntry
from metagpt.memory.notebook import Notebook
from metagpt.memory.words import WordIndex

texts = st.lists(st.text("abc ", max_size=12), max_size=12)


def scores(texts: list[str], query: str) -> dict[int, float]:
    """BM25 as the paper writes it, for every text anew, as a part of the most; words of more than half left out beside rarer ones."""
    bags = [text.lower().split() for text in texts]
    mean = sum(map(len, bags)) / max(1, len(bags))
    asked = {word: sum(word in bag for bag in bags) for word in query.lower().split()}
    idf = {word: math.log(1 + (len(bags) - n + 0.5) / (n + 0.5)) for word, n in asked.items()}
    rare = {word for word, n in asked.items() if 0 < n <= max(1, len(bags) / 2)}
    found: dict[int, float] = {}
    for word in rare or asked:
        for number, bag in enumerate(bags):
            if tf := bag.count(word):
                value = idf[word] * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(bag) / mean)) / sum(idf.values())
                found[number] = found.get(number, 0.0) + value
    return found


def test_a_rare_word_counts_more_than_a_common_one_and_a_short_text_more_than_a_long_one() -> None:
    index = WordIndex()
    for number, text in enumerate(["the pot", "the cup", "the cup of the guest who came late", "the pan"]):
        index.add(number, text)
    assert list(index.best("the cup", 9)) == [1, 2]
    assert list(index.best("guest", 9)) == [2]
    assert index.best("kettle", 9) == {}
    assert index.best("the", 0) == {}


@given(texts, st.text("abc ", max_size=6))
def test_the_ranking_is_that_of_the_formula(texts: list[str], query: str) -> None:
    index = WordIndex()
    for number, text in enumerate(texts):
        index.add(number, text)
    expected = scores(texts, query)
    found = index.best(query, 99)
    assert found == pytest.approx(expected)
    assert list(found.values()) == sorted(found.values(), reverse=True)


@given(texts, st.sets(st.integers(0, 11)), st.text("abc ", max_size=6))
def test_what_was_discarded_leaves_nothing_behind(texts: list[str], gone: set[int], query: str) -> None:
    whole, kept = WordIndex(), WordIndex()
    for number, text in enumerate(texts):
        whole.add(number, text)
        if number not in gone:
            kept.add(number, text)
    for number in gone & set(range(len(texts))):
        whole.discard(number)
    assert whole.best(query, 99) == kept.best(query, 99)
    assert whole.__dict__ == kept.__dict__


@given(st.lists(st.tuples(st.text("xy", max_size=3), st.sampled_from(["", "k", "l"])), max_size=20))
def test_a_notebook_holds_the_last_entry_of_every_key_and_all_without_one(given_entries: list[tuple[str, str]]) -> None:
    entries = [MemoryEntry(text=text, key=key) for text, key in given_entries]
    last = {entry.key: number for number, entry in enumerate(entries) if entry.key}
    expected = [entry for number, entry in enumerate(entries) if not entry.key or last[entry.key] == number]
    assert list(Notebook(entries)) == expected
