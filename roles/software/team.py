"""The software team, ready-made."""

from __future__ import annotations

from typing import Any

from metagpt import Goal, Team
from metagpt.actions.sandbox import SandboxChoice
from metagpt.roles.software.engineer import Engineer
from metagpt.roles.software.evaluator import Evaluator
from metagpt.roles.software.messages import Declined, Delivery
from metagpt.roles.software.product_manager import ProductManager

__all__ = ["software_team"]


def software_team(*, sandbox: SandboxChoice = "auto", **keywords: Any) -> Team[Goal, Delivery | Declined]:
    """Product manager, engineer and evaluator: from a goal to a tested Python program in the run's workspace.

    Args:
        sandbox: Where programs run; `auto` is the strongest isolation that works here, and never none.
        keywords: Of `Team`: model, models, budget, journal, workspace, …
    """
    keywords.setdefault("name", "software")
    roles = [ProductManager(), Engineer(), Evaluator(sandbox=sandbox)]
    return Team(roles, final=Delivery | Declined, success=_is_passed, **keywords)


def _is_passed(output: Delivery | Declined) -> bool:
    return isinstance(output, Delivery) and output.passed
