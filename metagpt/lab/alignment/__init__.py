"""Alignment of generators: DPO from preference pairs, GRPO from rewards of the sandbox, of form and of length."""

from metagpt.lab.alignment.rewards import FormReward, LengthReward, TestsReward
from metagpt.lab.alignment.settings import Settings

__all__ = ["FormReward", "LengthReward", "Settings", "TestsReward"]
