"""The memory that finds what means the same: texts as vectors, by a sentence encoder. Needs the extra `memory`."""

from metagpt.memory.vector.encoder import Encoder, SentenceEncoder
from metagpt.memory.vector.memory import VectorMemory

__all__ = ["Encoder", "SentenceEncoder", "VectorMemory"]
