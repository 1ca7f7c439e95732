"""What `metagpt[local]` brings, asked for before it is needed."""

from __future__ import annotations

from importlib.util import find_spec

from metagpt.errors import ConfigError

__all__ = ["require_local_extra"]

_MODULES = ("torch", "transformers", "llguidance", "yaml")


def require_local_extra(owner: str) -> None:
    """Refuse to go on without the libraries of local models; imports none of them.

    Raises:
        ConfigError: one of them is not installed.
    """
    missing = [module for module in _MODULES if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"{owner}: not installed: {', '.join(missing)}; a model in this process needs them. "
            'Install them with: pip install "metagpt[local]"'
        )
