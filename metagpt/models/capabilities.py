"""What a server cannot do, found out once by its refusals and remembered for the life of the process.

We ask for the best form first. A refusal that names a feature of the request is a lesson: the feature is left out from
then on. Any other refusal (a prompt too long, a value out of range, a filter) is an error and teaches nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["AnswerForm", "Refusal", "Server", "forget_refusals", "lesson_of", "refused_by", "remember_refusal"]

_log = logging.getLogger(__name__)

AnswerForm = Literal["response_format", "tool", "prompt"]
"""How a schema reaches the model: strict response format, the arguments of a forced tool call, or words."""

Server: TypeAlias = tuple[str, str]
"""Base URL and model name: one server may serve models of different abilities."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What a server said when it did not answer."""

    status: int | None
    """HTTP status; None for an error in the middle of a stream that names none."""
    message: str
    code: str = ""
    param: str = ""
    """The field of the request that the server names as the cause."""
    headers: Mapping[str, str] = field(default_factory=dict)


_TEACHING_STATUSES = frozenset({400, 404, 422, 501})

# In the order asked: a longer name before the one it contains, the cause before its consequence.
_NAMED_BY: Mapping[str, re.Pattern[str]] = {
    "stream_options": re.compile(r"stream_options|include_usage"),
    "response_format": re.compile(r"response[_ ]format|json[_ ]schema|structured[_ ]outputs?|guided[_ ](json|decoding)", re.IGNORECASE),
    "tool_choice": re.compile(r"tool[_ ]choice", re.IGNORECASE),
    "tools": re.compile(r"\btools?\b|\bfunction[ _]call", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"max_completion_tokens"),
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    "temperature": re.compile(r"\btemperature\b"),
    "top_p": re.compile(r"\btop_p\b"),
    "seed": re.compile(r"\bseed\b"),
    "n": re.compile(r"['\"`]n['\"`]|\bn (?:must|is|should|>)"),
    "stream": re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE),
}
_REFUSING = re.compile(
    r"(un|not |n't |no )((yet|currently|be) )?support|unrecogni[sz]ed|unknown|unexpected|extra (inputs|fields)|extra_forbidden"
    r"|not (permitted|allowed|available|implemented|enabled)|unavailable|is disabled|requires? |no endpoints|does not accept",
    re.IGNORECASE,
)
_OTHER_VALUE = re.compile(r"(must|should) be", re.IGNORECASE)
_REFUSING_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
_BAD_SCHEMA = re.compile(
    r"invalid[ _](json[ _])?schema|schema (is )?(too|invalid)|(keyword|feature)s?\b[^.]* not (supported|permitted|allowed)|grammar",
    re.IGNORECASE,
)
_LOSSLESS = frozenset({"stream_options", "response_format", "tool_choice", "tools", "max_completion_tokens", "max_tokens", "stream"})

_refused: dict[Server, frozenset[str]] = {}


def refused_by(server: Server) -> frozenset[str]:
    """Features that the server is known to refuse."""
    return _refused.get(server, frozenset())


def remember_refusal(server: Server, feature: str) -> None:
    """Leave `feature` out of requests to this server from now on."""
    if feature in refused_by(server):
        return
    _refused[server] = refused_by(server) | {feature}
    if feature.partition(":")[0] not in _LOSSLESS:
        _log.warning("%s: the server refuses the option %r; it is left out from now on.", server[1], feature)


def forget_refusals() -> None:
    """Find everything out anew."""
    _refused.clear()


def lesson_of(refusal: Refusal, sent: Mapping[str, Any], schema_id: str) -> str | None:  # Any: JSON values
    """The feature of the request that the server cannot do, or None if that is not why it refused.

    Args:
        refusal: What the server said.
        sent: The body of the request.
        schema_id: What stands for the schema that the answer must fit; "" without one. A server that takes schemas
            but not this one teaches `response_format:ID` or `tools:ID`.
    """
    if refusal.status not in _TEACHING_STATUSES:
        return None
    if schema_id and _BAD_SCHEMA.search(refusal.message):
        carrier = "response_format" if "response_format" in sent else "tools"
        return f"{carrier}:{schema_id}" if _is_named(carrier, refusal) or not refusal.param else None
    for feature in _NAMED_BY:
        if feature in sent and _is_named(feature, refusal) and _is_refused(feature, refusal):
            return feature
    return None


def _is_named(feature: str, refusal: Refusal) -> bool:
    if refusal.param:
        return re.split(r"[.\[]", refusal.param)[0] == feature
    return _NAMED_BY[feature].search(refusal.message) is not None


def _is_refused(feature: str, refusal: Refusal) -> bool:
    # "must be 'text'" says that a response format is not known; "must be at most 8192" is a value out of range
    if feature == "response_format" and _OTHER_VALUE.search(refusal.message):
        return True
    return refusal.code in _REFUSING_CODES or _REFUSING.search(refusal.message) is not None
