"""Connections to servers: one client per event loop, server and key, shared by all models that ask there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["Address", "Endpoint", "leave_endpoints", "open_endpoint"]

_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Address:
    """What makes two models share a client."""

    base_url: str
    api_key: str = field(repr=False)
    max_concurrency: int
    """Most requests in flight at once."""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """An open client and the places in its queue."""

    client: AsyncOpenAI
    places: asyncio.Semaphore
    users: WeakSet[object] = field(default_factory=WeakSet)


# A client belongs to its event loop; entries go with their loop.
_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Address, Endpoint]] = WeakKeyDictionary()


def open_endpoint(address: Address, *, user: object) -> Endpoint:
    """The endpoint of the running loop; opened if this is its first user."""
    endpoints = _open.setdefault(asyncio.get_running_loop(), {})
    endpoint = endpoints.get(address)
    if endpoint is None:
        endpoint = endpoints[address] = Endpoint(_client(address), asyncio.Semaphore(address.max_concurrency))
    endpoint.users.add(user)
    return endpoint


async def leave_endpoints(user: object) -> None:
    """Close what nobody but `user` has open on the running loop."""
    endpoints = _open.get(asyncio.get_running_loop(), {})
    for address, endpoint in list(endpoints.items()):
        if user not in endpoint.users:
            continue
        endpoint.users.discard(user)
        if not endpoint.users:
            del endpoints[address]
            await endpoint.client.close()


def _client(address: Address) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    # Our own transport, not the client's default: that one, collected late, closes itself on whatever loop runs then.
    transport = DefaultAsyncHttpxClient(timeout=Timeout(None, connect=_CONNECT_TIMEOUT_S))
    return AsyncOpenAI(api_key=address.api_key, base_url=address.base_url, max_retries=0, http_client=transport)
