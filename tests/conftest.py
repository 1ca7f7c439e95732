"""What holds for every test: no network beyond this machine, no settings of whoever runs it, the same chance every time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from metagpt.testing import forbid_network

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported, which is before any fixture runs
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads and a fork do not go together

hypothesis.settings.register_profile("project", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile("project")

_FOREIGN = ("METAGPT_", "OPENAI_", "NO_COLOR", "FORCE_COLOR")
"""Settings and keys of the person who runs the tests; none may change what they say."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections within this machine alone: servers that the tests start themselves. Names under `.invalid` have no address, unasked."""
    with forbid_network(allow_loopback=True), monkeypatch.context() as patched:
        guarded = socket.getaddrinfo

        def look_up(host: Any, *args: Any, **keywords: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else str(host)
            if name.endswith(".invalid"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return guarded(host, *args, **keywords)

        patched.setattr(socket, "getaddrinfo", look_up)
        yield


@pytest.fixture(autouse=True, scope="session")
def own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The workspaces of these runs are noted beside the tests' own files."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.getbasetemp() / "state")


@pytest.fixture(autouse=True)
def no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment as on a fresh machine."""
    for name in os.environ:
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
