"""The software team: a goal becomes a tested Python program."""

from metagpt.roles.software.engineer import Engineer
from metagpt.roles.software.evaluator import Evaluator
from metagpt.roles.software.messages import (
    Candidates,
    Checks,
    ChecksFailed,
    Declined,
    Delivery,
    Program,
    Requirements,
    Specification,
)
from metagpt.roles.software.product_manager import ProductManager
from metagpt.roles.software.team import software_team

__all__ = [
    "Candidates",
    "Checks",
    "ChecksFailed",
    "Declined",
    "Delivery",
    "Engineer",
    "Evaluator",
    "ProductManager",
    "Program",
    "Requirements",
    "Specification",
    "software_team",
]
