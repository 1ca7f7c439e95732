"""Facts planted among many other memories, asked for in other words: how often the vector memory finds them.

`python memory_recall.py 10000` plants them among 10,000 and also says how long a recall took.

Prints:
    12 facts among 500 memories
    asked in other words: found first 6 of 6, among the best five 6 of 6
    asked by name or number: found first 6 of 6, among the best five 6 of 6
"""

import random
import sys
import time
from itertools import product

from metagpt import Goal, Message, Role, Team, on

IN_OTHER_WORDS = {
    "The invoice of March was never settled.": "Which bill is still unpaid?",
    "Ada keeps bees behind the workshop.": "Who has insects that make honey?",
    "The lift is out of order until Friday.": "Why must everybody take the stairs this week?",
    "Our landlord intends to raise the rent in autumn.": "Will the office become more expensive?",
    "Tomas cannot eat anything with peanuts.": "Who has a food allergy?",
    "The spare key hangs under the third flowerpot.": "How do I get in when the door is locked?",
}
DEPOTS = [f"The code of depot {n} is {n * 7919 % 10007}." for n in range(411, 9999)]
BY_NAME_OR_NUMBER = {DEPOTS[n]: f"What is the code of depot {411 + n}?" for n in range(6)}
PEOPLE = ["Rosa", "Milo", "Ines", "Bram", "Katja", "Otto", "Yara", "Femi", "Lena", "Aron", "Suki", "Pavel", "Nora", "Idris"]
THINGS = ["a parcel", "the report", "a bicycle", "the window", "a ticket", "the coffee machine", "a rain coat", "the paint"]
DEEDS = ["{0} ordered {1} on day {2}.", "{0} asked about {1} in week {2}.", "{0} saw {1} at stop {2}.", "{0} put {1} on shelf {2}."]


class Quiz(Message):
    facts: dict[str, str]
    """Fact by question."""


class Score(Message):
    first: int
    best_five: int
    seconds: float


class Archivist(Role):
    """Remembers everything, and is asked afterwards."""

    @on(Goal)
    async def read(self, goal: Goal) -> list[Quiz]:
        for line in goal.text.splitlines():
            await self.memory.remember(line)
        return [Quiz(facts={question: fact for fact, question in facts.items()}) for facts in (IN_OTHER_WORDS, BY_NAME_OR_NUMBER)]

    @on(Quiz)
    async def answer(self, quiz: Quiz) -> Score:
        await self.memory.recall("anything")  # what is new is encoded at the first recall
        started = time.perf_counter()
        found = {fact: await self.memory.recall(question, limit=5) for question, fact in quiz.facts.items()}
        seconds = (time.perf_counter() - started) / len(found)
        first = sum(entries[:1] == [fact] for fact, entries in found.items())
        return Score(first=first, best_five=sum(fact in entries for fact, entries in found.items()), seconds=seconds)


def memories(count: int) -> list[str]:
    """The facts, and so many other things that they make `count` together; one in ten is the code of another depot."""
    others = [deed.format(*rest) for *rest, deed in product(PEOPLE, THINGS, range(1, 99), DEEDS)]
    chance = random.Random(7)
    lines = [*IN_OTHER_WORDS, *DEPOTS[: 6 + count // 10]]
    lines += chance.sample(others, count - len(lines))
    chance.shuffle(lines)
    return lines


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    run = Team([Archivist()], final=Score, memory="vector").run_sync("\n".join(memories(count)))
    print(f"12 facts among {count} memories")
    for how, score in zip(("in other words", "by name or number"), run.outputs, strict=True):
        print(f"asked {how}: found first {score.first} of 6, among the best five {score.best_five} of 6")
        if len(sys.argv) > 1:
            print(f"    {1000 * score.seconds:.1f} ms for a recall")
