"""What kind of place an internet address is: anybody's, this machine's or network's own, or one never to be reached.

Source: IANA special-purpose address registries (RFC 6890 and its updates), RFC 6052 for addresses within addresses.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, TypeAlias

__all__ = ["Reach", "reach_of"]

Reach: TypeAlias = Literal["public", "private", "never"]

_NEVER_V4 = [
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata of a cloud, within a private range
        "168.63.129.16/32",  # the same, within a public one
        "169.254.0.0/16",  # link-local, with the metadata of most clouds
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
_PRIVATE_V4 = [IPv4Network(each) for each in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
_NEVER_V6 = [
    IPv6Network(each)
    for each in (
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "fd00:ec2::254/128",  # metadata of clouds, within the private range
        "fd20:ce::254/128",
    )
]
_PRIVATE_V6 = [IPv6Network("::1/128"), IPv6Network("fc00::/7")]
_PUBLIC_V6 = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are the address that is reached


def reach_of(text: str) -> Reach:
    """What kind of place an address is; `never` for what is none.

    Args:
        text: An IPv4 or IPv6 address, in any form that the system gives, a scope at its end included.
    """
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return "never"
    if isinstance(found, IPv6Address):
        within = _within(found)
        return _reach_v6(found) if within is None else _reach_v4(within)
    return _reach_v4(found)


def _within(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached by an IPv6 one."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _reach_v4(address: IPv4Address) -> Reach:
    if any(address in network for network in _NEVER_V4):
        return "never"
    return "private" if any(address in network for network in _PRIVATE_V4) else "public"


def _reach_v6(address: IPv6Address) -> Reach:
    if any(address in network for network in _NEVER_V6):
        return "never"
    if any(address in network for network in _PRIVATE_V6):
        return "private"
    return "public" if address in _PUBLIC_V6 else "never"
