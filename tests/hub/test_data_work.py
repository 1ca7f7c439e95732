"""Splits, cleaning, duplicates and leaks."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import LabError, load_data
from metagpt.hub.data import (
    CleaningRules,
    Example,
    Origin,
    TextData,
    check_splits,
    clean,
    drop_leaks,
    few_shot,
    find_duplicates,
    find_leaks,
    split,
)
from metagpt.hub.data.near import normalized, similar_pairs
from tests.hub.test_data_loading import DATA

THIRDS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def examples(rows: list[tuple[str, str]], source: str = "a.csv", **fields: list[str]) -> TextData:
    made = [
        Example(text=text, label=label, origin=Origin(source, number + 2), fields={key: values[number] for key, values in fields.items()})
        for number, (text, label) in enumerate(rows)
    ]
    return TextData(made, name=source)


def numbered(count: int, labels: str = "aab", **fields: list[str]) -> TextData:
    return examples([(f"text number {number}", labels[number % len(labels)]) for number in range(count)], "a.csv", **fields)


# splits


def test_every_example_goes_to_exactly_one_part_and_classes_keep_their_shares() -> None:
    data = numbered(300)
    parts = split(data, THIRDS, seed=3)
    assert Counter(text for part in parts.values() for text in part.texts) == Counter(data.texts)
    assert [len(part) for part in parts.values()] == [240, 30, 30]
    assert [part.counts()["b"] for part in parts.values()] == [80, 10, 10]


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.integers(0, 99))
def test_stratified_parts_are_whole_and_near_their_shares_whatever_the_classes(labels: list[str], seed: int) -> None:
    data = examples([(f"text {number}", label) for number, label in enumerate(labels)])
    if min(Counter(labels).values()) < 3:
        with pytest.raises(LabError, match="expected 3 or more, one for each part"):
            split(data, THIRDS, seed=seed)
        return
    parts = split(data, THIRDS, seed=seed)
    assert sorted(text for part in parts.values() for text in part.texts) == sorted(data.texts)
    assert all(set(part.labels) == set(labels) for part in parts.values())
    assert abs(len(parts["train"]) - 0.8 * len(labels)) <= 2 * len(set(labels))


def test_equal_seeds_give_equal_parts_and_others_do_not() -> None:
    data = numbered(100)
    assert split(data, THIRDS, seed=1)["test"] == split(data, THIRDS, seed=1)["test"]
    assert split(data, THIRDS, seed=1)["test"] != split(data, THIRDS, seed=2)["test"]


def test_groups_stay_together_and_classes_stay_balanced() -> None:
    authors = [f"author {number // 3}" for number in range(300)]
    parts = split(numbered(300, author=authors), THIRDS, group="author", seed=5)
    owners = [{example.fields["author"] for example in part} for part in parts.values()]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]
    assert [len(part) for part in parts.values()] == [240, 30, 30]
    assert [part.counts()["b"] for part in parts.values()] == [80, 10, 10]
    assert find_leaks(parts, group="author") == []


@pytest.mark.parametrize(
    ("shares", "keywords", "said"),
    [
        ({"train": 0.8, "test": 0.1}, {}, "expected numbers above 0 that add up to 1"),
        ({"train": 1.2, "test": -0.2}, {}, "expected numbers above 0 that add up to 1"),
        (THIRDS, {"group": "author"}, r"a.csv:2: found no field 'author'; expected it in every row. Its fields: none"),
        ({"train": 0.97, "test": 0.03}, {"stratify": False}, "found nothing left for 'test' of 6 examples"),
        (THIRDS, {}, r"a.csv:4: found 2 example\(s\) of class 'b'; expected 3 or more"),
    ],
)
def test_a_split_that_cannot_be_says_why(shares: dict[str, float], keywords: dict[str, object], said: str) -> None:
    with pytest.raises(LabError, match=said):
        split(numbered(6), shares, **keywords)  # type: ignore[arg-type]


def test_few_shot_draws_as_many_of_every_class() -> None:
    few = few_shot(numbered(60), 5, seed=1)
    assert few.counts() == {"a": 5, "b": 5}
    assert few == few_shot(numbered(60), 5, seed=1)
    assert few != few_shot(numbered(60), 5, seed=2)
    with pytest.raises(LabError, match=r"a.csv:2: found 4 example\(s\) of class 'a'; expected 5 or more"):
        few_shot(numbered(6), 5)


# duplicates


def test_texts_that_differ_in_case_signs_and_spaces_are_one() -> None:
    data = examples([("Is it so?", "a"), ("other", "a"), ("is  it so", "a"), ("IS IT SO!", "a")])
    assert [(each.first, each.second, each.similarity) for each in find_duplicates(data)] == [(0, 2, 1.0), (0, 3, 1.0)]
    assert normalized("?!") == "?!"


@given(st.lists(st.text("ab ", min_size=1, max_size=8), max_size=12), st.lists(st.text("ab ", min_size=1, max_size=8), max_size=8))
def test_near_pairs_are_exactly_those_that_comparing_all_finds(texts: list[str], others: list[str]) -> None:
    def grams(text: str) -> set[str]:
        padded = f"  {normalized(text)} "
        return {padded[start : start + 3] for start in range(len(padded) - 2)}

    def similarity(one: str, other: str) -> float:
        return len(grams(one) & grams(other)) / len(grams(one) | grams(other))

    for least in (0.3, 0.5, 0.9):
        across = {(i, j) for i, a in enumerate(texts) for j, b in enumerate(others) if similarity(a, b) >= least}
        assert {pair[:2] for pair in similar_pairs(texts, others, least)} == across
        within = {(i, j) for j, b in enumerate(texts) for i, a in enumerate(texts[:j]) if similarity(a, b) >= least}
        assert {pair[:2] for pair in similar_pairs(texts, None, least)} == within


def test_a_similarity_that_is_none_is_refused() -> None:
    with pytest.raises(LabError, match="found 1.5; expected a similarity above 0, up to 1"):
        find_duplicates(numbered(3), near=1.5)


# leaks


def test_a_text_in_two_parts_is_an_error_with_both_places() -> None:
    parts = {
        "train": examples([("Is it so?", "a"), ("x", "b")], "train.csv"),
        "test": examples([("y", "a"), ("is it so", "a")], "test.csv"),
    }
    with pytest.raises(LabError) as caught:
        check_splits(parts)
    assert "found 1 fault(s)" in str(caught.value)
    assert "test.csv:3: the same text as train.csv:2: 'is it so'" in str(caught.value)


def test_a_label_seen_only_in_the_test_is_an_error_with_its_first_place() -> None:
    parts = {"train": examples([("x", "a")], "train.csv"), "test": examples([("y", "a"), ("z", "c"), ("w", "c")], "test.csv")}
    with pytest.raises(LabError, match=r"test.csv:3: found the label 'c', which 'train' never shows") as caught:
        check_splits(parts)
    assert "found 1 fault(s)" in str(caught.value)
    with pytest.raises(LabError, match="train: found no example of class 'd'; expected one or more"):
        check_splits({"train": parts["train"]}, classes=("a", "d"))


def test_tags_seen_only_in_the_test_are_found_too() -> None:
    train = TextData([Example(text="Ann", label=("B-person",), fields={"tokens": ["Ann"]})])
    test = TextData([Example(text="Oslo", label=("B-place",), fields={"tokens": ["Oslo"]})])
    with pytest.raises(LabError, match="test: found the label 'B-place'"):
        check_splits({"train": train, "test": test})


def test_near_copies_and_shared_groups_leak_when_asked_for() -> None:
    text = "the quick brown fox jumps over the lazy dog by the river"
    train = examples([(text, "a"), ("x", "a")], "train.csv", author=["ann", "bob"])
    test = examples([(text + "s", "a"), ("y", "a")], "test.csv", author=["cid", "bob"])
    parts = {"train": train, "test": test}
    check_splits(parts)
    [leak] = find_leaks(parts, near=0.9)
    assert 0.9 < leak.similarity < 1
    [shared] = find_leaks(parts, group="author")
    assert (shared.first.text, shared.second.text) == ("x", "y")


def test_leaks_are_dropped_from_the_earlier_part_with_all_their_copies() -> None:
    train = examples([("a b", "a"), ("A b!", "a"), ("c", "a")], "train.csv")
    test = examples([("a b.", "a"), ("a, b", "a"), ("d", "a")], "test.csv")
    kept, leaks = drop_leaks({"train": train, "test": test})
    assert kept["train"].texts == ["c"]
    assert kept["test"] == test
    assert len(leaks) == 3
    check_splits(kept)


# cleaning


def test_cleaning_reports_every_change_with_its_place_and_reason() -> None:
    data = examples([("x  y\u200b", "a"), ("?!", "a"), ("same", "a"), ("Same.", "b"), ("twice", "a"), ("twice!", "a"), ("w" * 30, "a")])
    cleaned, report = clean(data, CleaningRules(max_characters=20))
    assert cleaned.texts == ["x y", "twice"]
    assert (report.before, report.after) == (7, 2)
    assert report.counts() == {"rewritten": 1, "empty": 1, "long": 1, "conflict": 2, "duplicate": 1}
    told = report.to_markdown()
    assert "- conflict: 2\n  - a.csv:4: 'same' is labelled 'a', 'b'" in told
    assert "  - a.csv:7: says the same as a.csv:6" in told
    assert data.texts[0] == "x  y\u200b"


def test_cleaning_twice_changes_nothing_more() -> None:
    cleaned, _ = clean(examples([(f" {word}  {word}", "a") for word in ("x", "X", "y", "e\u0301")]))
    assert cleaned.texts == ["x x", "y y", "é é"]
    again, report = clean(cleaned)
    assert (again, report.changes) == (cleaned, ())


def test_tagged_text_is_never_rewritten() -> None:
    data = TextData([Example(text="a  b", label=("O", "O"), fields={"tokens": ["a", " b"]})])
    assert clean(data)[0] == data


@pytest.mark.skipif(not DATA.is_dir(), reason="the published sets are not here")
def test_the_leaks_of_a_published_set_are_found_and_dropped() -> None:
    parts = {part: load_data(DATA / "banking77" / f"{part}.csv", label="category") for part in ("train", "test")}
    with pytest.raises(LabError, match="the same text as"):
        check_splits(parts)
    kept, leaks = drop_leaks(parts)
    assert {normalized(text) for text in kept["train"].texts}.isdisjoint(map(normalized, kept["test"].texts))
    assert len(kept["train"]) == 10_003 - len({id(leak.first) for leak in leaks})
    check_splits(kept)
    assert few_shot(kept["train"], 5, seed=1).counts().total() == 77 * 5
