"""The batched decode loop, one step at a time: rows join while others decode, and leave when they are done.

Knows no threads and no event loops; `engine` drives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from metagpt.errors import InvalidReplyError
from metagpt.models.interface import Candidate, TokenUsage
from metagpt.models.local.faults import as_model_error
from metagpt.models.local.job import Answers, Draw, Job
from metagpt.models.local.kv import RowCache
from metagpt.models.local.prefixes import PrefixStore
from metagpt.models.local.sampling import Chance, RowSampling, draw_tokens, sampling_tensors
from metagpt.models.local.text_stream import TextStream
from metagpt.models.local.weights import Weights

__all__ = ["Decoder"]

_DEAD_SHARE = 0.25
"""Share of finished rows at which the batch is made smaller: below it, the copy costs more than the rows."""


class _Row:
    """One candidate being decoded."""

    def __init__(self, run: _JobRun, number: int, weights: Weights) -> None:
        self.run = run
        self.number = number
        self.chance = Chance(run.draw.seed, number)
        self.matcher = run.draw.matcher.deep_copy() if run.draw.matcher else None
        decode = (weights.grammars.decode if self.matcher else None) or weights.decode
        self.text = TextStream(decode, run.draw.stop)
        self.num_tokens = 0
        self.logprob = 0.0
        self.finish: Literal["stop", "length"] | None = None
        self._end_tokens = weights.end_tokens

    @property
    def is_live(self) -> bool:
        """Whether it needs another token."""
        return self.finish is None and not self.run.job.is_over

    def accept(self, token: int, logprob: float) -> None:
        """Take the row's next token and see whether it was the last.

        Raises:
            InvalidReplyError: the schema's matcher gave up.
        """
        self.num_tokens += 1
        self.logprob += logprob
        if token in self._end_tokens:
            self._end("stop", "")
            return
        piece = self.text.push(token)
        if self.matcher is not None and not self.matcher.consume_token(token):
            reason = self.matcher.get_error().strip()
            raise InvalidReplyError(f"local model: {reason}; expected to go on under the schema. Simplify the answer's type.")
        if self.text.stopped or (self.matcher is not None and self.matcher.is_stopped()):
            self._end("stop", piece)
        elif self.num_tokens >= self.run.draw.max_tokens:
            self._end("length", piece)
        else:
            self._show(piece)

    def candidate(self) -> Candidate:
        """The answer, once it is finished."""
        return Candidate(text=self.text.text, finish=self.finish or "length", logprob=self.logprob)

    def _end(self, finish: Literal["stop", "length"], piece: str) -> None:
        self.finish = finish
        self._show(piece + self.text.close())

    def _show(self, piece: str) -> None:
        if piece and self.number == 0:
            self.run.job.deliver(piece)


class _JobRun:
    """A job whose prompt is known: its rows, and the prefilled prompt that they share."""

    def __init__(self, job: Job, draw: Draw, weights: Weights) -> None:
        self.job = job
        self.draw = draw
        self.rows = [_Row(self, number, weights) for number in range(draw.num_candidates)]
        self.unstarted = deque(self.rows)
        self.prefilled: tuple[RowCache, Tensor] | None = None
        self.reused_tokens = 0

    def prefill(self, weights: Weights, prefixes: PrefixStore) -> tuple[RowCache, Tensor]:
        """Run the model on what is new in the prompt, once for all candidates; the cache of one row and the logits that follow."""
        if self.prefilled is None:
            draw = self.draw
            known = prefixes.begin(draw.prompt, draw.adapter) if draw.prefix_tokens else None
            cache = known or RowCache.empty(weights.device)
            self.reused_tokens = cache.length
            tokens_BT = torch.tensor([draw.prompt[cache.length :]], device=weights.device)
            weights.adapters.choose([draw.adapter])
            self.prefilled = (cache, weights.step(tokens_BT, cache))
            prefixes.keep(draw.prompt, draw.adapter, cache, most_tokens=draw.prefix_tokens)
        return self.prefilled

    def hand_out_if_finished(self) -> None:
        """Deliver the answers once every candidate has ended."""
        if self.unstarted or not all(row.finish for row in self.rows):
            return
        output_tokens = sum(row.num_tokens for row in self.rows)
        usage = TokenUsage(input_tokens=len(self.draw.prompt), output_tokens=output_tokens, cached_tokens=self.reused_tokens)
        self.job.finish(Answers(candidates=tuple(row.candidate() for row in self.rows), usage=usage))


@dataclass(slots=True)
class _Batch:
    """The rows that decode together, and what the model says comes next in each."""

    rows: list[_Row]
    """In the order of the cache; finished ones may be among them."""
    cache: RowCache
    logits: Tensor
    """B x V; of the step before the rows' next token."""
    how: RowSampling

    @property
    def live(self) -> list[int]:
        """Numbers of the rows that need another token."""
        return [number for number, row in enumerate(self.rows) if row.is_live]


class Decoder:
    """All requests of one engine in one batch."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._waiting: deque[_JobRun] = deque()
        self._batch: _Batch | None = None
        self._prefixes = PrefixStore()
        self._unwanted: set[str] = set()
        """Adapters to be freed when no row needs them."""

    @property
    def is_busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._batch or self._waiting)

    @property
    def num_live(self) -> int:
        """Rows being decoded."""
        batch = self._batch  # read once: another thread may ask
        return len(batch.live) if batch else 0

    @property
    def jobs(self) -> list[Job]:
        """Jobs begun or waiting."""
        rows = self._batch.rows if self._batch else []
        return list(dict.fromkeys([row.run.job for row in rows] + [run.job for run in self._waiting]))

    def add(self, job: Job, draw: Draw) -> None:
        """Queue a request; its rows join as soon as there is room."""
        self._waiting.append(_JobRun(job, draw, self.weights))
        self._unwanted.discard(draw.adapter)

    def drop_adapters(self, paths: Iterable[str]) -> None:
        """Free these adapters, and what is known of prompts under them; those in use as soon as they are not."""
        self._unwanted |= set(paths) & self.weights.adapters.loaded
        if not self._unwanted:
            return
        rows = self._batch.rows if self._batch else []
        in_use = {row.run.draw.adapter for row in rows} | {run.draw.adapter for run in self._waiting}
        free = self._unwanted - in_use
        if free:
            self._unwanted -= free
            self.weights.adapters.keep_only(self.weights.adapters.loaded - free)
            for path in free:
                self._prefixes.forget(path)

    def step(self) -> None:
        """Let waiting rows join, draw one token for every row, hand out what is done, and run the model on the rest."""
        joining = self._take_joining()
        if joining:
            self._batch = _merged(self._batch, joining)
        if self._batch is None:
            return
        tokens = _draw(self._batch)
        for run in dict.fromkeys(row.run for row in self._batch.rows):
            run.hand_out_if_finished()
        kept = _kept(self._batch)
        self._batch = _shrunk(self._batch, kept)
        if self._batch is not None:
            tokens_BT = torch.tensor([tokens[number] for number in kept], device=self.weights.device)[:, None]
            self.weights.adapters.choose([row.run.draw.adapter for row in self._batch.rows])
            self._batch.logits = self.weights.step(tokens_BT, self._batch.cache)

    def _take_joining(self) -> list[tuple[RowCache, Tensor, list[_Row]]]:
        """Rows that find room, first come first served, each group with its prefilled prompt."""
        joining = []
        num_rows = self.num_live
        while self._waiting:
            run = self._waiting[0]
            room = run.job.max_batch - num_rows
            if run.job.is_over:
                self._waiting.popleft()
                continue
            if room < 1:
                break
            try:
                cache, logits_BV = run.prefill(self.weights, self._prefixes)
            except RuntimeError as error:  # torch: out of memory above all; the requests already decoding go on
                if not self._prefixes.forget():  # else tried again with the room that this makes
                    run.job.finish(as_model_error(self.weights.owner, error))
                continue
            rows = [run.unstarted.popleft() for _ in range(min(room, len(run.unstarted)))]
            joining.append((cache, logits_BV, rows))
            num_rows += len(rows)
            if not run.unstarted:
                run.prefilled = None
                self._waiting.popleft()
        return joining


def _merged(batch: _Batch | None, joining: Sequence[tuple[RowCache, Tensor, list[_Row]]]) -> _Batch:
    """A new batch of the live rows and those that join."""
    live = batch.live if batch else []
    rows, caches, logits = [], [], []
    if batch and live:
        rows += [batch.rows[number] for number in live]
        caches.append((batch.cache, live))
        logits.append(batch.logits[live])
    for cache, logits_BV, joined in joining:
        rows += joined
        caches.append((cache, [0] * len(joined)))
        logits.append(logits_BV.expand(len(joined), -1))
    return _Batch(rows, RowCache.merged(caches), torch.cat(logits), _how(rows, logits[0].device))


def _shrunk(batch: _Batch, kept: list[int]) -> _Batch | None:
    """The batch of the kept rows alone; None without any. Its logits are those of the step before."""
    if not kept:
        return None
    if len(kept) == len(batch.rows):
        return batch
    rows = [batch.rows[number] for number in kept]
    return _Batch(rows, RowCache.merged([(batch.cache, kept)]), batch.logits[kept], _how(rows, batch.logits.device))


def _kept(batch: _Batch) -> list[int]:
    """Numbers of the rows that stay: all, until the finished ones are many."""
    live = batch.live
    return live if len(live) <= len(batch.rows) * (1 - _DEAD_SHARE) else list(range(len(batch.rows)))


def _how(rows: Sequence[_Row], device: torch.device) -> RowSampling:
    draws = [row.run.draw for row in rows]
    return sampling_tensors([draw.temperature for draw in draws], [draw.top_p for draw in draws], device)


def _draw(batch: _Batch) -> list[int]:
    """The next token of each row; live rows take theirs."""
    live = batch.live
    chances = [0.0] * len(batch.rows)
    for number in live:
        chances[number] = batch.rows[number].chance.next()
    matchers = [(number, matcher) for number in live if (matcher := batch.rows[number].matcher) is not None]
    tokens, logprobs = draw_tokens(batch.logits, batch.how, chances=chances, matchers=matchers)
    for number in live:
        try:
            batch.rows[number].accept(tokens[number], logprobs[number])
        except InvalidReplyError as error:
            batch.rows[number].run.job.finish(error)
    return tokens
