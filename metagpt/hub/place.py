"""Where the hub's folder is."""

from __future__ import annotations

from pathlib import Path

from metagpt.settings import read_settings

__all__ = ["DEFAULT_HUB", "hub_folder"]

DEFAULT_HUB = Path(".metagpt") / "hub"


def hub_folder(path: Path | str | None = None) -> Path:
    """The path given; else METAGPT_HUB; else [hub] path of metagpt.toml, seen from that file; else `.metagpt/hub` here.

    Raises:
        ConfigError: settings that cannot be read.
    """
    chosen = path if path is not None else read_settings().hub.path
    return (Path(chosen) if chosen is not None else DEFAULT_HUB).expanduser().absolute()
