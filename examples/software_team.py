"""The ready-made software team: a goal becomes a tested Python program in a folder.

`embedded` is the small model that comes with the package: no key, no download, needs the extra `local`. Its scope is narrow:
functions of one argument over texts, numbers, lists and tables. Pass model="openai:NAME" for anything else.

Prints, with the shipped model:
    success: True
    is_prime(number: int) -> bool
    is_prime(7) is True
"""

import importlib.util
import json
import tempfile
from pathlib import Path

from metagpt import Team

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        team = Team.load("software", model="embedded", workspace=folder)
        run = team.run_sync("Check whether a number is prime")
        print("success:", run.success)
        entry = json.loads(Path(folder, "run.json").read_text())["entry"]
        print(entry["signature"])
        found = importlib.util.spec_from_file_location("program", Path(folder, entry["file"]))
        assert found is not None
        assert found.loader is not None
        program = importlib.util.module_from_spec(found)
        found.loader.exec_module(program)
        print(f"{entry['function']}(7) is {getattr(program, entry['function'])(7)}")
