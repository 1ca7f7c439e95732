"""Two sides argue a motion in rounds, until the judge is sure: a loop over three roles, with a limit.

`metagpt run --team debate "tea is better than coffee"` holds one with a model of yours; `--role-model judge=…` another judge.

Prints:
    proponent: Tea keeps you calm.
    opponent: Calm is not awake.
    judge asks: What of the morning?
    proponent: Strong tea wakes, and gently.
    opponent: Coffee is faster.
    proponent wins after 2 rounds: gently was not answered
"""

from metagpt import Team
from metagpt.roles.debate import Case, Reply, Round
from metagpt.testing import ScriptedModel, data, text
from metagpt.testing.scripted import Step

SCRIPT: dict[str, list[Step]] = {
    "proponent": [text("Tea keeps you calm."), text("Strong tea wakes, and gently.")],
    "opponent": [text("Calm is not awake."), text("Coffee is faster.")],
    "judge": [
        data({"winner": "opponent", "reasons": "calm is no answer", "is_settled": False, "question": "What of the morning?"}),
        data({"winner": "proponent", "reasons": "gently was not answered", "is_settled": True}),
    ],
}

if __name__ == "__main__":
    with ScriptedModel(SCRIPT) as model:
        run = Team.load("debate", rounds=3, model=model).run_sync("tea is better than coffee")
    for envelope in run.envelopes:
        match envelope.message:
            case Case(text=said) | Reply(text=said):
                print(f"{envelope.sender}: {said}")
            case Round(question=question) if question:
                print(f"{envelope.sender} asks: {question}")
    print(f"{run.output.winner} wins after {run.output.rounds} rounds: {run.output.reasons}")
