"""Where in its file a team's graph findings belong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Places"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """`FILE:LINE` of the parts that the graph check speaks of."""

    roles: Mapping[str, str]
    handlers: Mapping[str, str]
    """By `role.handler`."""
    messages: Mapping[str, str]
    start: str
    final: str

    def located(self, finding: str) -> str:
        """The finding behind its place: that of the first part it names."""
        return f"{self._of(finding)}: {finding}"

    def _of(self, finding: str) -> str:
        if match := re.match(r"role '([^']+)': ", finding):
            return self.roles.get(match[1], self.start)
        if match := re.match(r"tag '([^']+)': ", finding):
            return self.messages.get(match[1], self.start)
        if finding.startswith("final "):
            return self.final
        if match := re.match(r"(?:cycle )?([^\s.]+)(\.\w+)?", finding):
            return self.handlers.get(match[0].removeprefix("cycle "), self.roles.get(match[1], self.start))
        return self.start
