"""The model interface: one request in, deltas and one reply out.

A backend performs exactly one request per `stream` call and raises a `ModelError` when it fails. Retrying, re-asking
after an invalid answer, budgets and the journal belong to the runtime: every attempt is seen and paid for there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from metagpt.errors import ConfigError
from metagpt.models.context_fit import ContextFit

__all__ = [
    "Candidate",
    "ChatMessage",
    "Delta",
    "JsonSchema",
    "Model",
    "ModelOptions",
    "ModelProfile",
    "ModelReply",
    "ModelRequest",
    "Price",
    "TokenCounter",
    "TokenUsage",
    "ToolCall",
    "ToolSpec",
]

JsonSchema: TypeAlias = dict[str, Any]  # Any: JSON has no narrower recursive type that checkers and pydantic agree on

FinishReason = Literal["stop", "length", "tool_calls", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to have an action performed."""

    id: str
    name: str
    arguments: str
    """The arguments as the model sent them: JSON text, not yet trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """An action as a model is told of it."""

    name: str
    description: str
    parameters: JsonSchema


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of the rendered chat."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant turn: the tools it asked for."""
    tool_call_id: str = ""
    """Of a tool turn: the call that this is the result of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How to answer; None leaves the choice to the model's own defaults."""

    model: str | None = None
    """A model reference for this call alone."""
    temperature: float | None = None
    """0 is greedy."""
    top_p: float | None = None
    max_tokens: int | None = None
    """Most tokens of one candidate."""
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    """Candidates to draw."""
    max_rounds: int = 8
    """Most model calls of one `ask` whose replies ask for tools."""
    fit: ContextFit | None = None
    """What is left out of a chat that is too long for the model's window; None: the oldest of the memory, then of the tools' results."""

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("temperature", self.temperature, 0, None),
            ("top_p", self.top_p, 0, 1),
            ("max_tokens", self.max_tokens, 1, None),
            ("n", self.n, 1, None),
            ("max_rounds", self.max_rounds, 0, None),
        ):
            if value is not None and not (least <= value and (most is None or value <= most)):
                bounds = f"{least} or more" if most is None else f"from {least} to {most}"
                raise ConfigError(f"ModelOptions: {name} = {value!r}; expected {bounds}. Change it, or leave it out.")

    def over(self, defaults: ModelOptions) -> ModelOptions:
        """These options, with each None or empty one taken from `defaults`.

        A default temperature that goes with several candidates is advice on drawing them; it does not count for a single one.
        """
        is_single = self.n == 1 and (defaults.n or 1) > 1
        return replace(
            self,
            model=self.model or defaults.model,
            temperature=defaults.temperature if self.temperature is None and not is_single else self.temperature,
            top_p=defaults.top_p if self.top_p is None else self.top_p,
            max_tokens=defaults.max_tokens if self.max_tokens is None else self.max_tokens,
            stop=self.stop or defaults.stop,
            seed=defaults.seed if self.seed is None else self.seed,
            n=defaults.n if self.n is None else self.n,
            fit=self.fit or defaults.fit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """All that a backend needs to answer once."""

    call: str
    """Name of the call: `engineer.write_program`. What a fine-tuned model is trained by."""
    chat: tuple[ChatMessage, ...]
    """What a general model gets: persona, memory, prompt, earlier rounds."""
    context: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values
    """The call's typed context as JSON values: all that a `prompt_format: compact` model gets, beside the name."""
    schema: JsonSchema | None = None
    """JSON schema of the answer; None asks for text."""
    tools: tuple[ToolSpec, ...] = ()
    options: ModelOptions = ModelOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """What one request cost, in tokens, as the backend counted."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Those of the input tokens that the server had cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One answer."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason = "stop"
    logprob: float | None = None
    """Sum of the answer's token log-probabilities (nats), where the backend knows it."""
    votes: int = 1
    """For how many drawn candidates it counts where several are weighed; 0 for a draft that only evidence can choose."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the first candidate's text, while it is being made."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """The last item of a stream: the whole answer."""

    candidates: tuple[Candidate, ...]
    """One or more; drawn ones may be fewer than asked for, never none."""
    usage: TokenUsage | None = None
    """None where the backend could not tell."""
    model: str = ""
    """The name the backend reports to have answered as."""

    @property
    def text(self) -> str:
        """The first candidate's text."""
        return self.candidates[0].text


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Cached input tokens; None means they cost as much as the others."""

    def usd(self, usage: TokenUsage) -> float:
        """Cost of `usage` in USD."""
        cached = self.input if self.cached is None else self.cached
        fresh_tokens = usage.input_tokens - usage.cached_tokens
        return (fresh_tokens * self.input + usage.cached_tokens * cached + usage.output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """What the runtime must know of a model before it is asked."""

    reference: str
    """How the user named it: `openai:gpt-5-mini`, `embedded`."""
    max_output_tokens: int = 16_384
    """Most tokens of one answer that the runtime reserves budget for when the caller names none."""
    context_tokens: int | None = None
    """Window of prompt and answer together, where known."""
    prompt_format: Literal["chat", "compact"] = "chat"
    """`compact`: a model fine-tuned to calls; it reads the call's name and context, not the chat."""
    calls: tuple[str, ...] = ()
    """Of a compact model: the calls it was trained for."""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a compact model: the keys of each call's context that it reads, in this order; a call not named reads all of it."""
    defaults: ModelOptions = ModelOptions()
    """The model's own advice on how to draw: temperature, candidates."""
    price: Price | None = None
    """None: unknown. A local model costs `Price(input=0, output=0)`."""


@runtime_checkable
class Model(Protocol):
    """What answers a role's requests: a plugin of the entry point group `metagpt.models`."""

    @property
    def profile(self) -> ModelProfile:
        """What is known of the model without asking it anything; cheap, loads nothing heavy."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        """Answer once: any number of deltas, then exactly one `ModelReply`, the last item.

        Closing the iterator early cancels the request.

        Raises:
            ModelError: the matching branch of the tree; never another exception for a fault of the model or its server.
        """
        ...

    async def close(self) -> None:
        """Free connections and memory; the model may be used again afterwards, at the cost of opening it anew."""
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """What a model may have beside `Model`: chats for it are then made to fit its window by count, not by an estimate."""

    async def count_tokens(self, request: ModelRequest) -> int:
        """Tokens that the model would read for the request: chat, schema and tools in its own format.

        Needs no weights, and does not hold up the event loop.

        Raises:
            ModelError: what it takes to count cannot be had.
        """
        ...
