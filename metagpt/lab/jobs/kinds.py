"""The kinds of jobs by name; light to import, so that the command line can list them."""

from collections.abc import Mapping

__all__ = ["JOB_KINDS"]

JOB_KINDS: Mapping[str, tuple[str, str]] = {
    "pretrain": ("metagpt.lab.pretraining.job", "Train a MetaGPT Transformer from nothing on a text."),
    "align": ("metagpt.lab.alignment.job", "Reinforcement from preferences (DPO) or rewards (GRPO)."),
    "improve": ("metagpt.lab.improve.job", "Make a role's model better from runs; the same as metagpt improve."),
}
"""From the kind to its module and a line of help."""
