"""A team without Python: roles, message types, prompts, a loop with its limit and a budget stand in a file.

The file is data: it is read and checked like any team, and nothing of it is run. A finding names its line.
On the command line: metagpt run --team examples/role_file/team.toml "a teapot that never drips"

Prints:
    writer.pitch: Write a pitch for: a teapot that never drips
    critic.review: Review this pitch: The best teapot.
    writer.revise: Rewrite the pitch. Notes: name a fact
    critic.review: Review this pitch: A sharp lip, so not a drop.
    approved: True
    role.md:6: handlers.greet: found goal.txt; expected one of its fields. Did you mean 'text'?
"""

import os
import tempfile
from pathlib import Path

from metagpt import Role, Team
from metagpt.errors import TeamError
from metagpt.testing import ScriptedModel, data

FOLDER = Path(__file__).parent / "role_file"

ROLE = """\
---
messages: {Greeting: {text: str}}
---
A host.
## greet: Goal -> Greeting
Greet whoever says: {{ goal.txt }}
"""

if __name__ == "__main__":
    script = {
        "writer": [data({"text": "The best teapot."}), data({"text": "A sharp lip, so not a drop."})],
        "critic": [data({"approved": False, "notes": "name a fact"}), data({"approved": True})],
    }
    with ScriptedModel(script) as model:
        run = Team.from_file(FOLDER / "team.toml", model=model).run_sync("a teapot that never drips")
    for request in model.requests:
        print(f"{request.call}: {request.chat[-1].text}")
    print("approved:", run.success)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "role.md")
        path.write_text(ROLE)
        try:
            Role.from_file(path)
        except TeamError as error:
            print(error.findings[0].removeprefix(folder + os.sep))
