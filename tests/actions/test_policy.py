"""The policy: which rule and which hosts hold for a role, from Python and from a settings file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import Policy, Rules
from metagpt.actions.hosts import Hosts
from metagpt.actions.interface import Permissions
from metagpt.errors import ConfigError
from tests.cli.projects import invoke, write

STRICTNESS = ["allow", "ask", "deny"]


def hosts(*public: str, private: tuple[str, ...] = ()) -> Hosts:
    rules = Rules(hosts=public, private_hosts=private)
    return Hosts(public=rules.hosts or (), private=rules.private_hosts or ())


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("docs.python.org", "docs.python.org", 443, True),
        ("docs.python.org", "docs.python.org", 80, True),
        ("docs.python.org", "docs.python.org", 8080, False),
        ("docs.python.org:8080", "docs.python.org", 8080, True),
        ("docs.python.org:8080", "docs.python.org", 443, False),
        ("Docs.Python.org.", "docs.python.org", 443, True),
        ("docs.python.org", "evil-docs.python.org", 443, False),
        ("docs.python.org", "docs.python.org.evil.example", 443, False),
        ("*.python.org", "docs.python.org", 443, True),
        ("*.python.org", "a.b.python.org", 443, True),
        ("*.python.org", "python.org", 443, False),
        ("*.python.org", "evilpython.org", 443, False),
        ("*", "anything.example", 443, True),
        ("*", "anything.example", 22, False),
        ("[::1]:8000", "::1", 8000, True),
        ("127.0.0.1:8000", "127.0.0.1", 8000, True),
        ("127.0.0.1", "2130706433", 80, False),
    ],
)
def test_an_entry_covers_a_host_or_not(entry: str, host: str, port: int, allowed: bool) -> None:
    assert hosts(entry).allow(host, port) is allowed


def test_no_host_is_allowed_until_one_is_named() -> None:
    assert Policy().hosts("engineer") == Hosts()
    assert not Policy().hosts("engineer").allow("docs.python.org", 443)
    assert str(Policy().hosts("engineer")) == "none"


def test_only_private_hosts_may_be_private() -> None:
    found = hosts("*", private=("localhost:8000",))
    assert found.allow_private("localhost", 8000)
    assert found.allow("localhost", 8000)
    assert not found.allow_private("localhost", 80)
    assert not found.allow_private("docs.python.org", 443)


@pytest.mark.parametrize(
    "entry", ["https://docs.python.org", "docs.python.org/3", "", "a b", "*.*.org", "docs.*", "a:99999", "user@host", "münchen.example"]
)
def test_an_entry_that_names_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match="Write no scheme and no path"):
        Rules(hosts=(entry,))


def test_a_pattern_of_private_hosts_and_a_single_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected a full name"):
        Rules(private_hosts=("*",))
    with pytest.raises(ConfigError, match="expected several"):
        Rules(hosts="docs.python.org")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [lambda: Rules(reads="no"), lambda: Policy(actions={"fetch": "never"}), lambda: Rules(writes=["ask"])])  # type: ignore[arg-type,dict-item]
def test_a_rule_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="expected 'allow', 'ask' or 'deny'"):
        wrong()


def test_hosts_are_of_a_role() -> None:
    policy = Policy(rules=Rules(hosts=("a.example",)), roles={"reader": Rules(hosts=("b.example",))})
    assert policy.hosts("reader") == hosts("b.example")
    assert policy.hosts("writer") == hosts("a.example")


# two policies


def test_of_two_policies_the_stricter_answer_counts() -> None:
    mine = Policy(actions={"fetch": "allow"}, also=Policy(rules=Rules(network="ask"), actions={"deploy": "deny"}))
    assert mine.rule("engineer", "fetch", Permissions(network=True)) == "ask"
    assert mine.rule("engineer", "deploy", Permissions()) == "deny"
    assert mine.rule("engineer", "other", Permissions(reads=True)) == "allow"


def test_of_two_policies_that_name_hosts_those_that_both_allow_count() -> None:
    def both(first: Rules, second: Rules) -> Hosts:
        return Policy(rules=first, also=Policy(rules=second)).hosts("any")

    assert both(Rules(hosts=("*",)), Rules(hosts=("a.example",))) == hosts("a.example")
    assert both(Rules(hosts=("*.example",)), Rules(hosts=("a.example", "b.test"))) == hosts("a.example")
    assert both(Rules(hosts=("*.b.example",)), Rules(hosts=("*.example", "*.test"))) == hosts("*.b.example")
    assert both(Rules(), Rules(hosts=("a.example",))) == hosts("a.example")
    assert both(Rules(hosts=("a.example",)), Rules()) == hosts("a.example")
    assert both(Rules(hosts=("*",)), Rules(private_hosts=("localhost:1",))) == hosts()
    assert both(Rules(hosts=("a.example",)), Rules(hosts=("a.example:8080",))) == hosts()


RULES = st.builds(
    Rules,
    **{name: st.sampled_from(STRICTNESS) for name in ("reads", "writes", "executes", "network")},
    hosts=st.none() | st.lists(st.sampled_from(["*", "*.example", "a.example", "b.a.example", "a.example:81"])).map(tuple),
)


@given(RULES, RULES, st.sampled_from(["a.example", "b.a.example", "c.test"]), st.sampled_from([80, 81]))
def test_a_second_policy_never_allows_what_the_first_does_not(first: Rules, second: Rules, host: str, port: int) -> None:
    both = Policy(rules=first, also=Policy(rules=second))
    for touched in ("reads", "writes", "executes", "network"):
        found = both.rule("any", "any", Permissions(**{touched: True}))
        assert STRICTNESS.index(found) == max(STRICTNESS.index(getattr(rules, touched)) for rules in (first, second))
    stated = [hosts(*rules.hosts) for rules in (first, second) if rules.hosts is not None]
    assert both.hosts("any").allow(host, port) is (bool(stated) and all(each.allow(host, port) for each in stated))


# from a settings file


def read(text: str) -> Policy:
    return Policy.from_table("metagpt.toml: [policy]", tomllib.loads(text))


def test_a_table_is_a_policy_and_a_roles_table_changes_only_what_it_names() -> None:
    policy = read(
        'executes = "ask"\nhosts = ["docs.python.org"]\n[roles.engineer]\nexecutes = "allow"\n[roles.reader]\nwrites = "deny"\n'
        '[actions]\nfetch = "ask"\n'
    )
    assert policy == Policy(
        rules=Rules(executes="ask", hosts=("docs.python.org",)),
        roles={
            "engineer": Rules(executes="allow", hosts=("docs.python.org",)),
            "reader": Rules(executes="ask", writes="deny", hosts=("docs.python.org",)),
        },
        actions={"fetch": "ask"},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('exectues = "ask"', "Did you mean 'executes'"),
        ('executes = "maybe"', "expected 'allow', 'ask' or 'deny'"),
        ("executes = true", "expected 'allow', 'ask' or 'deny'"),
        ('hosts = "docs.python.org"', "expected a list"),
        ('hosts = ["https://a.example"]', "Write no scheme"),
        ("hosts = [1]", "found host 1"),
        ('roles = "engineer"', r"Write \[policy.roles\]"),
        ('[roles]\nengineer = "allow"', "expected a table"),
        ('[roles.engineer]\nexecute = "ask"', "Did you mean 'executes'"),
        ('[actions]\nfetch = "sometimes"', "expected 'allow'"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(text)
    assert "[policy]" in str(caught.value)


WRITER = '''
from metagpt import Goal, Message, Policy, Role, Rules, Team, on
from metagpt.actions.files import write_file
from metagpt.actions.python import run_python
from metagpt.testing import FunctionModel


class Done(Message):
    told: list[str]


class Scribe(Role):
    """Leaves files."""

    @on(Goal)
    async def write(self, goal: Goal) -> Done:
        told = []
        for do in (lambda: self.do("write_file", path="x", text="x"), lambda: self.do("run_python", arguments=["-c", "1"])):
            try:
                told.append(str(await do()))
            except Exception as error:
                told.append(str(error).split(";")[0])
        return Done(told=told)


team = Team([Scribe(actions=[write_file, run_python])], final=Done, name="scribes", policy=Policy(rules=Rules(writes="deny")))
'''


def test_the_users_settings_hold_beside_the_teams_own_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, team=WRITER)
    (tmp_path / "metagpt.toml").write_text('[policy]\nwrites = "allow"\n[policy.roles.scribe]\nexecutes = "deny"\n[policy.roles.nobody]\n')
    done = invoke("run", "go", "--team", "team.py:team", "--json", "--out", "out")
    ended = json.loads(done.stdout.splitlines()[-1])
    assert [text.partition("found ")[2] for text in ended["output"]["told"]] == [
        "action 'write_file' (touches writes), which the policy denies role 'scribe'",
        "action 'run_python' (touches reads, writes, executes), which the policy denies role 'scribe'",
    ]
    assert not (tmp_path / "out" / "x").exists()


def test_a_wrong_policy_in_the_settings_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, team=WRITER)
    (tmp_path / "metagpt.toml").write_text('[policy]\nexectues = "deny"\n')
    done = invoke("run", "go", "--team", "team.py:team")
    assert done.exit_code == 2
    assert "Did you mean 'executes'" in done.stderr
    assert not (tmp_path / ".metagpt" / "journal.db").exists()
