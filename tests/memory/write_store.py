"""A process of its own that writes to a long-term memory: `python write_store.py FILE NAME COUNT`."""

import sys
from pathlib import Path

from metagpt.memory.long_term import LongTermMemory

if __name__ == "__main__":
    path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    memory = LongTermMemory(path)
    for number in range(count):
        memory.remember(f"{name} wrote line {number}", role="clerk")
        memory.remember("both wrote this", role="clerk")
        memory.remember(f"{name} was last", key="last")
    memory.close()
    print("written")
