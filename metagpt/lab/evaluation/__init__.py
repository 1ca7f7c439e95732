"""Evaluation: scores with confidence intervals, paired comparisons, and reports. Importing it loads no torch."""

from metagpt.lab.evaluation.classification import accuracy, f1
from metagpt.lab.evaluation.comparing import Comparison, Difference, compare_measures, compare_models, mcnemar_exact
from metagpt.lab.evaluation.counts import Row
from metagpt.lab.evaluation.entities import Entity, entities_of, entity_report
from metagpt.lab.evaluation.evaluate import evaluate_model, scored
from metagpt.lab.evaluation.intervals import Interval, bootstrap_intervals, wilson_interval
from metagpt.lab.evaluation.measures import Measure, mean_measure
from metagpt.lab.evaluation.passing import CodeProblem, Verdict, pass_at_k, pass_measures, run_samples
from metagpt.lab.evaluation.perplexity import model_perplexity, perplexity
from metagpt.lab.evaluation.regression import mse, r2
from metagpt.lab.evaluation.report import Report, Score
from metagpt.lab.evaluation.text import bleu, meteor_exact_stem, rouge

__all__ = [
    "CodeProblem",
    "Comparison",
    "Difference",
    "Entity",
    "Interval",
    "Measure",
    "Report",
    "Row",
    "Score",
    "Verdict",
    "accuracy",
    "bleu",
    "bootstrap_intervals",
    "compare_measures",
    "compare_models",
    "entities_of",
    "entity_report",
    "evaluate_model",
    "f1",
    "mcnemar_exact",
    "mean_measure",
    "meteor_exact_stem",
    "model_perplexity",
    "mse",
    "pass_at_k",
    "pass_measures",
    "perplexity",
    "r2",
    "rouge",
    "run_samples",
    "scored",
    "wilson_interval",
]
