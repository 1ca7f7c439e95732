"""What a model was taught before, learned again beside the new: a small one forgets in a few hundred steps what they do not show.

Source: Robins 1995, Catastrophic forgetting, rehearsal and pseudorehearsal, Connection Science 7:2.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from itertools import islice

from metagpt.errors import LabError
from metagpt.lab.pretraining.generated import load_corpus
from metagpt.models.compact import CALL

__all__ = ["rehearsed"]

_READ = 50
"""Examples of the corpus that are read for each that is wanted, at most."""


def rehearsed(corpus: str, role: str, *, count: int, seed: int, asked: Collection[str] = ()) -> list[tuple[str, str]]:
    """Prompts and answers of a role's calls.

    Args:
        corpus: Name of a plugin of the group `metagpt.corpora`.
        role: Whose calls.
        count: How many, if the corpus has them often enough.
        seed: Of the corpus.
        asked: Prompts that the model will be judged by, which are left out.

    Raises:
        ConfigError: no such corpus.
        LabError: none of its examples is a call of the role.
    """
    examples = islice(load_corpus(corpus).examples(random.Random(f"rehearse {seed}")), _READ * count)
    ours = (each for each in examples if each.prompt.startswith(f"{CALL}{role}.") and each.prompt not in asked)
    found = [(each.prompt, each.answer) for each in islice(ours, count)]
    if not found:
        raise LabError(
            f"improve: found no call of the role {role!r} in the corpus {corpus!r}; expected some. Name the one that the base was trained"
            " on, or none."
        )
    return found
