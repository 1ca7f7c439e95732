"""What goes wrong at a chat completions server, as the matching branch of the error tree.

Texts name the model's reference, what was found and what to do. Nothing of the original exception is chained: its
request holds the key, and servers like to quote keys in their messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from metagpt.errors import (
    ContextOverflowError,
    InvalidReplyError,
    ModelError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
    RefusedError,
    ServerError,
    StreamCutError,
)
from metagpt.models.capabilities import Refusal
from metagpt.models.context_fit import SEND_LESS

if TYPE_CHECKING:
    from openai import APIError

__all__ = ["FaultReport", "refusal_in", "refusal_of", "retry_after_s"]

_MAX_MESSAGE_CHARS = 400
_SECRET = re.compile(r"\b(?:sk|pk|gsk|key|xai|hf)[-_][\w*.-]{6,}|(?i:bearer)\s+\S+|(?i:(?<=key provided: ))\S+")
_OVERFLOW = re.compile(
    r"(maximum|max|available|model'?s) context|context[_ ](length|window|size)|(prompt|input) is too long"
    r"|reduce the length|exceeds? the context",
    re.IGNORECASE,
)
_NUMBER = r"(\d[\d,]*)"
_PROMPT_TOKENS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_NUMBER} (?:tokens )?(?:in|from) the (?:messages|prompt|input)",
        rf"{_NUMBER} input tokens",
        rf"(?:resulted in|requested|too long:|request \(|count \(|n_prompt_tokens\W*) ?{_NUMBER}",
    )
)
"""How servers say how long a chat is; the first that is found counts, for a total may stand beside it."""
_WINDOW_TOKENS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"context (?:length|window|size)(?: of (?:only )?| is (?:only )?| ?\(| ?[=:] ?){_NUMBER}",
        rf"> {_NUMBER} max",
        rf"tokens allowed \({_NUMBER}",
        rf"n_ctx\W*{_NUMBER}",
    )
)
_FILTERED = re.compile(r"content[_ ](filter|policy)|content management policy|safety system|usage policies", re.IGNORECASE)
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})
_STATUS_OF_NAME: Mapping[str, int] = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "overloaded_error": 529,
}


@dataclass(frozen=True, kw_only=True)
class FaultReport:
    """Turns faults of one model into errors."""

    owner: str
    """The model's reference."""
    secret: str = field(repr=False)
    """The key, to be struck out of what the server says."""
    key_advice: str
    """Where a key is to be put."""

    def of(self, error: Exception) -> ModelError:
        """The error for whatever the client raised."""
        import openai

        match error:
            case openai.APIResponseValidationError():
                return self.invalid("a reply that is no chat completion")
            case openai.APITimeoutError():
                waited = "to be connected" if "Connect" in _cause_name(error) else "for the next bytes"
                return self.timeout(f"nothing came while we waited {waited}")
            case openai.APIConnectionError():
                return self._connection(error)
            case openai.APIError():
                return self.refused(refusal_of(error))
            case _ if isinstance(error, ValueError):
                return self.invalid("a piece that is not JSON")
            case _ if type(error).__name__.endswith("Timeout"):
                return self.timeout("nothing came while we waited for the next bytes")
            case _:
                return StreamCutError(f"{self.owner}: the connection broke ({type(error).__name__}); expected a whole reply. Ask again.")

    def invalid(self, found: str) -> InvalidReplyError:
        """A reply that is none; asking again may bring one."""
        return InvalidReplyError(
            f"{self.owner}: the server sent {found}; expected a chat completion. Check that the base URL is right.", retryable=True
        )

    def timeout(self, found: str) -> ModelTimeoutError:
        """A reply that did not come."""
        return ModelTimeoutError(f"{self.owner}: {found}. Ask again, or raise timeout_s or stall_timeout_s.")

    def cut(self) -> StreamCutError:
        """A stream that stopped before its end."""
        return StreamCutError(f"{self.owner}: the stream ended without a finish reason; expected a whole reply. Ask again.")

    def refused(self, refusal: Refusal) -> ModelError:
        """The error for what a server said instead of an answer."""
        said = self._said(refusal.message)
        if self._is_overflow(refusal):
            return ContextOverflowError(
                f"{self.owner}: the server says {said}; expected a chat that fits the model's window. {SEND_LESS}, lower bytes_per_token"
                " there or in its [models.*] table of metagpt.toml, or use a model with a longer window.",
                prompt_tokens=_figure(_PROMPT_TOKENS, refusal.message),
                window_tokens=_figure(_WINDOW_TOKENS, refusal.message),
            )
        if refusal.status != 429 and (refusal.code in _FILTER_CODES or (_is_client_fault(refusal) and _FILTERED.search(refusal.message))):
            return RefusedError(f"{self.owner}: the server's content filter refused the chat: {said}. Change what is asked.")
        return self._by_status(refusal, said)

    def _by_status(self, refusal: Refusal, said: str) -> ModelError:
        status, wait_s = refusal.status, retry_after_s(refusal.headers, now=datetime.now(UTC))
        if status == 402 or refusal.code == "insufficient_quota":
            return ModelUnavailableError(f"{self.owner}: the account has no credit left ({said}). Add credit, or take another model.")
        if status == 429:
            return RateLimitError(f"{self.owner}: too many requests (429): {said}. Wait, or lower max_concurrency.", retry_after_s=wait_s)
        if status == 408:
            return ModelTimeoutError(f"{self.owner}: the server gave up waiting (408): {said}. Ask again.", retry_after_s=wait_s)
        if status is None or status == 409 or status >= 500:
            shown = "in mid-stream" if status is None else status
            return ServerError(f"{self.owner}: the server failed ({shown}): {said}. Ask again later.", retry_after_s=wait_s)
        if status in (401, 403):
            return ModelUnavailableError(f"{self.owner}: the server refused the key ({status}): {said}. {self.key_advice}")
        if status == 404:
            return ModelUnavailableError(f"{self.owner}: not found (404): {said}. Check the model's name and the base URL.")
        return ModelUnavailableError(f"{self.owner}: the server refused the request ({status}): {said}. Change the options it names.")

    def _connection(self, error: Exception) -> ModelError:
        if _cause_name(error) == "ConnectError" and not _has_cause(error, ConnectionResetError):
            return ModelUnavailableError(
                f"{self.owner}: no connection to the server ({_root_reason(error)}). Check that it runs, the base URL and the network."
            )
        return StreamCutError(f"{self.owner}: the connection broke ({_cause_name(error)}); expected a whole reply. Ask again.")

    def _is_overflow(self, refusal: Refusal) -> bool:
        if refusal.code in ("context_length_exceeded", "exceed_context_size_error") or refusal.status == 413:
            return True
        return _is_client_fault(refusal) and _OVERFLOW.search(refusal.message) is not None

    def _said(self, message: str) -> str:
        text = message.replace(self.secret, "***") if self.secret else message
        text = " ".join(_SECRET.sub("***", text).split())
        return repr(text if len(text) <= _MAX_MESSAGE_CHARS else text[:_MAX_MESSAGE_CHARS] + "…")


def refusal_of(error: APIError) -> Refusal:
    """What the server said, out of the client's exception."""
    response = getattr(error, "response", None)
    return refusal_in(
        error.body,
        status=getattr(error, "status_code", None),
        headers={} if response is None else dict(response.headers),
    )


def refusal_in(body: object, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> Refusal:
    """What the server said, out of the `error` object of its reply."""
    fields = body if isinstance(body, dict) else {}
    code, kind = str(fields.get("code") or ""), str(fields.get("type") or "")
    if status is None:
        status = int(code) if re.fullmatch(r"[45]\d\d", code) else _STATUS_OF_NAME.get(code, _STATUS_OF_NAME.get(kind))
    message = fields.get("message")
    if not isinstance(message, str):
        message = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    if code.isdigit() or not code:
        code = kind
    return Refusal(status=status, message=message, code=code, param=str(fields.get("param") or ""), headers=headers or {})


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds a server asks us to wait, by `retry-after-ms` or `Retry-After` (seconds or a date); None without."""
    found = {name.lower(): value.strip() for name, value in headers.items()}
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(found[name]) * unit_s)
        except (KeyError, ValueError):
            continue
    try:
        then = parsedate_to_datetime(found["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


def _figure(patterns: tuple[re.Pattern[str], ...], message: str) -> int | None:
    """The first figure that is found, of 18 digits at most: a server may say anything."""
    found = next((match for match in (pattern.search(message) for pattern in patterns) if match), None)
    return None if found is None or len(found[1]) > 18 else int(found[1].replace(",", "")) or None


def _is_client_fault(refusal: Refusal) -> bool:
    return refusal.status in (None, 400, 403, 413, 422)


def _cause_name(error: BaseException) -> str:
    """Name of what the transport raised; the transport is the client's own affair, so its classes are not imported."""
    return type(error.__cause__).__name__


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(link, kind) for link in _chain(error))


def _root_reason(error: BaseException) -> str:
    for link in reversed(_chain(error)):
        if isinstance(link, OSError):
            return link.strerror or str(link) or type(link).__name__
    return str(error.__cause__) or "unknown reason"
