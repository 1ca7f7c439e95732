"""What a team's file says of actions: it can forbid, and it can have a person asked, but it can allow nothing by itself.

Its rules hold together with the user's, the stricter answer counting. Where the user has none, a person is asked before
actions of a team that stands in a file run code or reach the network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any, cast

from metagpt.errors import did_you_mean
from metagpt.from_file.section import Section
from metagpt.runtime.policy import Policy, Rule, Rules

__all__ = ["CAUTIOUS", "read_policy", "users_policy"]

_ASKED: dict[str, Rule] = {"executes": "ask", "network": "ask"}
CAUTIOUS = Policy.from_table("teams in files", _ASKED)
"""The user's policy for teams in files, where they have not said anything."""

_RULES: tuple[Rule, ...] = ("allow", "ask", "deny")
_TOUCHED = tuple(field.name for field in fields(Rules) if field.default in _RULES)


def users_policy(owner: str, table: Mapping[str, Any]) -> Policy:  # Any: TOML values, checked key by key
    """The policy of the user's settings for teams in files: what they do not speak of is as in `CAUTIOUS`.

    Raises:
        ConfigError: a key or a value that is none.
    """
    return Policy.from_table(owner, {**_ASKED, **table})


def read_policy(body: Section, roles: Collection[str]) -> Policy:
    """The table `[policy]`: rules, `[policy.roles.NAME]` and `[policy.actions]`."""
    policy = body.section("policy")
    for key in ("hosts", "private_hosts"):
        if key in policy.table:
            policy.wrong(
                key, f"found {key}; expected rules alone, for which hosts are reached is the user's to say. Write it in metagpt.toml."
            )
    policy.only(*_TOUCHED, "roles", "actions", "hosts", "private_hosts")
    rules = _rules(policy, Rules())
    by_role = {}
    for name, inner in policy.sections("roles"):
        inner.only(*_TOUCHED)
        if name not in roles:
            inner.wrong(None, f"found rules for role {name!r}; expected one of the team's. {did_you_mean(name, roles)}")
        by_role[name] = _rules(inner, rules)
    actions = policy.section("actions")
    by_action = {name: rule for name in actions.table if (rule := actions.choice(name, _RULES))}
    return Policy(rules=rules, roles=by_role, actions=cast("dict[str, Rule]", by_action))


def _rules(body: Section, above: Rules) -> Rules:
    found: dict[str, Any] = {name: body.choice(name, _RULES) for name in _TOUCHED}  # Any: a rule, which checkers know as text
    return replace(above, **{name: rule for name, rule in found.items() if rule is not None})
