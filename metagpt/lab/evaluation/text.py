"""Scores of generated texts: exact match, BLEU, ROUGE and METEOR, each by the library of its field."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from metagpt.errors import LabError
from metagpt.lab.evaluation.measures import Measure, mean_measure

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["TEXT_MEASURES", "bleu", "meteor_exact_stem", "rouge", "text_measures"]

ROUGE_KINDS = ("rouge1", "rouge2", "rougeL")
TEXT_MEASURES = ("exact_match", "bleu", "rouge", "meteor_exact_stem")
"""What `text_measures` takes of itself."""


def bleu(predictions: Sequence[str], references: Sequence[Any]) -> float:
    """Corpus BLEU from 0 to 100, as sacrebleu computes it with its defaults (13a tokens, exponential smoothing).

    Source: Papineni et al. 2002; Post 2018, arXiv:1804.08771.
    """
    return _bleu_measure(predictions, _listed(references)).value


def rouge(predictions: Sequence[str], references: Sequence[Any]) -> dict[str, float]:
    """Mean ROUGE-1, ROUGE-2 and ROUGE-L F1 with stemming, from 0 to 1. Source: Lin 2004, by the package rouge-score."""
    return {measure.name: measure.value for measure in _rouge_measures(predictions, _listed(references))}


def meteor_exact_stem(predictions: Sequence[str], references: Sequence[Any]) -> float:
    """Mean METEOR from 0 to 1 whose words match exactly or by their stem.

    It is named so because it leaves out the third stage, synonyms by WordNet, whose data is no part of any package; figures of the
    full METEOR are a little higher. Source: Lavie and Agarwal 2007, with the parameters of NLTK (alpha 0.9, beta 3, gamma 0.5).
    """
    return _meteor_measure(predictions, _listed(references)).value


def text_measures(predictions: Sequence[str], references: Sequence[Any], names: Sequence[str] = TEXT_MEASURES) -> list[Measure]:
    """Measures by name; a reference is a text, or several texts that are all right."""
    listed = _listed(references)
    made = {"exact_match": _exact_measure, "bleu": _bleu_measure, "meteor_exact_stem": _meteor_measure}
    found: list[Measure] = []
    for name in names:
        found += _rouge_measures(predictions, listed) if name == "rouge" else [made[name](predictions, listed)]
    return found


def _listed(references: Sequence[Any]) -> list[list[str]]:
    return [[reference] if isinstance(reference, str) else list(reference) for reference in references]


def _exact_measure(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Measure:
    right = [said.strip() in {text.strip() for text in texts} for said, texts in zip(predictions, references, strict=True)]
    return mean_measure("exact_match", right, is_share=True)


def _bleu_measure(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Measure:
    """Every sentence adds its matches and totals of 1- to 4-grams and both lengths."""
    import numpy

    metric = _library("sacrebleu").BLEU(effective_order=True)  # of a sentence alone; the corpus is computed below
    rows = []
    for said, texts in zip(predictions, references, strict=True):
        score = metric.sentence_score(said, texts)
        rows.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
    return Measure(name="bleu", parts_NP=numpy.array(rows, dtype=numpy.float64), of_sums=_bleu_of)


def _bleu_of(sums: NDArray[float64]) -> float:
    whole = [int(value) for value in sums]
    score = _library("sacrebleu").BLEU.compute_bleu(whole[:4], whole[4:8], whole[8], whole[9], smooth_method="exp")
    return float(score.score)


def _rouge_measures(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[Measure]:
    scorer = _library("rouge_score.rouge_scorer").RougeScorer(list(ROUGE_KINDS), use_stemmer=True)
    scores = [scorer.score_multi(texts, said) for said, texts in zip(predictions, references, strict=True)]
    return [mean_measure(kind, [score[kind].fmeasure for score in scores]) for kind in ROUGE_KINDS]


class _NoSynonyms:
    """In the place of WordNet: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        return []


def _meteor_measure(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Measure:
    meteor = _library("nltk.translate.meteor_score").meteor_score
    values = [
        meteor([text.split() for text in texts], said.split(), wordnet=_NoSynonyms())
        for said, texts in zip(predictions, references, strict=True)
    ]
    return mean_measure("meteor_exact_stem", values)


def _library(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise LabError(
            f"text scores: found no package {error.name!r}; expected the extra `lab`. Run: pip install 'metagpt[lab]'"
        ) from error
