"""Folders of documents: passages, the search among them, and quotes."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from metagpt.errors import ActionError
from metagpt.roles.library import Citation, Library, Passage, standing
from metagpt.roles.library.documents import MOST_BYTES, PASSAGE_CHARS, cut
from metagpt.roles.library.finding import find
from metagpt.roles.library.ranking import Ranking


def test_every_passage_is_a_slice_of_its_document_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "# One\n\nFirst words.\n\nMore words here.\n\n# Two\n\n" + "A long sentence of words. " * 300
    parts = list(cut(text))
    assert all(part in text for part in parts)
    assert [part.split("\n")[0] for part in parts[:2]] == ["# One", "# Two"]
    assert max(map(len, parts)) <= 2 * PASSAGE_CHARS
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_only_text_files_of_the_folder_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("secret")
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("a.md", "deep/b.txt", ".git/c.md", ".d.md", "e.bin"):
        (folder / name).write_text(f"this is {name}")
    os.symlink(outside, folder / "f.md")
    assert Library(folder).names() == ["a.md", "deep/b.txt"]


def test_a_changed_document_is_read_again(tmp_path: Path) -> None:
    library = Library(tmp_path)
    (tmp_path / "a.md").write_text("old")
    assert [passage.text for passage in library.passages()] == ["old"]
    (tmp_path / "a.md").write_text("newer")
    assert [passage.text for passage in library.passages()] == ["newer"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("a.bin", b"x", "found none in"), ("a.md", b"\xff\xfe\xff", "no UTF-8"), ("a.md", b"x" * (MOST_BYTES + 1), "larger than")],
)
def test_a_folder_that_cannot_be_read_is_told(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ActionError, match=said):
        Library(tmp_path).passages()


def shelf(folder: Path, *texts: str) -> Library:
    for number, text in enumerate(texts):
        (folder / f"{number}.md").write_text(text)
    return Library(folder)


def test_the_passage_that_a_question_is_about_comes_first(tmp_path: Path) -> None:
    library = shelf(
        tmp_path, "Teapots hold a litre of tea.", "Kites fly on a string in the wind.", "A kettle boils the water for a teapot."
    )
    found = find(library, "What do kites need to fly?", 2)
    assert found.passages[0].document == "1.md"
    assert find(library, "kites wind", 2).coverage == 1.0
    assert 0 < find(library, "What does a submarine cost in Portugal?", 2).coverage < found.coverage / 1.5
    assert find(library, "Quo vadis?", 2).coverage == 0.0


def test_a_question_about_nothing_finds_nothing(tmp_path: Path) -> None:
    assert find(shelf(tmp_path, "b"), "?", 3).passages == []


@pytest.mark.parametrize(
    ("document", "quote", "is_standing"),
    [
        ("a.md", "holds one litre", True),
        ("a.md", "Holds  ONE\nlitre", True),
        ("a.md", "the “big” pot", True),
        ("a.md", "the big pot holds", False),
        ("a.md", "holds two litres", False),
        ("b.md", "holds one litre", False),
        ("a.md", "one", False),
        ("a.md", "", False),
    ],
)
def test_a_quote_stands_if_its_words_stand_in_its_document(document: str, quote: str, is_standing: bool) -> None:
    passages = [Passage(document="a.md", text='It *holds* one litre, the "big" pot.')]
    good, bad = standing([Citation(document=document, quote=quote)] * 2, passages)
    assert (len(good), len(bad)) == ((1, 0) if is_standing else (0, 1))


def test_the_ranking_is_bm25() -> None:
    """Worked by hand: three texts of 2, 1 and 3 words; "tea" stands in two of them, twice in the last."""
    ranking = Ranking(["green tea", "kite", "tea black tea"])
    assert ranking.best("tea", 3) == [2, 0]
    assert ranking.idf("tea") == pytest.approx(math.log(1 + 1.5 / 2.5))
    assert ranking._weight(ranking._counts[2], "tea") == pytest.approx(2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2)))
    assert ranking.best("tea", 1) == [2]
    assert ranking.coverage("tea kite", [1]) == pytest.approx(ranking.idf("kite") / (ranking.idf("tea") + ranking.idf("kite")))
