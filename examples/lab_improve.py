"""The loop from runs to a better role: a model learns from the runs of its role, and is promoted because it is better.

A new hub begins with a model that knows nothing. Runs whose programs passed become a set of data, a candidate is trained on it, both
answer the same held-out tasks, their programs are run in the sandbox, and an exact paired test decides. One call goes back.

Prints:
    engineer.write_program@1: 20 train, 8 held_out prompts with passed answers, from 28 runs.
    held-out tasks done right: 0 of 8 before, 8 of 8 after, p = 0.0078
    promoted engineer@2, made from engineer.write_program@1, engineer.write_program.rewards@1, novice@1
    rolled back to engineer@1
"""

import asyncio
import tempfile
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from metagpt import Goal, Message, ModelHub, Role, SqliteJournal, Team, on
from metagpt.lab import MetaGPTConfig, MetaGPTForCausalLM, MetaGPTTokenizer, data_from_runs, improve, rollback
from metagpt.lab.from_runs import is_held_out
from metagpt.testing import FunctionModel

SOURCE = "def same(x: int) -> int:\n    return x\n"


class Program(Message):
    source: str
    given: list[tuple[int, int]]


class Engineer(Role):
    """You write one Python function."""

    @on(Goal)
    async def write_program(self, goal: Goal) -> Program:
        signature = "same(x: int) -> int"
        source = await self.ask(str, "Write {{ signature }}", name="write_program", signature=signature, summary=goal.text)
        return Program(source=source, given=[(1, 1), (-4, -4)])


async def record_runs(journal: SqliteJournal) -> None:
    """Runs of a team whose engineer is a good model: 20 to learn from, 8 of held-out goals."""
    goals = [f"give it back, wish {number}" for number in range(100)]
    chosen = [goal for goal in goals if not is_held_out(goal)][:20] + [goal for goal in goals if is_held_out(goal)][:8]
    good = FunctionModel(lambda request: SOURCE)
    team = Team([Engineer()], final=Program, model=good, journal=journal, success=lambda program: True, name="example")
    for goal in chosen:
        await team.run(goal)


def push_novice(hub: ModelHub, folder: Path) -> None:
    """A Transformer of random weights."""
    torch.manual_seed(7)
    tokenizer = MetaGPTTokenizer.from_texts([SOURCE], vocab_size=270)
    config = MetaGPTConfig(
        vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=512,
    )  # fmt: skip
    model = MetaGPTForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    hub.push(folder, "novice")


def main() -> None:
    torch.set_num_threads(1)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # of transformers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hub = ModelHub(folder / "hub")
        push_novice(hub, folder / "novice")
        asyncio.run(record_runs(SqliteJournal(folder / "journal.db")))
        sets = data_from_runs(folder / "journal.db", hub=hub)
        print("engineer.write_program@1:", hub.card(sets["engineer.write_program"]).summary)
        results = improve(
            "engineer", runs=folder / "journal.db", team="example", base="hub:novice", hub=hub.path, out=folder / "run", method="full",
            learning_rate=4e-3, max_steps=60, batch=8, samples=1, max_tokens=40, sets=[], device="cpu",
        )  # fmt: skip
        before, after, tasks = results["service_right"], results["candidate_right"], results["tasks"]
        print(f"held-out tasks done right: {before} of {tasks} before, {after} of {tasks} after, p = {results['p']:.2g}")
        print(f"promoted {results['reference']}, made from {', '.join(hub.get(results['reference']).parents)}")
        print("rolled back to", rollback("engineer", hub).reference)


if __name__ == "__main__":
    main()
