"""An endless stream of examples for the model that tells goals from specs; see `metagpt.models.local.retelling`."""

import random
from collections.abc import Iterator

from metagpt.lab.embedded.corpus import Example, asked_goals
from metagpt.models.local.retelling import RETELL, retell_prompt

__all__ = ["retellings"]


def retellings(rng: random.Random) -> Iterator[Example]:
    """The goals within the scope that the reader of goals is trained on, each from its steps and the type of its argument."""
    for asked in asked_goals(rng):
        yield Example(RETELL, retell_prompt(asked.chain.summary, asked.chain.takes), asked.goal)
