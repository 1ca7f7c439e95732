"""The corpora of the embedded model as the pretraining takes them: `data = "embedded-goals"`, and `"embedded-retellings"`."""

from metagpt.lab.embedded.corpus import examples
from metagpt.lab.embedded.retellings import retellings
from metagpt.lab.embedded.tokens import train_tokenizer
from metagpt.lab.pretraining.generated import GeneratedCorpus

__all__ = ["EMBEDDED_GOALS", "EMBEDDED_RETELLINGS"]

_DATASETS = {
    "embedded-goals-written": "metagpt/lab/embedded/goals/training.jsonl, goals written by hand, with other values at every draw",
    "embedded-goals-generated": "made without end from the seed by metagpt/lab/embedded/corpus.py",
}

EMBEDDED_GOALS = GeneratedCorpus(
    examples=examples, train_tokenizer=lambda size, seed: train_tokenizer(size=size, seed=seed), datasets=_DATASETS
)
EMBEDDED_RETELLINGS = GeneratedCorpus(examples=retellings, datasets=_DATASETS)
