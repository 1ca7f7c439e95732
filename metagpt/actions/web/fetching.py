"""Fetching one page: every hop checked like the first, and no more read than was asked for."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from metagpt.actions.hosts import Hosts
from metagpt.actions.web.dialing import CheckedDialer, Resolver
from metagpt.actions.web.plain_text import text_of_html
from metagpt.errors import ActionError, ConfigError

if TYPE_CHECKING:
    from httpx2 import URL

__all__ = ["FetchLimits", "Page", "fetch_page"]

_REDIRECTS = (301, 302, 303, 307, 308)
_TEXTS = re.compile(r"text/[\w.+-]+|application/([\w.-]+\+)?(json|xml|yaml)|application/(javascript|x-ndjson|toml|x-sh|x-python)")
_CHARSETS = re.compile(
    r"utf-?8|us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|windows-125\d|utf-16(le|be)?|koi8-[ru]|gb(k|2312|18030)|big5|shift_jis|euc-(jp|kr)"
)
_HEADERS = {
    "Accept": "text/*, application/json, application/xml;q=0.9",
    "Accept-Encoding": "identity",
    "User-Agent": "metagpt",
    "Connection": "close",
}


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """How much one fetch may take."""

    time_s: float = 20.0
    """Seconds from start to end, all redirects included."""
    size_bytes: int = 2 << 20
    """Most that is read of an answer; the rest is left."""
    most_chars: int = 50_000
    """Most text that is returned of it."""
    redirects: int = 5

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not (math.isfinite(value) and value >= (0 if each.name == "redirects" else 1e-3)):
                raise ConfigError(
                    f"FetchLimits: found {each.name}={value!r}; expected a finite number above 0. Leave it out for the default."
                )


@dataclass(frozen=True, kw_only=True)
class Page:
    """What was fetched."""

    url: str
    """Where the text came from, after all redirects."""
    status: int
    content_type: str
    text: str
    truncated: bool
    """Whether there was more."""


async def fetch_page(url: str, *, hosts: Hosts, resolver: Resolver, limits: FetchLimits) -> Page:
    """Get a page.

    Raises:
        ActionError: the address or one that it redirects to is refused, or nothing readable came back in time.
    """
    import httpcore2

    try:
        async with asyncio.timeout(limits.time_s):
            return await _follow(url, hosts, resolver, limits)
    except TimeoutError as error:
        raise ActionError(
            f"action 'fetch': found no whole answer from {url!r} in {limits.time_s:g} s; expected one. Try another."
        ) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        raise ActionError(f"action 'fetch': {url!r} failed with {type(error).__name__}: {error}; expected an answer.") from error


async def _follow(text: str, hosts: Hosts, resolver: Resolver, limits: FetchLimits) -> Page:
    url = _parsed(text)
    for _ in range(limits.redirects + 1):
        page_or_place = await _request(url, hosts, resolver, limits)
        if isinstance(page_or_place, Page):
            return page_or_place
        following = _parsed(page_or_place, url)
        if url.scheme == "https" and following.scheme != "https":
            raise ActionError(f"action 'fetch': found {url} to redirect to {following}, without encryption; expected https. Fetch another.")
        url = following
    raise ActionError(f"action 'fetch': found more than {limits.redirects} redirects from {text!r}; expected a page. Fetch another.")


def _parsed(text: str, base: URL | None = None) -> URL:
    """An http or https address with a host and without a password."""
    import httpx2

    try:
        url = httpx2.URL(text) if base is None else base.join(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise ActionError(
            f"action 'fetch': found address {text!r} ({error}); expected one such as 'https://docs.python.org/3/'."
        ) from error
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise ActionError(f"action 'fetch': found address {text!r}; expected one that begins with https:// or http:// and a host.")
    if url.userinfo:
        raise ActionError(f"action 'fetch': found a name or password in the address of {url.host!r}; expected none. Leave it out.")
    return url


async def _request(url: URL, hosts: Hosts, resolver: Resolver, limits: FetchLimits) -> Page | str:
    """The page, or where it redirects to. Each request has a connection of its own, so each host is checked."""
    import httpcore2

    host = url.raw_host.lower().removesuffix(b".")
    target = httpcore2.URL(scheme=url.raw_scheme, host=host, port=url.port, target=url.raw_path)
    sent = [(b"Host", url.netloc), *((name.encode(), value.encode()) for name, value in _HEADERS.items())]
    async with (
        httpcore2.AsyncConnectionPool(network_backend=CheckedDialer(hosts, resolver), max_connections=1) as pool,
        pool.stream(b"GET", target, headers=sent) as response,
    ):
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and "location" in headers:
            return headers["location"]
        content_type = _text_type(url, headers)
        content = bytearray()
        async for part in response.aiter_stream():
            content += part
            if len(content) > limits.size_bytes:
                break
    text = bytes(content[: limits.size_bytes]).decode(_charset(headers), errors="replace")
    if content_type in ("text/html", "application/xhtml+xml"):
        text = text_of_html(text)
    return Page(
        url=str(url),
        status=response.status,
        content_type=content_type,
        text=text[: limits.most_chars],
        truncated=len(content) > limits.size_bytes or len(text) > limits.most_chars,
    )


def _text_type(url: URL, headers: Mapping[str, str]) -> str:
    """The content type, if it is one of text that was not packed."""
    found = headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if _TEXTS.fullmatch(found) is None:
        raise ActionError(
            f"action 'fetch': found content of type {found!r} at {str(url)!r}; expected text, HTML, JSON or XML. Fetch another."
        )
    packed = headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise ActionError(f"action 'fetch': found content packed as {packed!r} at {str(url)!r}; expected it plain. Fetch another.")
    return found


def _charset(headers: Mapping[str, str]) -> str:
    found = re.search(r"charset=\"?([\w-]+)", headers.get("content-type", ""), re.IGNORECASE)
    name = found[1].lower() if found else "utf-8"
    return name if _CHARSETS.fullmatch(name) else "utf-8"
