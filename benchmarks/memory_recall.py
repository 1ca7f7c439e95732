"""Planted facts among 10,000 memories: how often each memory finds them, and how long a recall takes.

    python -m benchmarks.memory_recall [--memories 10000] [--file FILE]

The memories and questions are those of examples/memory_recall.py. Encoding is most of the time and is not measured with the
recalls; with --file, what is encoded stays there, and a second call needs not do it again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from examples.memory_recall import BY_NAME_OR_NUMBER, IN_OTHER_WORDS, memories
from metagpt.memory.interface import Memory, MemoryEntry, Recollection
from metagpt.memory.long_term import LongTermMemory
from metagpt.memory.token_budget import TokenBudgetMemory
from metagpt.memory.vector import Encoder, SentenceEncoder, VectorMemory
from metagpt.memory.vector.stored import StoredVectors
from metagpt.memory.window import WindowMemory

ROUNDS = 3


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    lines = memories(arguments.memories)
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(_measure(lines, arguments.file or Path(scratch) / "memory.db"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--file", type=Path, help="where the long-term memory is kept for the next call")
    return parser.parse_args()


async def _measure(lines: Sequence[str], file: Path) -> None:
    encoder = SentenceEncoder()
    encoder.encode(["load it"])
    seconds, fresh = _fill(lines, file, encoder)
    print(f"{len(lines)} memories, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {fresh} encoded in {seconds:.1f} s")
    print(
        f"{'':34}{'other words':>14}{'names, numbers':>17}{'ms a recall':>14}\n{'':34}{'@1':>7}{'@5':>7}{'@1':>10}{'@5':>7}{'median':>14}"
    )
    memories_by_name: Mapping[str, Memory] = {
        "window (words, all of them)": WindowMemory(last=len(lines)),
        "token_budget (BM25)": TokenBudgetMemory(),
        "vector without words": VectorMemory(encoder=_Looked(file, encoder), words=False),
        "vector": VectorMemory(encoder=_Looked(file, encoder)),
        "long_term (BM25)": LongTermMemory(file),
        "long_term(encoder='minilm')": LongTermMemory(file, encoder=encoder),
    }
    for name, memory in memories_by_name.items():
        opened = memory.open("archivist", [] if isinstance(memory, LongTermMemory) else [MemoryEntry(text=line) for line in lines])
        await opened.recall("what is new is indexed at the first recall", 5)
        figures = [await _asked(opened, questions) for questions in (IN_OTHER_WORDS, BY_NAME_OR_NUMBER)]
        scores = "".join(f"{first:{width}.2f}{five:7.2f}" for (first, five, _), width in zip(figures, (7, 10), strict=True))
        print(f"{name:34}{scores}{statistics.median(ms for *_, times in figures for ms in times):14.1f}", flush=True)
        if isinstance(memory, LongTermMemory):
            memory.close()


def _fill(lines: Sequence[str], file: Path, encoder: Encoder) -> tuple[float, int]:
    """Write what is not in the file yet, with its vectors; the seconds that encoding took, and of how many."""
    memory = LongTermMemory(file, encoder=encoder)
    known = memory.submit(lambda store: store.read("SELECT count(*) FROM vectors")[0][0]).result()
    entries = [MemoryEntry(text=line, time=1.0 + number) for number, line in enumerate(lines)]
    memory.submit(lambda store: store.put("archivist", entries, 0.0, only_unknown=True)).result()
    started = time.perf_counter()
    memory.submit(lambda store: StoredVectors(store, encoder).nearest("encode", 1, "archivist", least=0)).result()
    memory.close()
    return time.perf_counter() - started, len(lines) - known


class _Looked:
    """The encoder, with the vectors that the file has: encoding is measured once."""

    name = "minilm"

    def __init__(self, file: Path, encoder: Encoder) -> None:
        import numpy as np

        memory = LongTermMemory(file)
        found = memory.submit(lambda store: store.read("SELECT text, row FROM vectors JOIN entries ON id = entry")).result()
        memory.close()
        self._rows = {text: np.frombuffer(row, np.float32) for text, row in found}
        self._encoder = encoder

    def encode(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        import numpy as np

        missing = [text for text in texts if text not in self._rows]
        fresh = dict(zip(missing, self._encoder.encode(missing), strict=True)) if missing else {}
        return np.stack([fresh[text] if text in fresh else self._rows[text] for text in texts])


async def _asked(opened: Recollection, questions: Mapping[str, str]) -> tuple[float, float, list[float]]:
    """recall@1, recall@5 and the milliseconds of every recall."""
    first = five = 0
    times = []
    for fact, question in list(questions.items()) * ROUNDS:
        started = time.perf_counter()
        found = [entry.text for entry in await opened.recall(question, 5)]
        times.append(1000 * (time.perf_counter() - started))
        first, five = first + (found[:1] == [fact]), five + (fact in found)
    return first / len(times), five / len(times), times


if __name__ == "__main__":
    main()
