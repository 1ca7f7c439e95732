"""No network while a block runs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

__all__ = ["NetworkForbiddenError", "forbid_network"]

_CONNECTING = ("connect", "connect_ex")
_LOOKING_UP = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")


class NetworkForbiddenError(AssertionError):
    """Something tried to reach the network while it was forbidden."""


@contextmanager
def forbid_network(*, allow_loopback: bool = False) -> Iterator[None]:
    """Make every connection, datagram and name look-up of this process fail while the block runs.

    Args:
        allow_loopback: Whether this machine's own servers may be reached.
    """
    was = {name: getattr(socket.socket, name) for name in (*_CONNECTING, "sendto")} | {name: getattr(socket, name) for name in _LOOKING_UP}
    for name in _CONNECTING:
        setattr(socket.socket, name, _guarded_socket(was[name], 0, allow_loopback=allow_loopback))
    socket.socket.sendto = _guarded_socket(was["sendto"], -1, allow_loopback=allow_loopback)  # type: ignore[method-assign]
    for name in _LOOKING_UP:
        setattr(socket, name, _guarded_lookup(was[name], allow_loopback=allow_loopback))
    try:
        yield
    finally:
        for name in (*_CONNECTING, "sendto"):
            setattr(socket.socket, name, was[name])
        for name in _LOOKING_UP:
            setattr(socket, name, was[name])


def _guarded_socket(original: Callable[..., Any], place: int, *, allow_loopback: bool) -> Callable[..., Any]:
    def guard(sock: socket.socket, /, *args: Any) -> Any:
        address = args[place]
        is_local = sock.family == getattr(socket, "AF_UNIX", None)
        if not (is_local or (allow_loopback and isinstance(address, tuple) and _is_loopback(address[0]))):
            sock.close()  # who opened it looks for OSError only, and would leave it open
            raise NetworkForbiddenError(
                f"network: found a connection to {address!r}; expected none here. Script the model, or lift forbid_network."
            )
        return original(sock, *args)

    return guard


def _guarded_lookup(original: Callable[..., Any], *, allow_loopback: bool) -> Callable[..., Any]:
    def guard(host: Any, *args: Any, **keywords: Any) -> Any:
        if not (host is None or host == "" or _is_number(host) or (allow_loopback and _is_loopback(host))):
            raise NetworkForbiddenError(
                f"network: found a look-up of {host!r}; expected none here. Script the model, or lift forbid_network."
            )
        return original(host, *args, **keywords)

    return guard


def _is_number(host: object) -> bool:
    """Whether it is an address already, for which nobody is asked."""
    try:
        ip_address(_text(host))
    except ValueError:
        return False
    return True


def _text(host: object) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)


def _is_loopback(host: object) -> bool:
    return _text(host) in ("::1", "localhost") or _text(host).startswith("127.")
