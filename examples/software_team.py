"""The ready-made software team: a goal becomes a tested Python program in a folder.

`embedded` is the small model that comes with the package: no key, no download, needs the extra `local`. Its scope is narrow:
functions of one argument over texts, numbers, lists and tables. Pass model="openai:NAME" for anything else.

Prints, with the shipped model:
    success: True
    count_vowels(text: str) -> int
    count_vowels('Hello') is 2
"""

import importlib.util
import json
import tempfile
from pathlib import Path

from metagpt import Team

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        team = Team.load("software", model="embedded", workspace=folder)
        run = team.run_sync("Count the vowels in a text")
        print("success:", run.success)
        entry = json.loads(Path(folder, "run.json").read_text())["entry"]
        print(entry["signature"])
        found = importlib.util.spec_from_file_location("program", Path(folder, entry["file"]))
        assert found is not None
        assert found.loader is not None
        program = importlib.util.module_from_spec(found)
        found.loader.exec_module(program)
        print(f"{entry['function']}('Hello') is {getattr(program, entry['function'])('Hello')}")
