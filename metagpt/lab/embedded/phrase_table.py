"""The phrase table that is shipped beside the weights; see `metagpt.models.local.phrases`."""

import re
from typing import Any

from metagpt.lab.embedded.catalogue import Step, identifier, load_primitives
from metagpt.lab.embedded.chain import ARGUMENTS
from metagpt.lab.embedded.frames import INPUTS
from metagpt.lab.embedded.holdout import is_held_wording
from metagpt.lab.embedded.primitive import Primitive
from metagpt.lab.embedded.written import written_requests

__all__ = ["phrase_table"]


def phrase_table() -> dict[str, Any]:
    """Every primitive with the wordings that training may use, and the goals written by hand for it; what is held out is not in it."""
    numbers = {primitive.id: number for number, primitive in enumerate(load_primitives())}
    return {
        "steps": [_step(primitive) for primitive in load_primitives()],
        "nouns": INPUTS,
        "arguments": ARGUMENTS,
        "goals": [
            [request.goal, [[numbers[step.primitive.id], dict(step.values)] for step in request.chain.steps]]
            for request in written_requests()
        ],
    }


def _step(primitive: Primitive) -> dict[str, Any]:
    step = Step(primitive)
    wordings = (primitive.step, *primitive.do, *primitive.np, *primitive.be)
    return {
        "step": primitive.step,
        "takes": primitive.takes,
        "gives": primitive.gives,
        "name": identifier(re.sub(r"\{\w+\}", "", primitive.name[0])),
        "wordings": [text for text in dict.fromkeys(wordings) if not is_held_wording(primitive.id, text)],
        "slots": primitive.slots,
        "first_only": primitive.first_only,
        "last_only": primitive.last_only,
        "code": step.private_code,
        "imports": primitive.imports,
        "helper": step.private_helper,
    }
