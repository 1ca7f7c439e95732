"""`local:` and `embedded`: the Model that asks an engine of this process."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from metagpt.errors import ConfigError, ContextOverflowError, ModelUnavailableError
from metagpt.models.context_fit import SEND_LESS
from metagpt.models.interface import Candidate, Delta, ModelProfile, ModelReply, ModelRequest, TokenUsage
from metagpt.models.local import weighing
from metagpt.models.local.adapter_place import split_adapter
from metagpt.models.local.card import Card, profile_of, read_card
from metagpt.models.local.counting import PromptCounter
from metagpt.models.local.drafts import Drafts
from metagpt.models.local.extras import require_local_extra
from metagpt.models.local.folder import check_folder, downloaded_folder, is_folder_reference
from metagpt.models.local.job import Answers, Delivery, Draw, Job
from metagpt.models.local.prompts import check_call, render_prompt
from metagpt.models.local.readers import Readers
from metagpt.models.local.retelling import FOLDER, Retelling
from metagpt.models.local.settings import LocalSettings, parse_settings
from metagpt.models.local.tool_calls import read_union, union_schema

if TYPE_CHECKING:
    from metagpt.models.local.engine import Engine
    from metagpt.models.local.pool import SharedEngine
    from metagpt.models.local.weights import Weights

__all__ = ["LocalModel", "open_embedded", "open_folder", "open_local"]

_DRAFT_VOTES = 3
"""Of a draft, for each answer drawn: what a table has all steps of is right, where one drawn program in ten is not."""
_MANY_TEMPERATURE = 1.0
"""Where neither request nor model names one and several candidates are wanted: greedy ones would be equal."""


def open_local(rest: str, settings: Mapping[str, object]) -> LocalModel:
    """The model `local:REST`: a folder saved by `save_pretrained`, or a hub id such as `Qwen/Qwen3-4B`.

    `local:BASE+adapter=PLACE` answers with a LoRA adapter, a folder or hub id as well; all adapters of one base share its weights.

    Args:
        rest: what stands behind `local:`.
        settings: `device`, `dtype`, `max_batch` and others; see `LocalSettings`.

    Raises:
        ConfigError: a bad setting or card, or the `local` extra is not installed.
        ModelUnavailableError: a folder that holds no model, or no adapter.
    """
    reference = f"local:{rest}"
    parsed = parse_settings(reference, settings)
    require_local_extra(reference)
    base, adapter = split_adapter(reference, rest, parsed.adapter)
    if not base:
        raise ConfigError("local: no model named; expected local:PATH_OR_HUB_ID. Name a folder or a hub id.")
    parsed = replace(parsed, adapter=adapter)
    folder = Path(base).expanduser().resolve() if is_folder_reference(base) else None
    if folder is not None:
        return open_folder(reference, folder, parsed)
    known = downloaded_folder(base)
    return LocalModel(reference, base, _card(known, adapter) if known else Card(), parsed)


def open_embedded(rest: str, settings: Mapping[str, object]) -> LocalModel:
    """The model `embedded`, which is shipped with this package; `settings` as for `open_local`.

    Raises:
        ConfigError: a bad setting, something behind the name, or the `local` extra is not installed.
        ModelUnavailableError: this installation lacks the weights.
    """
    if rest:
        raise ConfigError(f"embedded: {rest!r} behind the name; expected `embedded` alone. Name other models with local:PATH_OR_HUB_ID.")
    parsed = parse_settings("embedded", settings)
    require_local_extra("embedded")
    if parsed.adapter:
        raise ConfigError("embedded: found an adapter; expected none, for it has been trained for its calls. Use local:BASE+adapter=PLACE.")
    return open_folder("embedded", Path(str(files("metagpt.models").joinpath("embedded_weights"))), parsed)


def open_folder(reference: str, folder: Path, settings: LocalSettings) -> LocalModel:
    """The model in a folder, known by that reference.

    Raises:
        ConfigError: a bad card.
        ModelUnavailableError: the folder holds no model.
    """
    check_folder(reference, folder)
    return LocalModel(reference, str(folder), _card(folder, settings.adapter), settings)


def _card(folder: Path, adapter: str | None) -> Card:
    """The base's card; where the adapter was trained for calls, with what its own says of them."""
    base = read_card(folder)
    own = read_card(Path(adapter)) if adapter and is_folder_reference(adapter) else None
    return replace(own, context_tokens=base.context_tokens) if own and own.calls else base


class LocalModel:
    """A Transformer in this process: a Model.

    Models of one path, device and dtype share one copy of the weights, and their requests are decoded in one batch.
    The weights are loaded at the first request, off the event loop. A compact model is offered no tools: it was trained to
    answer its calls directly. An answer under a schema, or of a request with tools, ignores `stop`: it ends where its schema does.
    """

    def __init__(self, reference: str, path: str, card: Card, settings: LocalSettings) -> None:
        self._path = path
        self._settings = settings
        self._drafts = Drafts(Path(path), card.drafts) if card.drafts else None
        self._varied = card.varied
        card = replace(card, defaults=settings.defaults.over(card.defaults))
        self._profile = profile_of(reference, card, context_tokens=settings.context_tokens)
        self._readers = Readers(Path(path), self._profile, Retelling(card.retold, self._load_retelling)) if card.retold else None
        self._counter = PromptCounter(path)
        self._opening = threading.Lock()
        self._engine: SharedEngine | None = None

    @property
    def profile(self) -> ModelProfile:
        """What card and settings say; known without loading the weights."""
        return self._profile

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        """Answer once; see `Model.stream`.

        Raises:
            ContextOverflowError: the prompt leaves no room for an answer.
            ModelUnavailableError: the weights cannot be loaded or run, or a compact model was not trained for the call.
        """
        if self._drafts is not None and request.call in self._varied:
            reply = await self._variations(self._drafts, request)
            yield Delta(reply.text)
            yield reply
            return
        check_call(self._profile, request.call)
        engine = await self._opened()
        arrived: asyncio.Queue[Delivery] = asyncio.Queue()
        job = self._job(request, engine.adapter, asyncio.get_running_loop(), arrived)
        engine.submit(job)
        shows_pieces = not self._offers_tools(request)
        try:
            while True:
                item = await arrived.get()
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, str):
                    if shows_pieces:
                        yield Delta(item)
                    continue
                reply = self._reply(request, item)
                if len(reply.candidates) > 1:
                    reply = replace(reply, candidates=await self._with_drafts(engine.engine, request, reply.candidates))
                if not shows_pieces and reply.text:
                    yield Delta(reply.text)
                yield reply
                return
        finally:
            job.is_over = True

    async def count_tokens(self, request: ModelRequest) -> int:
        """Tokens of the prompt; see `TokenCounter.count_tokens`.

        Raises:
            ModelUnavailableError: the tokenizer cannot be loaded, or refuses the chat.
        """
        return await asyncio.to_thread(self._counter.count, request, self._profile)

    async def close(self) -> None:
        """Give up the weights; they are freed with their last user, and loaded anew if this model is asked again."""
        with self._opening:
            engine, self._engine = self._engine, None
        if self._readers is not None:
            self._readers.retelling.close()
        if engine is not None:
            await asyncio.to_thread(engine.release)

    async def _opened(self) -> SharedEngine:
        engine = self._engine
        return await asyncio.to_thread(self._open) if engine is None else engine

    def _open(self) -> SharedEngine:
        """The engine, shared with other models of the same source; imports torch, so off the event loop."""
        from metagpt.models.local.pool import share_engine  # loads torch

        with self._opening:
            if self._engine is None:
                self._engine = share_engine(self._profile.reference, self._path, self._settings)
            return self._engine

    def _load_retelling(self) -> Weights:
        """The second model, on the device of the first."""
        from metagpt.models.local.pool import load_beside  # loads torch

        return load_beside(self._profile.reference, Path(self._path) / FOLDER, self._settings)

    async def _with_drafts(self, engine: Engine, request: ModelRequest, drawn: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The drawn answers and the drafts with their votes, or all weighed by a second model."""
        drafts = () if self._drafts is None else await asyncio.to_thread(self._drafts.of, request)
        if self._readers is not None and request.call in self._readers.retelling.keys:
            return await self._readers.voted(engine, request, drawn, drafts)
        return (*drawn, *(Candidate(text=draft.text, votes=_DRAFT_VOTES * len(drawn)) for draft in drafts))

    async def _variations(self, drafts: Drafts, request: ModelRequest) -> ModelReply:
        """Readings one step away from those of the request, the likeliest first: the table finds them, both models weigh them.

        Raises:
            ModelUnavailableError: the context lacks `readings`, `examples` or the goal.
        """
        read_call = self._varied[request.call]
        try:
            goal = str(request.context[drafts.keys[read_call]])
            readings = [reading for spec in request.context["readings"] if (reading := weighing.reading_of(spec))]
            examples = request.context["examples"]
        except KeyError as error:
            raise ModelUnavailableError(
                f"{self._profile.reference}: asked for {request.call!r} without {error} in its context. Pass it to ask as a keyword."
            ) from error
        found = await asyncio.to_thread(drafts.varied, goal, readings, examples)
        if found and self._readers is not None:
            engine = (await self._opened()).engine
            found = await self._readers.ordered(engine, replace(request, call=read_call), found)
        return ModelReply(
            candidates=(Candidate(text=json.dumps({"variations": found}, ensure_ascii=False)),),
            usage=TokenUsage(input_tokens=0, output_tokens=0),
            model=self._profile.reference,
        )

    def _job(
        self,
        request: ModelRequest,
        adapter: str,
        loop: asyncio.AbstractEventLoop,
        arrived: asyncio.Queue[Delivery],
    ) -> Job:
        def deliver(item: Delivery) -> None:
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, item)
            except RuntimeError:  # the loop is closed: nobody waits any more
                job.is_over = True

        job = Job(prepare=lambda weights: self._draw(request, weights, adapter), deliver=deliver, max_batch=self._settings.max_batch)
        return job

    def _draw(self, request: ModelRequest, weights: Weights, adapter: str) -> Draw:
        """What the engine shall decode for the request; loads its adapter, if that is not loaded.

        Raises:
            ContextOverflowError: the prompt leaves no room for an answer.
            ModelUnavailableError: the adapter does not fit the base.
        """
        weights.adapters.load(adapter)
        self._learn_window(weights)
        options = request.options.over(self._profile.defaults)
        prompt = render_prompt(request, self._profile, weights.tokenizer)
        schema = union_schema(request.tools, request.schema) if self._offers_tools(request) else request.schema
        is_compact = self._profile.prompt_format == "compact"
        num_candidates = options.n or 1
        unsaid = 0.0 if num_candidates == 1 else _MANY_TEMPERATURE
        return Draw(
            prompt=prompt.tokens,
            num_candidates=num_candidates,
            max_tokens=min(options.max_tokens or self._profile.max_output_tokens, self._room(weights, len(prompt.tokens))),
            temperature=unsaid if options.temperature is None else options.temperature,
            top_p=1.0 if options.top_p is None else options.top_p,
            seed=secrets.randbits(62) if options.seed is None else options.seed,
            stop=() if schema is not None else prompt.stop + options.stop,
            matcher=None if schema is None else weights.grammars.matcher(schema, any_split=is_compact),
            adapter=adapter,
            prefix_tokens=self._settings.prefix_tokens,
        )

    def _learn_window(self, weights: Weights) -> None:
        """Tell the window where it was not known before the weights were, so that later chats are made to fit it."""
        if self._profile.context_tokens is None:
            window = min((size for size in (weights.context_tokens, self._settings.context_tokens) if size), default=None)
            self._profile = replace(self._profile, context_tokens=window)

    def _room(self, weights: Weights, prompt_tokens: int) -> int:
        windows = [window for window in (weights.context_tokens, self._settings.context_tokens) if window is not None]
        window = min(windows, default=prompt_tokens + self._profile.max_output_tokens)
        if prompt_tokens >= window:
            raise ContextOverflowError(
                f"{self._profile.reference}: a prompt of {prompt_tokens} tokens; its window holds {window} for prompt and answer together. "
                f"{SEND_LESS}, or use a model with a longer window.",
                prompt_tokens=prompt_tokens,
                window_tokens=window,
            )
        if prompt_tokens == 0:
            raise ModelUnavailableError(f"{self._profile.reference}: an empty prompt; expected at least one token. Give the call a prompt.")
        return window - prompt_tokens

    def _offers_tools(self, request: ModelRequest) -> bool:
        return bool(request.tools) and self._profile.prompt_format == "chat"

    def _reply(self, request: ModelRequest, answers: Answers) -> ModelReply:
        candidates: tuple[Candidate, ...] = answers.candidates
        if self._offers_tools(request):
            as_json = request.schema is not None
            candidates = tuple(read_union(candidate, request.chat, number, as_json=as_json) for number, candidate in enumerate(candidates))
        return ModelReply(candidates=candidates, usage=answers.usage, model=self._profile.reference)
