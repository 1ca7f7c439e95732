"""Rewards by name: what a recipe's `reward` names is opened from the plugins `metagpt.rewards`.

A plugin is anything that is called with `base`, the folder of the model that the training starts from, and gives a `Reward`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from metagpt.errors import ConfigError
from metagpt.plugins import load_plugin

__all__ = ["Reward", "open_reward"]


class Reward(Protocol):
    """Judges the drawn answers of a step. What it is given a model wrote: it is read or run in the sandbox, never trusted."""

    __name__: str
    """What the log calls it."""

    def __call__(  # Any: columns that TRL adds
        self, *, prompts: Sequence[str], completions: Sequence[str], function: Sequence[str], tests: Sequence[str], **_: Any
    ) -> Sequence[float | None]:
        """A reward from 0 to 1 for each answer; None where its row has nothing to judge it by.

        Args:
            prompts: The text of each answer's row.
            completions: The answers.
            function: Of each row; empty where it has none.
            tests: Of each row, JSON `[[arguments, result], …]`; empty where it has none.
        """
        ...


def open_reward(name: str, base: Path) -> Reward:
    """The reward of that name, for answers of a model that starts from the folder `base`.

    Raises:
        ConfigError: no plugin has that name, or what it opens is no reward.
    """
    found = load_plugin("rewards", name)
    try:
        opened: Any = found(base=base)
    except TypeError as error:
        raise ConfigError(f"reward {name!r}: found a plugin that refuses base ({error}); expected one that takes it. Mend it.") from error
    if not callable(opened) or not isinstance(getattr(opened, "__name__", None), str):
        raise ConfigError(f"reward {name!r}: found the plugin to open {opened!r}; expected a callable with a __name__. Mend the plugin.")
    return cast("Reward", opened)
