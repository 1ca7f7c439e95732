"""A promoted model in the user's metagpt.toml, so that their next run asks it."""

from __future__ import annotations

from pathlib import Path

from metagpt.hub.durable import replacing
from metagpt.settings import FILE_NAME, believe_settings, find_settings_file, read_settings

__all__ = ["put_in_service"]


def put_in_service(role: str, hub: Path | None) -> str:
    """Add `[models.ROLE]` below all that the file holds; a table of that name stays as the user wrote it.

    Args:
        role: Whose model it is.
        hub: The hub's folder, where it is not the one of the settings.

    Returns:
        What was done, or what the user may do.

    Raises:
        ConfigError: settings that cannot be read.
    """
    reference = f"hub:{role}@production"
    file = find_settings_file(Path.cwd()) or Path.cwd() / FILE_NAME
    known = read_settings().models.get(role)
    if known is not None and known.ref == reference:
        return f"{file}: [models.{role}] names it already"
    if known is not None:
        return f'{file}: [models.{role}] names {known.ref} and was left so; write ref = "{reference}" there to use it'
    place = "" if hub is None else f"path = {_quoted(str(hub.expanduser().absolute()))}\n"
    table = f"[models.{role}]\nref = {_quoted(reference)}\n{place}"
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    with replacing(file) as aside:
        aside.write_text(f"{before.rstrip()}\n\n{table}" if before.strip() else table, encoding="utf-8")
    believe_settings(file)  # it was believed when it was read
    return f"written: {file}: [models.{role}] ref = {_quoted(reference)}; the next `metagpt run` asks it"


def _quoted(text: str) -> str:
    """The text in the quotes of TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
