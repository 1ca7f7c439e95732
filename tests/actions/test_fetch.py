"""Fetching: only from hosts that the user allowed, only at addresses that were checked, and no more than the limits."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from metagpt import ActionContext, Rules
from metagpt.actions.hosts import Hosts
from metagpt.actions.web import FetchedPage, FetchLimits, fetch, fetch_action
from metagpt.actions.web.action import NOTICE
from metagpt.actions.web.dialing import resolve
from metagpt.actions.web.plain_text import text_of_html
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, ConfigError
from metagpt.testing import check_action
from tests.actions.web_server import Server, page, redirect, serving


class Resolver:
    """Addresses by name, the next of a list at every look-up; and what was asked."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = {name.replace("_", "."): list(addresses) for name, addresses in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return [self.names[host].pop(0) if len(self.names[host]) > 1 else self.names[host][0]]


async def as_numbers_too(host: str, port: int) -> list[str]:
    """As the system does it, which takes numbers in any writing for an address and asks nobody."""
    try:
        return [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        return await resolve(host, port)


async def get(
    url: str, *, public: tuple[str, ...] = (), private: tuple[str, ...] = (), resolver: Any = None, limits: Any = None
) -> FetchedPage:
    rules = Rules(hosts=public, private_hosts=private)
    hosts = Hosts(public=rules.hosts or (), private=rules.private_hosts or ())
    context = ActionContext(workspace=Workspace(Path("/nowhere")), hosts=hosts)
    action = fetch_action(limits=limits or FetchLimits(), **({"resolver": resolver} if resolver else {}))
    found = await action.perform({"url": url}, context)
    assert isinstance(found, FetchedPage)
    return found


def local(server: Server) -> dict[str, tuple[str, ...]]:
    return {"private": (f"127.0.0.1:{server.port}",)}


async def test_a_page_of_an_allowed_host_comes_back_with_a_notice() -> None:
    async with serving({"/a?b=c": page("Grüße")}) as server:
        found = await get(server.url("/a?b=c"), **local(server))
    assert found == FetchedPage(
        url=server.url("/a?b=c"), status=200, content_type="text/plain", truncated=False, notice=NOTICE, text="Grüße"
    )
    assert server.asked[0].startswith(f"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n")


async def test_no_cookie_name_or_key_is_sent() -> None:
    async with serving({"/": page("x", headers="Set-Cookie: a=b\r\n"), "/again": redirect("/")}) as server:
        await get(server.url("/again"), **local(server))
    names = {line.partition(":")[0].lower() for head in server.asked for line in head.splitlines()[1:] if line}
    assert names == {"host", "accept", "accept-encoding", "user-agent", "connection"}


async def test_it_is_off_until_a_host_is_named() -> None:
    resolver = Resolver(docs_example=["93.184.216.34"])
    with pytest.raises(ActionError, match=r"'docs.example', port 443, which the policy does not allow; allowed: none"):
        await get("https://docs.example/", resolver=resolver)
    assert resolver.asked == []  # a look-up alone would tell a stranger something


async def test_the_action_keeps_what_actions_promise() -> None:
    await check_action(fetch)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://docs.example/", "gopher://docs.example:70/", "data:text/plain,hello", "//docs.example/", "docs.example",
        "http://", "http:///etc/passwd", "https://user:secret@docs.example/", "https://docs.example@other.example/", "", "http://docs.example:99999/",
        "http://docs.example\\@other.example/", "http://[::1", "http://docs.example/\r\nX: y", "javascript:alert(1)",
    ],
)  # fmt: skip
async def test_an_address_that_is_none_or_holds_a_password_is_refused(url: str) -> None:
    resolver = Resolver(docs_example=["93.184.216.34"], other_example=["93.184.216.34"])
    with pytest.raises(ActionError, match="action 'fetch': found"):
        await get(url, public=("docs.example",), resolver=resolver)
    assert resolver.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "169.254.169.254",
        "[64:ff9b::7f00:1]",
    ],
)
async def test_this_machine_is_refused_however_it_is_written_even_where_all_hosts_are_allowed(host: str) -> None:
    async with serving({"/": page("reached")}) as server:
        ports = tuple(f"{name}:{server.port}" for name in ("*", "localhost"))
        with pytest.raises(ActionError, match=r"action 'fetch': (found|'http)"):
            await get(f"http://{host}:{server.port}/", public=ports, resolver=as_numbers_too)
    assert server.asked == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%lo", "0.0.0.0"]
)
async def test_a_name_that_resolves_to_this_machine_or_network_is_refused(address: str) -> None:
    async with serving({"/": page("reached")}) as server:
        resolver = Resolver(docs_example=[address])
        with pytest.raises(ActionError, match="which is no public address"):
            await get(server.url("/", "docs.example"), public=(f"docs.example:{server.port}",), resolver=resolver)
    assert server.asked == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    with pytest.raises(ActionError, match=r"at 127\.0\.0\.1, which is no public address"):
        await get("https://docs.example/", public=("docs.example",), resolver=both)


async def test_a_host_that_the_user_allows_to_be_private_is_reached_by_its_name() -> None:
    async with serving({"/": page("inside")}) as server:
        resolver = Resolver(intranet_example=["127.0.0.1"])
        found = await get(server.url("/", "intranet.example"), private=(f"intranet.example:{server.port}",), resolver=resolver)
    assert found.text == "inside"
    assert f"Host: intranet.example:{server.port}" in server.asked[0]


async def test_not_even_an_allowed_private_host_may_be_where_clouds_keep_their_keys() -> None:
    with pytest.raises(ActionError, match="no public address"):
        await get("http://intranet.example/", private=("intranet.example",), resolver=Resolver(intranet_example=["169.254.169.254"]))


async def test_the_name_is_looked_up_once_and_the_checked_address_is_the_one_that_is_reached() -> None:
    """DNS rebinding: the second look-up would say another address."""
    async with serving({"/": page("inside")}) as server:
        resolver = Resolver(docs_example=["127.0.0.1", "127.0.0.2"])
        found = await get(server.url("/", "docs.example"), private=(f"docs.example:{server.port}",), resolver=resolver)
    assert found.text == "inside"
    assert resolver.asked == ["docs.example"]


async def test_a_name_that_is_public_at_first_and_private_after_a_redirect_is_refused() -> None:
    """DNS rebinding across a redirect: the second hop is looked up and checked like the first."""
    async with serving({"/": redirect("/keys"), "/keys": page("keys")}) as server:
        resolver = Resolver(docs_example=["127.0.0.1", "10.0.0.1"])

        class Once(Hosts):
            """Lets the first look-up pass as if its address were public."""

            def allow_private(self, host: str, port: int) -> bool:
                return len(resolver.asked) < 2

        context = ActionContext(workspace=None, hosts=Once(public=(f"docs.example:{server.port}",)))
        with pytest.raises(ActionError, match=r"at 10\.0\.0\.1, which is no public address"):
            await fetch_action(resolver=resolver).perform({"url": server.url("/", "docs.example")}, context)
    assert [head.split()[1] for head in server.asked] == ["/"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://127.0.0.1:{other}/keys", "which the policy does not allow"),
        ("http://localhost:{other}/keys", "which the policy does not allow"),
        ("//localhost:{other}/keys", "which the policy does not allow"),
        ("http://169.254.169.254/latest/meta-data/", "which the policy does not allow"),
        ("http://inside.example/", "which is no public address"),
        ("file:///etc/passwd", "begins with https"),
        ("http://user:secret@inside.example/", "name or password"),
    ],
)
async def test_a_redirect_to_where_a_fetch_may_not_go_is_refused(place: str, said: str) -> None:
    async with serving({"/keys": page("keys")}) as other, serving({"/": redirect(place.format(other=other.port))}) as server:
        resolver = Resolver(inside_example=["192.168.0.1"], **{"127_0_0_1": ["127.0.0.1"]})
        with pytest.raises(ActionError, match=said):
            await get(server.url(), public=("inside.example",), resolver=resolver, **local(server))
    assert other.asked == []


async def test_redirects_within_what_is_allowed_are_followed_and_counted() -> None:
    async with serving({"/": redirect("/a/b"), "/a/b": redirect("../c", "308 Permanent Redirect"), "/c": page("there")}) as server:
        assert (await get(server.url(), **local(server))).url == server.url("/c")
        with pytest.raises(ActionError, match="more than 1 redirects"):
            await get(server.url(), limits=FetchLimits(redirects=1), **local(server))
        server.pages["/"] = redirect("/")
        with pytest.raises(ActionError, match="more than 5 redirects"):
            await get(server.url(), **local(server))


async def test_encryption_is_for_the_name_and_the_connection_to_the_checked_address(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[tuple[str, int]] = []
    named: list[str | None] = []

    class Stream(httpcore2.AsyncMockStream):
        async def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
            named.append(server_hostname)
            return self

    class Backend(httpcore2.AsyncNetworkBackend):
        async def connect_tcp(self, host: str, port: int, *_: Any) -> Any:
            reached.append((host, port))
            return Stream([page("secure")])

    monkeypatch.setattr(httpcore2, "AnyIOBackend", Backend)
    found = await get("https://Docs.Example./", public=("docs.example",), resolver=Resolver(docs_example=["93.184.216.34"]))
    assert (found.text, reached, named) == ("secure", [("93.184.216.34", 443)], ["docs.example"])


async def test_a_redirect_from_https_to_http_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(httpcore2.AsyncMockStream):
        async def start_tls(self, *_: Any, **__: Any) -> Any:
            return self

    class Backend(httpcore2.AsyncNetworkBackend):
        async def connect_tcp(self, *_: Any) -> Any:
            return Stream([redirect("http://docs.example/")])

    monkeypatch.setattr(httpcore2, "AnyIOBackend", Backend)
    with pytest.raises(ActionError, match="without encryption"):
        await get("https://docs.example/", public=("docs.example",), resolver=Resolver(docs_example=["93.184.216.34"]))


# limits


async def test_no_more_is_read_and_returned_than_the_limits_say() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 500_000
    async with serving({"/": endless}) as server:
        found = await get(server.url(), limits=FetchLimits(size_bytes=1000), **local(server))
        assert (len(found.text), found.truncated) == (1000, True)
        found = await get(server.url(), limits=FetchLimits(most_chars=10), **local(server))
        assert (found.text, found.truncated) == ("x" * 10, True)


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    async with serving({"/": b""}) as server:
        with pytest.raises(ActionError, match=r"no whole answer from .* in 0\.05 s"):
            await get(server.url(), limits=FetchLimits(time_s=0.05), **local(server))


@pytest.mark.parametrize(
    "answer",
    [
        page(b"\x89PNG", kind="image/png"),
        page(b"MZ", kind="application/octet-stream"),
        page(gzip.compress(b"x" * 100), headers="Content-Encoding: gzip\r\n"),
    ],
)
async def test_what_is_no_plain_text_is_refused(answer: bytes) -> None:
    async with serving({"/": answer}) as server:
        with pytest.raises(ActionError, match=r"expected (text, HTML|it plain)"):
            await get(server.url(), **local(server))


async def test_an_answer_that_is_no_http_and_a_port_where_nobody_listens_are_told() -> None:
    async with serving({"/": b"hello\r\n\r\n"}) as server:
        with pytest.raises(ActionError, match="RemoteProtocolError"):
            await get(server.url(), **local(server))
    with pytest.raises(ActionError, match="ConnectError"):
        await get(server.url(), **local(server))


async def test_a_host_without_an_address_is_told() -> None:
    with pytest.raises(ActionError, match=r"no address of host 'nowhere\.invalid'"):
        await get("https://nowhere.invalid/", public=("nowhere.invalid",))


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"Gr\xfc\xdfe", "Grüße"),
        ("text/plain; charset=idna", b"Gr\xc3\xbc\xc3\x9fe", "Grüße"),
        ("text/plain; charset=nonsense", b"\xff", "�"),
        ("application/ld+json", b'{"a": 1}', '{"a": 1}'),
        ("TEXT/HTML", b"<p>Hello<p>there", "Hello\nthere"),
    ],
)
async def test_text_is_decoded_as_its_type_says(kind: str, body: bytes, text: str) -> None:
    async with serving({"/": page(body, kind=kind)}) as server:
        assert (await get(server.url(), **local(server))).text == text


@pytest.mark.parametrize("wrong", [{"time_s": 0}, {"size_bytes": -1}, {"most_chars": float("inf")}, {"redirects": -1}])
def test_limits_that_bound_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="FetchLimits: found"):
        FetchLimits(**wrong)


# the text of a page


def test_the_text_of_a_page_is_what_a_reader_sees() -> None:
    found = text_of_html(
        "<!DOCTYPE html><html><head><title>Tea &amp; more</title><STYLE>p {}</STYLE><script>if (1 < 2) { alert('<p>no') }</script></head>"
        "<body><!-- no <p> no --><h1>Tea</h1><p>It is <b>hot</b>, and 1 < 2.<br>Really.</p><ul><li>one<li>two</ul></body>"
    )
    assert found == "Tea & more\nTea\nIt is hot, and 1 < 2.\nReally.\none\ntwo"


@pytest.mark.parametrize(
    "hostile", ["<" * 300_000, "<p" * 150_000, "<!--" * 75_000, "<script>" * 40_000, "&" * 300_000, "<a b='" * 50_000, " \n" * 150_000]
)
def test_a_hostile_page_takes_no_longer_than_a_plain_one(hostile: str) -> None:
    assert len(text_of_html(hostile)) <= len(hostile)
