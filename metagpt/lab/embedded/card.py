"""The model card, from the facts of a training and the scores of an evaluation."""

from collections.abc import Mapping
from typing import Any

from metagpt.lab.embedded.catalogue import load_primitives
from metagpt.lab.embedded.corpus import WRITTEN
from metagpt.lab.embedded.written import written_outside, written_requests

__all__ = ["card"]

_FRONT = """---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [code, metagpt, embedded]
prompt_format: compact
calls:
  product_manager.specify: [goal]
  engineer.write_program: [signature, summary]
  engineer.repair: [signature, summary, code, failure]
  evaluator.write_tests: [signature, summary]
drafts:
  product_manager.specify: goal
candidates: {candidates}
temperature: {temperature}
scope: one-argument Python functions of one to three steps over numbers, texts, lists and dictionaries, asked for in English
---
"""

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
training (`phrases.json`) and learns nothing: the first two have votes, the others only join where the goal states examples. One
program is written for each distinct spec, all are run, and examples or agreement decide (`metagpt.behaviour`). A single sample is
far weaker; so is the parser alone (`python -m benchmarks.phrase_parser`): model and parser miss different goals.

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

{steps} steps, {tokens:.1f} million tokens (packed rows of 256, every example seeing only itself, loss on answers alone); Muon for
matrices, AdamW for the rest; rate up in 60 steps, level, down to zero in the last third; exponential mean of the weights; bfloat16.
Validation loss {validation:.3f}. Seed {seed}, two processes of one thread on two shared processor cores.
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


def card(facts: Mapping[str, Any], scores: str | None, *, history: str = "") -> str:
    """The card as Markdown with YAML front matter; the scores are a table as `evaluate` or `serve` writes it."""
    settings = {"candidates": 16, "temperature": 0.7}
    primitives = load_primitives()
    return _FRONT.format(**settings) + _BODY.format(
        **{**settings, **facts["shape"]},
        millions=facts["parameters"] / 1e6,
        vocabulary=facts["vocabulary"],
        primitives=len(primitives),
        wordings=sum(len(p.do) + len(p.np) + len(p.be) for p in primitives),
        steps=facts["steps"],
        tokens=facts["tokens"] / 1e6,
        validation=facts["validation"],
        written=len(written_requests()),
        outside=len(written_outside()),
        share=WRITTEN,
        scores=scores or "Not scored yet.",
        history=history,
    )
