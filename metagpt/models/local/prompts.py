"""From a request to the tokens a model reads."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.errors import ModelUnavailableError
from metagpt.models.compact import compact_prompt
from metagpt.models.interface import ChatMessage, ModelProfile, ModelRequest
from metagpt.models.local.tool_calls import instructions, spoken_call

__all__ = ["PLAIN_STOP", "Prompt", "chat_turns", "check_call", "plain_text", "render_prompt"]

PLAIN_STOP = "\n\nUser:"
"""Where a model without a chat template begins to speak for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads, and where its turn ends beside its own end token."""

    tokens: list[int]
    stop: tuple[str, ...] = ()


def check_call(profile: ModelProfile, call: str) -> None:
    """Refuse a call that a compact model was not trained for.

    Raises:
        ModelUnavailableError: it was not.
    """
    if profile.prompt_format == "compact" and call not in profile.calls:
        trained = ", ".join(repr(name) for name in profile.calls)
        raise ModelUnavailableError(
            f"{profile.reference}: asked for the call {call!r}; it was trained for {trained} and nothing else. "
            "Give this role a general model: a key and openai:NAME, or local:PATH_OR_HUB_ID."
        )


def render_prompt(request: ModelRequest, profile: ModelProfile, tokenizer: Any) -> Prompt:  # Any: tokenizers share no typed base
    """The prompt in the model's own format: compact, its chat template, or plain turns when it has none."""
    if profile.prompt_format == "compact":
        keys = profile.reads.get(request.call, tuple(request.context))
        missing = [key for key in keys if key not in request.context]
        if missing:
            raise ModelUnavailableError(
                f"{profile.reference}: asked for {request.call!r} without {missing!r} in its context; it was trained with {list(keys)!r}."
                " Pass these to ask as keywords."
            )
        text = compact_prompt(request.call, {key: request.context[key] for key in keys})
        return Prompt(tokens=tokenizer(text, add_special_tokens=False)["input_ids"])
    turns = chat_turns(request)
    if not getattr(tokenizer, "chat_template", None):
        return Prompt(tokens=tokenizer(plain_text(turns))["input_ids"], stop=(PLAIN_STOP,))
    text = _templated(turns, profile, tokenizer)
    return Prompt(tokens=tokenizer(text, add_special_tokens=False)["input_ids"])


def chat_turns(request: ModelRequest) -> list[dict[str, str]]:
    """The chat as turns of system, user and assistant; tools and their results as text, neighbours of one role merged."""
    turns: list[dict[str, str]] = []
    told = instructions(request.tools, request.schema)
    messages = list(request.chat)
    if told:
        after_system = next((number for number, message in enumerate(messages) if message.role != "system"), len(messages))
        messages.insert(after_system, ChatMessage("system", told))
    for message in messages:
        role = "user" if message.role == "tool" else message.role
        text = _spoken(message, request.chat)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += f"\n\n{text}"
        else:
            turns.append({"role": role, "content": text})
    return turns


def plain_text(turns: Sequence[dict[str, str]]) -> str:
    """Turns as a play script, for a tokenizer without a chat template."""
    script = "\n\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in turns)
    return f"{script}\n\nAssistant:"


def _spoken(message: ChatMessage, chat: Sequence[ChatMessage]) -> str:
    if message.role == "tool":
        names = {call.id: call.name for turn in chat for call in turn.tool_calls}
        return f"Result of {names.get(message.tool_call_id, 'the tool')}:\n{message.text}"
    return "\n".join([*([message.text] if message.text else []), *map(spoken_call, message.tool_calls)])


def _templated(turns: list[dict[str, str]], profile: ModelProfile, tokenizer: Any) -> str:  # Any: as above
    template_error = importlib.import_module("jinja2").TemplateError
    try:
        return _apply(turns, tokenizer)
    except template_error as error:
        refusal = error
    try:
        return _apply(_without_system(turns), tokenizer)  # some templates know no system turn
    except template_error:
        raise ModelUnavailableError(
            f"{profile.reference}: its chat template refuses this chat ({refusal}); expected one that takes user and "
            "assistant turns. Use another model for this role."
        ) from refusal


def _apply(turns: list[dict[str, str]], tokenizer: Any) -> str:  # Any: as above
    # enable_thinking: templates that know it then leave room for the answer alone; others ignore it
    text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    return text


def _without_system(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    merged: list[dict[str, str]] = []
    for turn in turns:
        role = "user" if turn["role"] == "system" else turn["role"]
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += f"\n\n{turn['content']}"
        else:
            merged.append({"role": role, "content": turn["content"]})
    return merged
