"""Two debaters and a judge: a loop over three roles, which ends when the judge is sure, or at a limit."""

from __future__ import annotations

from typing import Any

from metagpt import Goal, Role, Team, on, template
from metagpt.errors import ConfigError
from metagpt.roles.debate.messages import Case, Reply, Round, Ruling, Verdict

__all__ = ["MOST_ROUNDS", "Judge", "Opponent", "Proponent", "debate_team"]

MOST_ROUNDS = 10
"""The bound that the team's graph holds; a team may be made for fewer."""


class Proponent(Role):
    """You argue for the motion. You are honest: you use no argument that you know to be false, and you answer what was said against you."""

    @on(Round)
    async def argue(self, round: Round) -> Case:
        """Speak first."""
        text = await self.ask(str, template("proponent/argue"), motion=round.motion, said=round.said, question=round.question)
        return Case(round=round, text=text)


class Opponent(Role):
    """You argue against the motion. You are honest: you use no argument that you know to be false, and you answer what was said for it."""

    @on(Case)
    async def answer(self, case: Case) -> Reply:
        """Speak second, knowing what was just said."""
        round = case.round
        text = await self.ask(
            str, template("opponent/answer"), motion=round.motion, said=round.said, case=case.text, question=round.question
        )
        return Reply(case=case, text=text)


class Judge(Role):
    """You judge a debate by its arguments alone: not by length, by style, or by what you thought before.

    Args:
        rounds: Most rounds that are debated.
    """

    persona = "You judge a debate by its arguments alone: not by length, by style, or by what you thought before."

    def __init__(self, name: str | None = None, *, rounds: int = 3, **keywords: Any) -> None:
        super().__init__(name, **keywords)
        if not 1 <= rounds <= MOST_ROUNDS:
            raise ConfigError(f"Judge: found rounds={rounds!r}; expected 1 to {MOST_ROUNDS}. Change it.")
        self.rounds = rounds

    @on(Goal)
    async def open(self, goal: Goal) -> Round:
        """State the motion."""
        return Round(motion=goal.text)

    @on(Reply, limit=MOST_ROUNDS)
    async def weigh(self, reply: Reply) -> Round | Verdict:
        """Decide, or ask for another round about what is still open."""
        round = reply.case.round
        is_last = round.number >= self.rounds
        ruling = await self.ask(Ruling, template("judge/weigh"), motion=round.motion, said=reply.said, is_last=is_last)
        if is_last or ruling.is_settled:
            return Verdict(motion=round.motion, winner=ruling.winner, reasons=ruling.reasons, rounds=round.number)
        return Round(motion=round.motion, number=round.number + 1, said=reply.said, question=ruling.question)


def debate_team(*, rounds: int = 3, **keywords: Any) -> Team[Goal, Verdict]:
    """Two sides argue a motion for as long as the judge has something to ask.

    Args:
        rounds: Most rounds, 1 to 10.
        keywords: Of `Team`: model, models, budget, journal, …
    """
    keywords.setdefault("name", "debate")
    return Team([Judge(rounds=rounds), Proponent(), Opponent()], final=Verdict, **keywords)
