"""How far the phrase parser gets alone on the goals that the embedded model is scored on: no training, nearest wordings only.

    python -m benchmarks.phrase_parser [--sets validation held_wordings ...] [--count 100] [--seed 7]

In service it drafts answers beside the ones that the model samples; see `metagpt.models.local.drafts`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from metagpt.behaviour import same_value
from metagpt.lab.embedded.chain import Chain
from metagpt.lab.embedded.goal_sets import Goal, goals_of
from metagpt.lab.embedded.loading import load_source
from metagpt.lab.embedded.phrase_table import phrase_table
from metagpt.lab.embedded.written import find_chain
from metagpt.lab.evaluation.intervals import wilson_interval
from metagpt.models.local import phrases
from metagpt.roles.software.signatures import read_signature
from metagpt.roles.software.stated_examples import stated_examples

CANDIDATES = 16
"""Chains kept for each goal: as many as the model draws samples."""


def open_parser() -> phrases.Phrases:
    """The parser on the table that is shipped."""
    table = phrase_table()
    steps = [phrases.Phrase(**{**step, "wordings": tuple(step["wordings"])}) for step in table["steps"]]
    return phrases.Phrases(steps, table["nouns"])


def chain_of(parsed: phrases.Chain) -> Chain:
    """The parser's chain as one that can be run."""
    return find_chain(parsed.steps, parsed.phrases[0].takes)


def is_right(chain: Chain, tests: Sequence[tuple[Any, Any]]) -> bool:  # Any: the values of the goal's tests
    """Whether the chain gives the expected result on every test."""
    try:
        program = load_source("chain", chain.code("solve")).solve  # the project's own primitives, nothing that a model wrote
        return bool(tests) and all(same_value(program(argument), expected) for argument, expected in tests)
    except Exception:
        return False  # a step raises whatever it likes on an argument unfit for it


def by_example(goal: str, chains: Sequence[Chain]) -> Chain | None:
    """The best chain that does what the goal's examples say; the best of all where it has none."""
    signatures = [read_signature(chain.signature("f", "value")) for chain in chains]
    examples = stated_examples(goal, [signature for signature in signatures if signature])
    return next((chain for chain in chains if not examples or is_right(chain, examples)), None)


@dataclass(frozen=True)
class Score:
    """Shares of the goals of a set."""

    goals: int = 0
    first: int = 0
    chosen: int = 0
    any: int = 0
    seconds: float = 0.0

    def line(self, name: str) -> str:
        """As a line of a table."""
        within = wilson_interval(self.first, self.goals)
        share = f"{self.first / self.goals:.0%} ({within.low:.0%} to {within.high:.0%})"
        others = f"{self.chosen / self.goals:.0%} | {self.any / self.goals:.0%} | {self.seconds / self.goals:.2f}"
        return f"| {name.replace('_', ' ')} | {self.goals} | {share} | {others} |"


def score(goals: Sequence[Goal], parser: phrases.Phrases) -> Score:
    """Parse and run every goal."""
    found = Score()
    for goal in goals:
        started = time.process_time()
        chains = [chain_of(parsed) for parsed in parser.parse(goal.text, CANDIDATES)]
        chosen = by_example(goal.text, chains)
        seconds = time.process_time() - started
        right = [is_right(chain, goal.tests) for chain in chains]
        found = replace(
            found,
            goals=found.goals + 1,
            first=found.first + any(right[:1]),
            chosen=found.chosen + (chosen is not None and right[chains.index(chosen)]),
            any=found.any + any(right),
            seconds=found.seconds + seconds,
        )
    return found


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--sets", nargs="+", default=["validation", "validation_with_example", "seen", "held_wordings", "held_compositions"]
    )
    arguments.add_argument("--count", type=int, default=100, help="goals of each generated set")
    arguments.add_argument("--seed", type=int, default=7)
    options = arguments.parse_args()
    parser = open_parser()
    print(f"| set | goals | first right | chosen by example | any of {CANDIDATES} right | CPU s per goal |")
    print("|---|---|---|---|---|---|")
    for name in options.sets:
        goals = goals_of(name, count=options.count, seed=options.seed)
        print(score(goals, parser).line(name), flush=True)


if __name__ == "__main__":
    main()
