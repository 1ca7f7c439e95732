"""One question, one answer, from whatever model a reference names."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from typing import Any

from metagpt.errors import ConfigError, ModelError, RunError
from metagpt.models.interface import ChatMessage, Model, ModelOptions, ModelReply, ModelRequest
from metagpt.plugins import open_model

__all__ = ["generate_response"]

_WRITES_PROGRAMS = "engineer.write_program"
_OTHER_MODELS = 'Ask a general model for anything else: model="openai:NAME", "openai:NAME@URL" or "local:PATH_OR_HUB_ID".'


def generate_response(
    prompt: str, *, model: Model | str = "embedded", system: str | None = None, options: ModelOptions | None = None
) -> str:
    """What the model answers to the prompt.

    A general model simply answers. The embedded model was trained to write small programs and nothing else: a prompt that asks for one
    is answered with the program's text, checked as the software team checks it; any other with a sentence that says so, and what to do.

    Args:
        prompt: What is asked.
        model: A reference, as `openai:gpt-5-mini`, `local:PATH_OR_HUB_ID`, `hub:NAME@production` or `embedded`; or an opened model,
            which stays open.
        system: What the model is told to be; nothing if left out.
        options: Temperature, length, seed and so on.

    Raises:
        ConfigError: an empty prompt, a reference that cannot be opened, or a model that was trained for other calls alone.
        ModelError: the model cannot be reached or used.
        RunError: the team that works with a model for programs failed.

    Example:
        >>> from metagpt import generate_response
        >>> from metagpt.testing import FunctionModel
        >>> generate_response("What is MetaGPT?", model=FunctionModel(lambda request: "Teams of agents."))
        'Teams of agents.'
    """
    if not prompt.strip():
        raise ConfigError(f"generate_response: found the prompt {prompt!r}; expected a question. Ask something.")
    opened = open_model(model) if isinstance(model, str) else model
    return _finished(_answer(prompt, opened, system, options, close=isinstance(model, str)))


def _finished(work: Coroutine[Any, Any, str]) -> str:
    """The result of the coroutine; where a loop runs already, as in a notebook, in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    found: list[str] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001  # carried over to the caller's thread, whatever it is
            failed.append(error)

    thread = threading.Thread(target=run, name="metagpt-generate-response")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


async def _answer(prompt: str, model: Model, system: str | None, options: ModelOptions | None, *, close: bool) -> str:
    try:
        if model.profile.prompt_format == "chat":
            return await _ask(prompt, model, system, options)
        if _WRITES_PROGRAMS in model.profile.calls:
            return await _program(prompt, model)
        trained = ", ".join(model.profile.calls)
        raise ConfigError(f"generate_response: {model.profile.reference} was trained for {trained} and nothing else. {_OTHER_MODELS}")
    finally:
        if close:
            await model.close()


async def _ask(prompt: str, model: Model, system: str | None, options: ModelOptions | None) -> str:
    chat = (*([ChatMessage("system", system)] if system else []), ChatMessage("user", prompt))
    request = ModelRequest(call="generate_response", chat=chat, context={"prompt": prompt}, options=options or ModelOptions())
    async for item in model.stream(request):
        if isinstance(item, ModelReply):
            return item.text
    raise AssertionError("a stream ends with its reply")


async def _program(prompt: str, model: Model) -> str:
    """What the software team makes of the prompt: the program if its checks passed, else why there is none."""
    from metagpt.team import Team

    with tempfile.TemporaryDirectory() as folder:
        team: Team[Any, Any] = Team.load("software", model=model, workspace=folder)
        try:
            output = (await team.run(prompt)).output
        except RunError as error:
            if isinstance(error.__cause__, ModelError):
                raise error.__cause__ from None
            raise
    program = getattr(output, "program", None)
    if program is None:
        return f"{getattr(output, 'reason', 'I only write small Python programs, and this asks for none.')} {_OTHER_MODELS}"
    text = str(program.files[program.entry]).rstrip()
    return text if output.passed else f"{text}\n\n# Not verified: {output.evidence}"
