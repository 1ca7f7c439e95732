"""Who may perform what: a value that answers allow, ask or deny."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias, cast

from metagpt.actions.hosts import Hosts, host_entry
from metagpt.actions.interface import Permissions
from metagpt.errors import ConfigError, did_you_mean

__all__ = ["Policy", "Rule", "Rules"]

Rule: TypeAlias = Literal["allow", "ask", "deny"]
_STRICTNESS: dict[Rule, int] = {"allow": 0, "ask": 1, "deny": 2}
_TOUCHED = ("reads", "writes", "executes", "network", "unvetted")
_HOSTS = ("hosts", "private_hosts")


def _check_rule(owner: str, name: str, rule: object) -> None:
    if not isinstance(rule, str) or rule not in _STRICTNESS:
        raise ConfigError(f"{owner}: found {name} = {rule!r}; expected 'allow', 'ask' or 'deny'. Write one of them.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One rule for each thing an action may touch, and the hosts that may be reached."""

    reads: Rule = "allow"
    writes: Rule = "allow"
    executes: Rule = "allow"
    network: Rule = "allow"
    unvetted: Rule = "ask"
    """Tools of other people's servers, of which the user's settings do not say what they touch."""
    hosts: tuple[str, ...] | None = None
    """What `fetch` may reach where it has a public address: `docs.python.org`, `*.python.org`, `*`. None are named: no host."""
    private_hosts: tuple[str, ...] | None = None
    """Beside them, hosts that may have an address of this machine or network: `localhost:8000`."""

    def __post_init__(self) -> None:
        for name in _TOUCHED:
            _check_rule("Rules", name, getattr(self, name))
        for name in _HOSTS:
            entries = getattr(self, name)
            if entries is not None:
                if isinstance(entries, str):
                    raise ConfigError(f"Rules: found {name}={entries!r}; expected several. Write {name}=({entries!r},).")
                checked = tuple(host_entry(f"Rules({name}=)", entry, is_private=name == "private_hosts") for entry in entries)
                object.__setattr__(self, name, checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules for all roles, and for single ones in their place. The strictest rule that applies to an action counts."""

    rules: Rules = Rules()
    roles: Mapping[str, Rules] = field(default_factory=dict)
    """By role name; replaces `rules` for that role."""
    actions: Mapping[str, Rule] = field(default_factory=dict)
    """By action name; comes first."""
    also: Policy | None = None
    """Another that holds as well: the stricter answer counts, and where both name hosts, those that both allow."""

    def __post_init__(self) -> None:
        for name, rule in self.actions.items():
            _check_rule("Policy(actions=)", name, rule)

    def rule(self, role: str, action: str, permissions: Permissions) -> Rule:
        """What the policy says of `role` performing `action`."""
        found: list[Rule] = [self._own_rule(role, action, permissions)]
        if self.also is not None:
            found.append(self.also.rule(role, action, permissions))
        return max(found, key=_STRICTNESS.__getitem__)

    def hosts(self, role: str) -> Hosts:
        """What actions of `role` may reach."""
        return self._stated_hosts(role) or Hosts()

    def _own_rule(self, role: str, action: str, permissions: Permissions) -> Rule:
        if action in self.actions:
            return self.actions[action]
        rules = self.roles.get(role, self.rules)
        found: list[Rule] = [getattr(rules, name) for name in permissions.names]
        return max(found, key=_STRICTNESS.__getitem__) if found else "allow"

    def _stated_hosts(self, role: str) -> Hosts | None:
        """None where no host is spoken of, which forbids nothing that another policy allows."""
        rules = self.roles.get(role, self.rules)
        is_stated = rules.hosts is not None or rules.private_hosts is not None
        own = Hosts(public=rules.hosts or (), private=rules.private_hosts or ()) if is_stated else None
        others = self.also._stated_hosts(role) if self.also is not None else None
        return own.and_also(others) if own is not None and others is not None else own or others

    @classmethod
    def from_table(cls, owner: str, table: Mapping[str, Any]) -> Policy:  # Any: TOML values, checked key by key
        """The policy of a settings file's table `[policy]`; a role's own table changes only what it names.

        Raises:
            ConfigError: a key or a value that is none.
        """
        known = [each.name for each in fields(Rules)]
        _check_keys(owner, table, [*known, "roles", "actions"])
        rules = _rules(owner, {name: value for name, value in table.items() if name in known}, Rules())
        roles = {name: _rules(f"{owner}.roles.{name}", body, rules) for name, body in _table(owner, table, "roles").items()}
        actions = _table(owner, table, "actions")
        for name, rule in actions.items():
            _check_rule(f"{owner}.actions", name, rule)
        return cls(rules=rules, roles=roles, actions=cast("dict[str, Rule]", actions))


def _rules(owner: str, body: object, above: Rules) -> Rules:
    if not isinstance(body, dict):
        raise ConfigError(f'{owner}: found {body!r}; expected a table, as executes = "ask". Write its keys below its name.')
    _check_keys(owner, body, [each.name for each in fields(Rules)])
    changed: dict[str, Any] = {}  # Any: a rule or hosts, checked here
    for name, value in body.items():
        if name in _HOSTS:
            if not isinstance(value, list):
                raise ConfigError(f'{owner}: found {name} = {value!r}; expected a list. Write {name} = ["docs.python.org"].')
            value = tuple(host_entry(f"{owner}: {name}", entry, is_private=name == "private_hosts") for entry in value)  # noqa: PLW2901 - the same, checked
        else:
            _check_rule(owner, name, value)
        changed[name] = value
    return replace(above, **changed)


def _table(owner: str, table: Mapping[str, Any], name: str) -> dict[str, Any]:
    body = table.get(name, {})
    if not isinstance(body, dict):
        raise ConfigError(f"{owner}: found {name} = {body!r}; expected a table. Write [policy.{name}] and its keys below it.")
    return body


def _check_keys(owner: str, body: Mapping[str, object], known: list[str]) -> None:
    for key in body:
        if key not in known:
            raise ConfigError(f"{owner}: found key {key!r}; expected one of {', '.join(known)}. {did_you_mean(key, known)}")
