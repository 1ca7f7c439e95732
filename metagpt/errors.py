"""Every error the package raises, in one tree.

MetaGPTError
├── ConfigError                     settings, flags, plugins, a team without a model
├── TeamError                       the graph check's findings, all at once
├── HandlerSignatureError           a handler that cannot be wired, refused when its class is made
├── RunError                        a run that ended without its result; carries `.run`
│   ├── HandlerFailedError
│   ├── BudgetExceededError
│   ├── DeadlockError
│   ├── UnroutableError
│   ├── LimitReachedError
│   ├── NoOutputError
│   ├── RunCancelledError
│   ├── UnansweredError
│   ├── ActionError
│   │   └── ActionServerError
│   └── SandboxError
├── ModelError                      a model call that failed; `.retryable` says whether asking again may help
│   ├── RateLimitError
│   ├── ServerError
│   ├── ModelTimeoutError
│   ├── StreamCutError
│   ├── InvalidReplyError
│   ├── RefusedError
│   ├── ContextOverflowError
│   └── ModelUnavailableError
├── JournalError
│   ├── JournalCorruptError
│   ├── JournalVersionError
│   ├── RunLockedError
│   ├── UnknownRunError
│   └── RunExistsError
├── LabError
└── HubError
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metagpt.run import Run

__all__ = [
    "ActionError",
    "ActionServerError",
    "BudgetExceededError",
    "ConfigError",
    "ContextOverflowError",
    "DeadlockError",
    "HandlerFailedError",
    "HandlerSignatureError",
    "HubError",
    "InvalidReplyError",
    "JournalCorruptError",
    "JournalError",
    "JournalVersionError",
    "LabError",
    "LimitReachedError",
    "MetaGPTError",
    "ModelError",
    "ModelTimeoutError",
    "ModelUnavailableError",
    "NoOutputError",
    "RateLimitError",
    "RefusedError",
    "RunCancelledError",
    "RunError",
    "RunExistsError",
    "RunLockedError",
    "SandboxError",
    "ServerError",
    "StreamCutError",
    "TeamError",
    "UnansweredError",
    "UnknownRunError",
    "UnroutableError",
    "did_you_mean",
]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the closest known name, or all known names, to end an error with."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(map(repr, names))}." if names else "None is known."


class MetaGPTError(Exception):
    """The root of every error this package raises."""


class ConfigError(MetaGPTError):
    """A setting, flag, plugin or team definition that cannot work as it stands."""


class TeamError(MetaGPTError):
    """A team whose graph cannot work; `.findings` holds every reason."""

    def __init__(self, owner: str, findings: Sequence[str]) -> None:
        self.owner = owner
        self.findings = tuple(findings)
        lines = "\n".join(f"  - {finding}" for finding in self.findings)
        super().__init__(f"{owner}: {len(self.findings)} finding(s); a team runs only without any.\n{lines}")


class HandlerSignatureError(MetaGPTError, TypeError):
    """A handler that cannot be wired from its signature."""


class RunError(MetaGPTError):
    """A run that ended without its result.

    `.run` is the run as far as it came (None until the team hands the error out); `.role`, `.handler` and
    `.message` name the place, where there is one.
    """

    run: Run[Any] | None = None  # Any: an error does not know its team's output type

    def __init__(self, text: str, *, role: str | None = None, handler: str | None = None, message: str | None = None) -> None:
        super().__init__(text)
        self.role = role
        self.handler = handler
        self.message = message


class HandlerFailedError(RunError):
    """A handler raised, after all its attempts; the exception is the `__cause__`."""


class BudgetExceededError(RunError):
    """The next step would pass the run's budget."""


class DeadlockError(RunError):
    """The run is quiet without output while a join waits for a part that cannot come."""


class UnroutableError(RunError):
    """A message that no handler took and that is not final."""


class LimitReachedError(RunError):
    """A message whose only hearers have used up their limit, and that is not final."""


class NoOutputError(RunError):
    """The run is quiet and no final message was published."""


class RunCancelledError(RunError):
    """The run was cancelled before it ended."""


class UnansweredError(RunError):
    """Nobody agreed to an output in time, and its limit says that it is rejected then."""


class ActionError(RunError):
    """An action that failed, was refused by the policy or is unknown."""


class ActionServerError(ActionError):
    """A server of actions that does not start, has died or does not answer."""


class SandboxError(RunError):
    """Code that cannot be run in isolation, or a path outside the workspace."""


class ModelError(MetaGPTError):
    """A model call that failed."""

    retryable: bool = False
    """Whether asking the same again may help."""

    def __init__(self, text: str, *, retry_after_s: float | None = None, retryable: bool | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s
        if retryable is not None:
            self.retryable = retryable


class RateLimitError(ModelError):
    """The server asks to slow down (429); `.retry_after_s` is its own figure, where it gave one."""

    retryable = True


class ServerError(ModelError):
    """The server failed (5xx)."""

    retryable = True


class ModelTimeoutError(ModelError):
    """No reply within the time allowed."""

    retryable = True


class StreamCutError(ModelError):
    """The stream ended before the reply did."""

    retryable = True


class InvalidReplyError(ModelError):
    """A reply that does not fit the asked type, after all re-asks, or that is no reply at all."""

    spoiled: tuple[tuple[str, int], ...] = ()
    """The recorded replies that led to it, as the journal names them: an attempt that follows does not use them again."""


class RefusedError(ModelError):
    """The model or its server refused to answer."""


class ContextOverflowError(ModelError):
    """The chat is longer than the model's context window."""

    def __init__(self, text: str, *, prompt_tokens: int | None = None, window_tokens: int | None = None) -> None:
        super().__init__(text)
        self.prompt_tokens = prompt_tokens
        """Of the chat, where the model or its server said it."""
        self.window_tokens = window_tokens
        """Of prompt and answer together, likewise."""


class ModelUnavailableError(ModelError):
    """The model cannot be reached, loaded or paid for with what is configured."""


class JournalError(MetaGPTError):
    """The journal could not be read or written."""


class JournalCorruptError(JournalError):
    """A journal whose bytes do not read back as what was written."""


class JournalVersionError(JournalError):
    """A journal written by a newer version of this package."""


class RunLockedError(JournalError):
    """The run is being executed by another process or task."""


class UnknownRunError(JournalError):
    """The journal holds no run of that id."""


class RunExistsError(JournalError):
    """The journal already holds a run of that id."""


class LabError(MetaGPTError):
    """Training, data or evaluation that cannot go on."""


class HubError(MetaGPTError):
    """A hub entry that is missing, damaged or refused."""
