"""[mcp.NAME]: what counts as the user's, and what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from metagpt.actions.mcp import McpServerSettings
from metagpt.actions.mcp.settings import configured
from metagpt.errors import ConfigError
from metagpt.plugins import open_action
from metagpt.settings import read_settings

GIT = '[mcp.git]\ncommand = ["mcp-server-git"]\ntouches = ["reads"]\n[mcp.git.tools]\ngit_commit = ["reads", "writes"]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    (folder / ".metagpt").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path / "project")
    return folder


def test_a_server_of_the_project_is_read(home: Path) -> None:
    Path("metagpt.toml").write_text(GIT)
    settings = configured("git")
    assert settings.command == ("mcp-server-git",)
    assert settings.touched_by("git_log").names == ("reads",)
    assert settings.touched_by("git_commit").names == ("reads", "writes")


def test_a_server_of_the_user_is_read_and_the_projects_own_of_that_name_goes_first(home: Path) -> None:
    (home / ".metagpt" / "metagpt.toml").write_text('[mcp.git]\ncommand = ["theirs"]\n[mcp.time]\ncommand = ["clock"]\n')
    assert configured("git").command == ("theirs",)
    Path("metagpt.toml").write_text(GIT)
    assert configured("git").command == ("mcp-server-git",)
    assert configured("time").command == ("clock",)


def test_the_users_own_file_holds_servers_alone(home: Path) -> None:
    (home / ".metagpt" / "metagpt.toml").write_text("[budget]\nusd = 1\n")
    with pytest.raises(ConfigError, match=r"found 'budget'; expected \[mcp.NAME\] alone"):
        read_settings()


def test_a_file_among_the_products_of_a_run_starts_nothing(home: Path) -> None:
    Path("run.json").write_text(json.dumps({"run_id": "r1"}))
    Path("below").mkdir()
    Path("below/metagpt.toml").write_text(GIT)
    with pytest.raises(ConfigError, match="found it in the products of run 'r1'"):
        read_settings(Path("below"))
    Path("run.json").write_text("[]")
    assert "git" in read_settings(Path("below")).mcp


def test_no_variable_adds_a_server(home: Path) -> None:
    with pytest.raises(ConfigError, match="found METAGPT_MCP__GIT__COMMAND; expected a setting"):
        read_settings(environ={"METAGPT_MCP__GIT__COMMAND": "evil"})


def test_nothing_is_vetted_that_the_user_does_not_speak_of() -> None:
    settings = McpServerSettings(command=("x",), tools={"a": ["reads"]})
    assert settings.touched_by("a").names == ("reads",)
    assert settings.touched_by("b").names == ("reads", "writes", "executes", "network", "unvetted")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("comand = ['x']", "found key 'comand'; expected one of its own. Did you mean 'command'"),
        ("command = 'mcp-server-git --all'", "command: Input should be a valid tuple"),
        ("command = []", "both or none of command and url"),
        ("command = ['x']\nurl = 'https://a.b'", "both or none of command and url"),
        ("url = 'ftp://a.b'", "expected http:// or https://"),
        ("url = 'https://user:hush@a.b'", "found url = 'a.b'"),
        ("url = 'http://a.b'\nheaders = {Authorization = '${T}'}", "expected https://, for anybody on the way"),
        ("url = 'https://a.b'\nenv = {A = 'b'}", "env or cwd beside url"),
        ("command = ['x']\ntouches = ['read']", "touches.0: Input should be 'reads'"),
        ("command = ['x']\ntimeout_s = 0", "timeout_s: Input should be greater than 0"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(home: Path, table: str, said: str) -> None:
    Path("metagpt.toml").write_text(f"[mcp.git]\n{table}\n")
    with pytest.raises(ConfigError) as caught:
        configured("git")
    assert said in str(caught.value)
    assert "[mcp.git]" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_headers_go_to_this_machine_without_encryption() -> None:
    assert McpServerSettings(url="http://127.0.0.1:8000/mcp", headers={"A": "b"}).headers == {"A": "b"}


@pytest.mark.parametrize("name", ["", "a b", "../x", "a__b", "-x", "x" * 33])
def test_a_name_that_no_action_could_begin_with_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected letters, digits"):
        configured(name)


def test_an_action_is_opened_by_name_and_refused_where_it_is_none() -> None:
    assert open_action("read_file").name == "read_file"
    assert open_action("mcp:git").name == "git"
    with pytest.raises(ConfigError, match=r"found the plain action 'read_file'; expected no ':'"):
        open_action("read_file:x")
    with pytest.raises(ConfigError, match="Write 'mcp:NAME'"):
        open_action("mcp")
    with pytest.raises(ConfigError, match="Did you mean 'read_file'"):
        open_action("raed_file")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        McpServerSettings(command=("x",)).timeout_s = 5  # type: ignore[misc]
