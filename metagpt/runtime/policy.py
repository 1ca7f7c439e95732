"""Who may perform what: a value that answers allow, ask or deny."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from metagpt.actions.interface import Permissions

__all__ = ["Policy", "Rule", "Rules"]

Rule: TypeAlias = Literal["allow", "ask", "deny"]
_STRICTNESS: dict[Rule, int] = {"allow": 0, "ask": 1, "deny": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One rule for each thing an action may touch."""

    reads: Rule = "allow"
    writes: Rule = "allow"
    executes: Rule = "allow"
    network: Rule = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules for all roles, and for single ones in their place. The strictest rule that applies to an action counts."""

    rules: Rules = Rules()
    roles: Mapping[str, Rules] = field(default_factory=dict)
    """By role name; replaces `rules` for that role."""
    actions: Mapping[str, Rule] = field(default_factory=dict)
    """By action name; comes first."""

    def rule(self, role: str, action: str, permissions: Permissions) -> Rule:
        """What the policy says of `role` performing `action`."""
        if action in self.actions:
            return self.actions[action]
        rules = self.roles.get(role, self.rules)
        found: list[Rule] = [getattr(rules, name) for name in permissions.names]
        return max(found, key=_STRICTNESS.__getitem__) if found else "allow"
