"""The kinds of jobs by name; light to import, so that the command line can list them."""

from collections.abc import Mapping

__all__ = ["JOB_KINDS"]

JOB_KINDS: Mapping[str, tuple[str, str]] = {
    "pretrain": ("metagpt.lab.pretraining.job", "Train a MetaGPT Transformer from nothing on a text."),
    "finetune": ("metagpt.lab.finetuning.job", "Fine-tune a model for a task: whole, or by adapters."),
    "contrast": ("metagpt.lab.contrastive.job", "Few-shot classification by contrastive training of a sentence encoder."),
    "meta": ("metagpt.lab.meta.job", "Meta-learning: find a start from which a few steps adapt to a new task."),
    "align": ("metagpt.lab.alignment.job", "Reinforcement from preferences (DPO) or rewards (GRPO)."),
    "improve": ("metagpt.lab.improve.job", "Make a role's model better from runs; the same as metagpt improve."),
    "evaluate": ("metagpt.lab.evaluation.job", "Score a model on a data set, with intervals and a report."),
    "compare": ("metagpt.lab.evaluation.compare_job", "Compare two models by a paired test."),
}
"""From the kind to its module and a line of help."""
