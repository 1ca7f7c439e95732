"""Models behind a chat completions server: OpenAI's own, and the many that speak its protocol."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cached_property
from typing import TypeVar
from urllib.parse import urlsplit

from metagpt.errors import ConfigError, did_you_mean
from metagpt.models.context_fit import ContextFit
from metagpt.models.endpoints import Address, leave_endpoints, open_endpoint
from metagpt.models.exchange import Exchange
from metagpt.models.faults import FaultReport
from metagpt.models.interface import Delta, ModelOptions, ModelProfile, ModelReply, ModelRequest, Price
from metagpt.models.pricing import context_tokens_of, price_of, split_reference
from metagpt.models.reading import ReplyReader

__all__ = ["OpenAICompatibleModel", "open_openai"]

N = TypeVar("N", int, float)

OPENAI_URL = "https://api.openai.com/v1"

_NO_KEY = "no-key"
"""Sent where there is no key: the client demands one, servers without keys ignore it."""
_SETTINGS = frozenset(
    {
        "api_key_env", "bytes_per_token", "context_tokens", "max_concurrency", "max_output_tokens", "prices",
        "stall_timeout_s", "timeout_s",
    }
)  # fmt: skip
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class OpenAICompatibleModel:
    """One model of a chat completions server.

    Every request is streamed. What the server cannot do (strict schemas, tools, streaming, ...) is found out by its
    refusals, once per process, and done in the next best way.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        max_concurrency: int = 16,
        timeout_s: float = 600.0,
        stall_timeout_s: float = 180.0,
        price: Price | None = None,
        reference: str | None = None,
        max_output_tokens: int = 16_384,
        context_tokens: int | None = None,
        bytes_per_token: float | None = None,
    ) -> None:
        """A model that is not asked anything yet.

        Args:
            name: The model, as the server knows it.
            base_url: Of the server, up to and with `/v1`; None is OpenAI's own.
            api_key: None for a server that wants none.
            max_concurrency: Most requests in flight at once, over all models that share server, key and this number.
            timeout_s: For one whole answer, from the moment its request may be sent.
            stall_timeout_s: Longest silence of the server within an answer, the time before the first token included.
            price: None takes the list price, where there is one.
            reference: How the user named the model; None makes it of name and base URL.
            max_output_tokens: Most tokens of one answer that a budget reserves for where the caller names none.
            context_tokens: Window of prompt and answer together; None takes the listed one, where there is one.
            bytes_per_token: What is taken for a token where a request names no `ContextFit`; None takes that of `ContextFit`.
        """
        self.name = name
        self.base_url = (base_url or OPENAI_URL).rstrip("/")
        self._reference = reference or (f"openai:{name}@{base_url}" if base_url else f"openai:{name}")
        _check_url(self._reference, self.base_url)
        for setting, value in (("max_concurrency", max_concurrency), ("timeout_s", timeout_s), ("stall_timeout_s", stall_timeout_s)):
            if value <= 0:
                raise ConfigError(f"{self._reference}: {setting}={value!r}; expected more than 0. Change it.")
        self._address = Address(base_url=self.base_url, api_key=api_key or _NO_KEY, max_concurrency=max_concurrency)
        self._faults = FaultReport(owner=self._reference, secret=api_key or "", key_advice=_key_advice(self.base_url))
        self._timeout_s = timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._price = price
        self._max_output_tokens = max_output_tokens
        self._context_tokens = context_tokens
        self._fit = None if bytes_per_token is None else ContextFit(bytes_per_token=bytes_per_token)

    def __repr__(self) -> str:
        return f"OpenAICompatibleModel({self.name!r}, base_url={self.base_url!r})"

    @cached_property
    def profile(self) -> ModelProfile:
        """What is known of the model without asking it anything."""
        listed_as = f"openai:{self.name}" if self.base_url == OPENAI_URL else f"openai:{self.name}@{self.base_url}"
        return ModelProfile(
            reference=self._reference,
            max_output_tokens=self._max_output_tokens,
            context_tokens=self._context_tokens or context_tokens_of(listed_as),
            defaults=ModelOptions(fit=self._fit),
            price=self._price or price_of(listed_as),
        )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ModelReply, None]:
        """Answer once: deltas of the first candidate, then the reply. Closing the generator cancels the request.

        Raises:
            ModelError: The matching branch of the tree.
        """
        endpoint = open_endpoint(self._address, user=self)
        async with endpoint.places:
            exchange = Exchange(
                client=endpoint.client,
                server=(self.base_url, self.name),
                limit_name="max_completion_tokens" if self.base_url == OPENAI_URL else "max_tokens",
                faults=self._faults,
                deadline=asyncio.get_running_loop().time() + self._timeout_s,
                timeout_s=self._timeout_s,
                stall_timeout_s=self._stall_timeout_s,
            )
            wire, answer = await exchange.begin(request)
            reader = ReplyReader(wire, self._faults)
            async with aclosing(answer) as chunks:
                async for chunk in chunks:
                    if text := reader.read(chunk):
                        yield Delta(text)
            reply = reader.reply()
        yield reply

    async def close(self) -> None:
        """Close the connections that no other model uses; the next request opens them anew."""
        await leave_endpoints(self)


def open_openai(rest: str, settings: Mapping[str, object]) -> OpenAICompatibleModel:
    """The model of a reference `openai:REST`; the entry point of the plugin.

    The key is read here, from the variable that `api_key_env` names, else from OPENAI_API_KEY. The latter goes only to
    OpenAI, to the server that OPENAI_BASE_URL names and to this machine: a reference may come from a file that another
    person wrote, and must not be able to send the key elsewhere.

    Args:
        rest: `NAME` or `NAME@BASE_URL`. Without a base URL, OPENAI_BASE_URL counts, then OpenAI's own.
        settings: Of `[models.*]` in metagpt.toml: api_key_env, bytes_per_token, context_tokens, max_concurrency,
            max_output_tokens, stall_timeout_s, timeout_s; and `prices`, a mapping of names to `Price`.

    Raises:
        ConfigError: A reference or setting that cannot work.
    """
    reference = f"openai:{rest}"
    _, name, base_url = split_reference(reference)
    _check_rest(reference, name)
    for key in settings:
        if key not in _SETTINGS and key != "ref":
            raise ConfigError(f"{reference}: {key!r} is no setting of this model. {did_you_mean(key, _SETTINGS)}")
    base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
    prices = settings.get("prices") or {}
    if not isinstance(prices, Mapping) or not all(isinstance(price, Price) for price in prices.values()):
        raise ConfigError(f"{reference}: prices={prices!r}; expected a mapping of names to Price. Mend [prices] in metagpt.toml.")
    context_tokens = _number(reference, settings, "context_tokens", 0)
    bytes_per_token = _number(reference, settings, "bytes_per_token", 3.0) if "bytes_per_token" in settings else None
    return OpenAICompatibleModel(
        name,
        base_url=base_url,
        api_key=_key(reference, base_url, settings.get("api_key_env")),
        max_concurrency=_number(reference, settings, "max_concurrency", 16),
        timeout_s=_number(reference, settings, "timeout_s", 600.0),
        stall_timeout_s=_number(reference, settings, "stall_timeout_s", 180.0),
        price=prices.get(reference) or prices.get(name),
        reference=reference,
        max_output_tokens=_number(reference, settings, "max_output_tokens", 16_384),
        context_tokens=context_tokens or None,
        bytes_per_token=bytes_per_token,
    )


def _key(reference: str, base_url: str | None, variable: object) -> str | None:
    if variable is not None:
        key = os.environ.get(str(variable))
        if not key:
            raise ConfigError(f"{reference}: the variable {variable!r} is not set; expected the key in it. Export it, or mend api_key_env.")
        return key
    own = base_url is None or base_url == os.environ.get("OPENAI_BASE_URL") or _host(base_url) in {_host(OPENAI_URL), *_LOOPBACK}
    return os.environ.get("OPENAI_API_KEY") if own else None


def _key_advice(base_url: str) -> str:
    if _host(base_url) == _host(OPENAI_URL):
        return "Set OPENAI_API_KEY to a valid key."
    return "Set OPENAI_BASE_URL and OPENAI_API_KEY, or api_key_env in [models.*] of metagpt.toml to the variable with this server's key."


def _check_rest(reference: str, name: str) -> None:
    if not name:
        raise ConfigError(f"{reference!r} names no model; expected openai:NAME or openai:NAME@BASE_URL. Add the name.")
    if re.search(r"@.*[:/]", name):
        raise ConfigError(f"{reference!r}: what follows '@' is no base URL; expected it to begin with http:// or https://. Add that.")


def _check_url(reference: str, base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, is_usable = urlsplit(""), False
    if not is_usable:
        raise ConfigError(f"{reference}: base URL {base_url!r}; expected http://HOST[:PORT]/v1 or https://. Mend it.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{parts.hostname}: the base URL carries credentials or a query; expected neither. Put the key into a variable.")


def _host(url: str) -> str | None:
    return urlsplit(url).hostname


def _number(reference: str, settings: Mapping[str, object], key: str, default: N) -> N:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float) if isinstance(default, float) else int):
        kind = "number" if isinstance(default, float) else "whole number"
        raise ConfigError(f"{reference}: {key}={value!r}; expected a {kind}. Change it in metagpt.toml.")
    return type(default)(value)
