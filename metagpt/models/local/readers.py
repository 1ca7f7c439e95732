"""The two models of a folder that weigh readings of a goal: one reads goals, the other tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metagpt.models.interface import Candidate, ModelProfile, ModelRequest
from metagpt.models.local import weighing
from metagpt.models.local.drafts import DECLINED, Draft
from metagpt.models.local.prompts import render_prompt
from metagpt.models.local.retelling import Retelling
from metagpt.models.local.sign_weights import read_sign_weights
from metagpt.models.local.weighing import Reading

if TYPE_CHECKING:
    from metagpt.models.local.engine import Engine
    from metagpt.models.local.weights import Weights

__all__ = ["Readers"]


@dataclass(frozen=True, slots=True)
class Readers:
    """Both models; see `metagpt.models.local.weighing` for what they are weighed with."""

    folder: Path
    """Where both models and the weights of the signs are."""
    profile: ModelProfile
    """Of the model that reads."""
    retelling: Retelling

    async def voted(
        self, engine: Engine, request: ModelRequest, drawn: Sequence[Candidate], drafts: Sequence[Draft]
    ) -> tuple[Candidate, ...]:
        """The drawn answers and the drafts, with their votes.

        Args:
            engine: Of the model that reads.
            request: What was asked; its call is one that is told anew.
            drawn: Its answers.
            drafts: Answers that nobody drew.

        Raises:
            ModelUnavailableError: the folder lacks the weights of the signs, or the second model.
        """
        readings = weighing.readings_of(drawn, drafts)
        if not readings:
            return tuple(drawn)
        read, read_declined, retold, goal_tokens = await self._likelihoods(engine, request, readings)
        declined = sum(candidate.text == DECLINED for candidate in drawn) / len(drawn)
        signs = weighing.signs_of(readings, drawn, drafts, read, retold)
        shared, none = weighing.shares(
            signs, read_sign_weights(self.folder), declined=declined, read_declined=read_declined, goal_tokens=goal_tokens
        )
        return weighing.voted(readings, shared, none, drawn, drafts)

    async def ordered(self, engine: Engine, request: ModelRequest, specs: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        """Specs that nobody drew, the likeliest first; arguments as for `voted`."""
        by_reading = {reading: spec for spec in specs if (reading := weighing.reading_of(spec))}
        readings = list(by_reading)
        read, _, retold, _ = await self._likelihoods(engine, request, readings)
        weights = read_sign_weights(self.folder)
        weighed = [weighing.weight_of(signs, weights) for signs in weighing.signs_of(readings, (), (), read, retold)]
        return [by_reading[reading] for _, reading in sorted(zip(weighed, readings, strict=True), key=lambda each: -each[0])]

    async def _likelihoods(
        self, engine: Engine, request: ModelRequest, readings: Sequence[Reading]
    ) -> tuple[list[float], float, list[float], int]:
        """Of each reading given the goal, of declining it, and of the goal given each reading (nats); and the goal's tokens."""
        texts = [*map(weighing.scored_text, readings), DECLINED]
        *read, read_declined = await asyncio.wrap_future(engine.ask(lambda weights: self._read(request, weights, texts)))
        goal = str(request.context[self.retelling.keys[request.call]])
        retold, goal_tokens = await asyncio.to_thread(self.retelling.log_likelihoods, goal, readings)
        return read, read_declined, retold, goal_tokens

    def _read(self, request: ModelRequest, weights: Weights, texts: Sequence[str]) -> list[float]:
        """The log-likelihood (nats) of each answer's beginning; run by the engine's thread."""
        prompt = render_prompt(request, self.profile, weights.tokenizer).tokens
        return weights.log_likelihoods([(prompt, weights.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts])
