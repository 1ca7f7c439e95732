"""Servers that others publish, used by a role's tool loop. Install them into an ignored folder, or name another in MCP_SERVERS_DIR:

npm install --prefix .benchmarks/mcp @modelcontextprotocol/server-everything @modelcontextprotocol/server-filesystem
python -m venv .benchmarks/mcp/venv
.benchmarks/mcp/venv/bin/pip install mcp-server-git mcp-server-time
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metagpt import Policy, Team
from metagpt.actions.mcp import McpServer, McpServerSettings
from metagpt.testing import ScriptedModel, call, text
from tests.actions.mcp_settings import Clerk, Note

FOLDER = Path(os.environ.get("MCP_SERVERS_DIR") or Path(__file__).parent.parent.parent / ".benchmarks" / "mcp")
TRUSTED: dict[str, Any] = {"touches": (), "resources": (), "prompts": ()}


def program(name: str) -> str:
    """The server's program; the test is skipped where it is not installed."""
    found = FOLDER / ("venv/bin" if name in ("mcp-server-git", "mcp-server-time") else "node_modules/.bin") / name
    if not found.exists():
        pytest.skip(f"{name} is not installed in {FOLDER}; the docstring of {Path(__file__).name} says how")
    return str(found)


async def used(source: McpServer, calls: list[tuple[str, dict[str, Any]]], **keywords: Any) -> list[str]:
    """What a model is shown that makes these calls in its tool loop."""
    script = [call(f"{source.name}__{name}", **arguments) for name, arguments in calls]
    with ScriptedModel([*script, text("done")]) as model:
        run = await Team([Clerk(actions=[source])], final=Note, model=model, **keywords).run("work")
    assert run.output.text == "done"
    return [turn.text for turn in model.requests[-1].chat if turn.role == "tool"]


EVERYTHING: list[tuple[str, dict[str, Any]]] = [
    ("echo", {"message": "a kettle"}),
    ("get_sum", {"a": 2, "b": 3}),
    ("get_structured_content", {"location": "New York"}),
    ("get_tiny_image", {}),
    ("get_resource_links", {"count": 2}),
    ("list_resources", {}),
    ("read_resource", {"uri": "demo://resource/dynamic/text/1"}),
    ("prompt_args_prompt", {"city": "Oslo"}),
    ("echo", {"massage": "a kettle"}),
]


def check_everything(results: list[str]) -> None:
    echo, total, weather, image, links, listed, resource, prompt, wrong = results
    assert json.loads(echo)["text"] == "Echo: a kettle"
    assert "5" in json.loads(total)["text"]
    assert "temperature" in json.loads(weather)["structured"]
    assert json.loads(image)["left_out"][0].startswith("image (image/png")
    assert "[resource " in json.loads(links)["text"]
    assert "demo://resource/" in json.loads(listed)["text"]
    assert "Resource 1" in json.loads(resource)["text"]
    assert "Oslo" in json.loads(prompt)["text"]
    assert "'massage' was unexpected" in wrong


async def test_everything_over_stdio() -> None:
    server = McpServer("every", McpServerSettings(command=(program("mcp-server-everything"), "stdio"), **TRUSTED))
    check_everything(await used(server, EVERYTHING))


@pytest.fixture
def everything_over_http() -> Iterator[str]:
    """The server's address; its standard error says when it listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [program("mcp-server-everything"), "streamableHttp"]
    with subprocess.Popen(command, env={**os.environ, "PORT": str(port)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as running:
        assert running.stderr is not None
        try:
            assert any(b"listening" in line for line in running.stderr)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            running.kill()


async def test_everything_over_streamable_http(everything_over_http: str) -> None:
    server = McpServer("every", McpServerSettings(url=everything_over_http, **TRUSTED))
    check_everything(await used(server, EVERYTHING))


async def test_filesystem_within_the_workspace_and_refused_outside(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "secret.txt").write_text("the vault's code is 0000")
    (workspace / "way-out").symlink_to(tmp_path)
    server = McpServer("fs", McpServerSettings(command=(program("mcp-server-filesystem"), "{workspace}"), touches=("reads", "writes")))
    escapes = [str(workspace / "../secret.txt"), str(tmp_path / "secret.txt"), str(workspace / "way-out/secret.txt"), "/etc/passwd"]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("write_file", {"path": str(workspace / "note.txt"), "content": "descale"}),
        ("read_text_file", {"path": str(workspace / "note.txt")}),
        *(("read_text_file", {"path": path}) for path in escapes),
        ("write_file", {"path": str(workspace / "../written.txt"), "content": "x"}),
    ]
    written, read, *refused = await used(server, calls, workspace=workspace)
    assert "Successfully wrote" in json.loads(written)["text"]
    assert json.loads(read)["text"] == "descale"
    assert len(refused) == 5
    assert all(each.startswith("Error: action 'fs__") and "Access denied" in each for each in refused)
    assert not any("0000" in each or "root:" in each for each in refused)
    assert not (tmp_path / "written.txt").exists()


async def test_git_within_its_repository_and_refused_outside(tmp_path: Path) -> None:
    repository, other = tmp_path / "repository", tmp_path / "other"
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for folder in (repository, other):
        folder.mkdir()
        subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
        (folder / "kettle.txt").write_text("boil\n")
        subprocess.run(["git", "-C", str(folder), "add", "."], check=True)
        subprocess.run(["git", "-C", str(folder), *identity, "commit", "-q", "-m", "Add a kettle"], check=True)
    settings = McpServerSettings(
        command=(program("mcp-server-git"), "--repository", str(repository)),
        offer=("git_log", "git_status", "git_diff"),
        touches=("reads",),
    )
    calls: list[tuple[str, dict[str, Any]]] = [
        ("git_log", {"repo_path": str(repository), "max_count": 1}),
        ("git_status", {"repo_path": str(repository)}),
        ("git_log", {"repo_path": str(other)}),
        ("git_diff", {"repo_path": str(repository), "target": f"--output={tmp_path / 'written.txt'}"}),
        ("git_commit", {"repo_path": str(repository), "message": "x"}),
    ]
    log, status, outside, option, unknown = await used(McpServer("git", settings), calls)
    assert "Add a kettle" in json.loads(log)["text"]
    assert "nothing to commit" in json.loads(status)["text"]
    assert "outside the allowed repository" in outside
    assert option.startswith("Error")
    assert not (tmp_path / "written.txt").exists()
    assert unknown.startswith("Error: no tool 'git__git_commit'")


async def test_time_and_a_policy_that_denies_it() -> None:
    server = McpServer("time", McpServerSettings(command=(program("mcp-server-time"),), touches=()))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("convert_time", {"source_timezone": "Etc/UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
        ("get_current_time", {"timezone": "Atlantis/Capital"}),
        ("get_current_time", {"timezone": "Europe/Oslo"}),
    ]
    policy = Policy(actions={"time__get_current_time": "deny"})
    converted, *denied = await used(server, calls, policy=policy)
    assert json.loads(converted)["structured"]["target"]["datetime"][11:16] == "21:00"
    assert all("which the policy denies role 'clerk'" in each for each in denied)
