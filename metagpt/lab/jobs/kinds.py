"""The kinds of jobs by name; light to import, so that the command line can list them."""

from collections.abc import Mapping

__all__ = ["JOB_KINDS"]

JOB_KINDS: Mapping[str, tuple[str, str]] = {
    "data": ("metagpt.lab.hub_jobs.data", "Read, clean, part and check a set, and make it a version of the hub."),
    "from-runs": ("metagpt.lab.from_runs.job", "Make sets of what a journal's runs teach: examples, preference pairs, rewards."),
    "pretrain": ("metagpt.lab.pretraining.job", "Train a MetaGPT Transformer from nothing on a text."),
    "finetune": ("metagpt.lab.finetuning.job", "Fine-tune a model for a task: whole, or by adapters."),
    "contrast": ("metagpt.lab.contrastive.job", "Few-shot classification by contrastive training of a sentence encoder."),
    "meta": ("metagpt.lab.meta.job", "Meta-learning: find a start from which a few steps adapt to a new task."),
    "align": ("metagpt.lab.alignment.job", "Reinforcement from preferences (DPO) or rewards (GRPO)."),
    "improve": ("metagpt.lab.improvement.job", "Make a role's model better from runs; the same as metagpt improve."),
    "search": ("metagpt.lab.search.job", "Search hyperparameters of another recipe."),
    "compress": ("metagpt.lab.compression.job", "Prune or quantize a model; size, speed and score before and after."),
    "distill": ("metagpt.lab.compression.distill_job", "Train a small student on a teacher's answers."),
    "robustness": ("metagpt.lab.robustness.job", "Adversarial training, and the drop of a model under perturbation."),
    "evaluate": ("metagpt.lab.evaluation.job", "Score a model on a data set, with intervals and a report."),
    "compare": ("metagpt.lab.evaluation.compare_job", "Compare two models by a paired test."),
    "hub": ("metagpt.lab.hub_jobs.entry", "Import an entry into the hub, verify, tag and export it."),
    "select": ("metagpt.lab.hub_jobs.select", "Name the models of the hub that suit a task, and why."),
    "compose": ("metagpt.lab.hub_jobs.compose", "Make several models one: in sequence, side by side, or as an ensemble."),
}
"""From the kind to its module and a line of help."""
