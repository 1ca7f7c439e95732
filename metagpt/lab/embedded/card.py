"""The model card, from the facts of a training and the scores of an evaluation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.hub.card import Card
from metagpt.hub.lineage import TRAINING
from metagpt.lab.embedded.catalogue import load_primitives
from metagpt.lab.embedded.corpus import WRITTEN
from metagpt.lab.embedded.written import written_outside, written_requests
from metagpt.lab.pretraining.settings import PretrainSettings

__all__ = ["Trained", "card"]

_CANDIDATES, _TEMPERATURE = 16, 0.7
_MOST_TOKENS = 256
"""Of an answer: no example of the training is longer, with its prompt; what goes on for longer repeats itself."""

_FRONT: Mapping[str, Any] = {
    "prompt_format": "compact",
    "calls": {
        "product_manager.specify": ["goal"],
        "engineer.write_program": ["signature", "summary"],
        "engineer.repair": ["signature", "summary", "code", "failure"],
        "evaluator.write_tests": ["signature", "summary"],
    },
    "drafts": {"product_manager.specify": "goal", "engineer.write_program": "summary"},
    "varied": {"engineer.vary": "product_manager.specify"},
    "candidates": _CANDIDATES,
    "temperature": _TEMPERATURE,
    "max_tokens": _MOST_TOKENS,
    "scope": "one-argument Python functions of one to three steps over numbers, texts, lists and dictionaries, asked for in English",
}
"""What the serving of the model reads."""

_COLUMNS = {"right, delivered": "delivered", "wrong, passed": "wrong_passed", "first sample right": "first_right"}
"""Of a table of scores: what the card's metrics call it."""

_BODY = """
# The embedded model

A Llama-shaped model of {millions:.1f} million parameters ({layers} layers, {width} wide, {vocabulary} tokens), trained from
nothing by `python -m metagpt.lab.embedded`, that lets the team do small jobs on a machine without keys or downloads. It turns a
goal into a spec, a spec into a Python function, repairs a function that failed a test, and proposes test inputs and properties.

## Scope

Python functions of one argument and one to three steps over whole and decimal numbers, texts, lists of them, tables of whole
numbers and dictionaries: {primitives} primitives in {wordings} wordings, and what can be made by chaining them. Everything else
it is trained to decline. It does not compute expected values, and examples are read out of the goal by rules, not by the model.

## How it is used

{candidates} specs are sampled for a goal. Beside them stand up to 24 drafts of a phrase parser, which knows the wordings of the
training (`phrases.json`) and learns nothing, and up to 16 readings of goals written by hand that are like this one. {retelling}
For each distinct spec four programs are drawn, and where the table has all its steps one is composed of their code, which
counts three times as much as the four; the one or two commonest that can run stand for the spec. All are run, and examples or
agreement decide (`metagpt.behaviour`). Where no program gives the results of the goal's examples, up to 60 readings one step
away from the likeliest are composed and run on them (`metagpt.models.local.variations`). A single sample is far weaker; so is
the parser alone (`python -m benchmarks.phrase_parser`): model and parser miss different goals.

## Data

Two kinds, both the project's own. Made by a grammar, without end: chains of primitives, checked by running them so that every
step matters; wordings put into sentence frames, turned round, mixed, with examples whose values come from running reference code,
names asked for, small talk, slips of the keyboard. And written by hand for training, each with the steps it means, as different
people would type them: {written} goals, and {outside} to be declined (`goals/training.jsonl`); {share:.0%} of the goals drawn are of this
kind, with other values and other examples at every draw. About 69 % of the tokens are goal -> spec (goals out of scope among
them), 22 % spec -> code, 6 % repair, 3 % tests. A tenth each of the grammar's wordings and frames and of the compositions is never
trained on, is not in the parser's table either, and is scored apart. The validation goals served to set thresholds and showed
which primitives were missing; the test goals, written without a look at any training goal, served for nothing.

## Recipe

{steps} steps, {tokens:.1f} million tokens (packed rows of {length}, every example seeing only itself, loss on answers alone); Muon for
matrices, AdamW for the rest; rate up in {warmup} steps, level, down to zero over the last {decay:.0%}; exponential mean of the weights;
bfloat16. Validation loss {validation:.3f}. Seed {seed}, {workers} processes.
`metagpt lab run metagpt/lab/embedded/recipe.toml` does it again, and `python -m metagpt.lab.embedded make --out FOLDER` all that
stands here.
{history}

![Losses](losses.png)

## Scores

By execution: a program is right when it gives the expected result on every test input. "Passed" means that the team called it so,
by the examples of the goal or by agreement; below that it says "not verified". In brackets 95 % Wilson intervals.

{scores}

## Limits

The commonest error is a step left out ("keep the even numbers and return their sum" becomes the even numbers). Wordings far from
those of the training, more than three steps, functions of several arguments, values spread over several sentences, and anything
that needs knowledge of the world. The bounds on agreement were set on the validation goals so that few wrong programs are called
passed, at the price of right ones not verified. A confident wrong program happens: see the column "wrong, passed". English only.
"""


_RETELLING = """A second model of the same shape (`retelling/`), trained from these weights the other way round, from steps to goals
(`metagpt lab run metagpt/lab/embedded/retelling.toml`), says how likely each reading would have been put as the goal is. By that, by
how likely this model finds it, and by where it comes from, 100 votes are shared out (`metagpt.models.local.weighing`; what
each sign counts, `signs.json`, was fitted by `python -m metagpt.lab.embedded weigh`); those without a vote only join where
the goal states examples, with one program each. """


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training came to."""

    settings: PretrainSettings
    parameters: int
    vocabulary: int
    shape: tuple[int, int]
    """Layers and width."""
    steps: int
    validation_loss: float
    facts: Mapping[str, Any]
    """Of the front matter: the run, for the lineage."""
    datasets: tuple[str, ...]
    history: str = ""
    """What a person noted of how it came about."""
    retells: bool = False
    """Whether a second model, that tells goals from specs, stands beside it."""


def card(trained: Trained, scores: str | None) -> Card:
    """The card; the scores are a table as `evaluate` or `serve` writes it."""
    settings = trained.settings
    training = {**trained.facts[TRAINING], "recipe": "metagpt/lab/embedded/recipe.toml"}
    return Card(
        task="text-generation",
        languages=("en",),
        license="mit",
        library="transformers",
        tags=("code", "metagpt", "embedded"),
        datasets=trained.datasets,
        metrics={
            **({} if math.isnan(trained.validation_loss) else {"validation_loss": round(trained.validation_loss, 4)}),
            **_metrics(scores or ""),
        },
        extra={**_FRONT, **({"retold": {"product_manager.specify": "goal"}} if trained.retells else {}), TRAINING: training},
        text=_text(trained, settings, scores),
    )


def _text(trained: Trained, settings: PretrainSettings, scores: str | None) -> str:
    primitives = load_primitives()
    base = "" if settings.base is None else f"The training went on from the weights of {Path(settings.base).name}.\n"
    return _BODY.format(
        candidates=_CANDIDATES,
        retelling=_RETELLING if trained.retells else "",
        layers=trained.shape[0],
        width=trained.shape[1],
        millions=trained.parameters / 1e6,
        vocabulary=trained.vocabulary,
        primitives=len(primitives),
        wordings=sum(len(p.do) + len(p.np) + len(p.be) for p in primitives),
        steps=trained.steps,
        tokens=trained.steps * settings.tokens_per_step / 1e6,
        validation=trained.validation_loss,
        length=settings.length,
        warmup=settings.warmup,
        decay=settings.decay_share,
        seed=settings.seed,
        workers=settings.workers,
        written=len(written_requests()),
        outside=len(written_outside()),
        share=WRITTEN,
        scores=scores or "Not scored yet.",
        history=base + trained.history,
    )


def _metrics(scores: str) -> dict[str, float]:
    """The shares of a table of scores by set and column, as `test_delivered`."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in scores.splitlines() if line.startswith("|")]
    found = {}
    for row in rows[2:]:
        for title, cell in zip(rows[0], row, strict=True):
            if title in _COLUMNS and not (_COLUMNS[title] != "wrong_passed" and row[0].endswith("outside")):  # of those none is right
                found[f"{row[0].replace(' ', '_')}_{_COLUMNS[title]}"] = float(cell.partition("%")[0]) / 100
    return found
