"""Connecting to a host by addresses that were checked: looked up once, and never again between the check and the use."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from metagpt.actions.hosts import Hosts
from metagpt.actions.web.addresses import reach_of
from metagpt.errors import ActionError

if TYPE_CHECKING:
    from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream
else:
    AsyncNetworkBackend = object  # the client is imported at the first fetch

__all__ = ["CheckedDialer", "Resolver", "resolve"]

Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, for a port."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedDialer(AsyncNetworkBackend):
    """What an HTTP client connects by: to hosts that are allowed, at addresses that are.

    Args:
        hosts: Which hosts may be reached.
        resolver: Where their addresses come from.
    """

    def __init__(self, hosts: Hosts, resolver: Resolver) -> None:
        self._hosts = hosts
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the client's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # Any: the client's own
    ) -> AsyncNetworkStream:
        from httpcore2 import AnyIOBackend, ConnectError, ConnectTimeout

        failure: Exception = ConnectError(f"{host} has no address")
        for address in await self._checked(host, port):
            try:
                return await AnyIOBackend().connect_tcp(address, port, timeout, local_address, socket_options)
            except (ConnectError, ConnectTimeout) as error:
                failure = error
        raise failure

    async def _checked(self, host: str, port: int) -> list[str]:
        """The addresses of the host, if all of them may be reached: one that may not makes the others suspicious too."""
        if not self._hosts.allow(host, port):
            raise ActionError(
                f"action 'fetch': found host {host!r}, port {port}, which the policy does not allow; allowed: {self._hosts}."
                " Only the user can allow more, with Rules(hosts=) or hosts in [policy] of metagpt.toml."
            )
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise ActionError(f"action 'fetch': found no address of host {host!r} ({error}); expected a host that there is.") from error
        allowed = {"public", "private"} if self._hosts.allow_private(host, port) else {"public"}
        for address in addresses:
            if reach_of(address) not in allowed:
                raise ActionError(
                    f"action 'fetch': found host {host!r} at {address}, which is no public address; expected one."
                    " Only the user can allow a host of this machine or network, with Rules(private_hosts=)."
                )
        return addresses
