"""Where an adapter's files are: beside its base in the reference, in a folder or on a hub."""

from __future__ import annotations

import importlib
from pathlib import Path

from metagpt.errors import ConfigError, ModelUnavailableError
from metagpt.models.local.folder import is_folder_reference

__all__ = ["adapter_folder", "split_adapter"]

_MARK = "+adapter="
_FILES = ("adapter_config.json", "adapter_model.safetensors")


def split_adapter(owner: str, rest: str, setting: str | None) -> tuple[str, str | None]:
    """The base and the adapter of `BASE+adapter=PLACE`, or of the setting `adapter`; a folder becomes an absolute path.

    Raises:
        ConfigError: two adapters, or a mark without a name.
        ModelUnavailableError: no such folder.
    """
    base, mark, named = rest.partition(_MARK)
    if mark and (not base or not named):
        raise ConfigError(f"{owner}: found nothing on one side of {_MARK!r}; expected local:BASE+adapter=FOLDER_OR_HUB_ID. Name both.")
    if named and setting:
        raise ConfigError(f"{owner}: found adapter = {setting!r} beside the one in the reference; expected one. Leave one out.")
    adapter = named or setting
    if not adapter or not is_folder_reference(adapter):
        return base, adapter or None
    folder = Path(adapter).expanduser().resolve()
    if not (folder / _FILES[0]).is_file():
        raise ModelUnavailableError(
            f"{owner}: no {_FILES[0]} in {str(folder)!r}; expected an adapter's folder, as peft saves it. Correct the path."
        )
    return base, str(folder)


def adapter_folder(owner: str, place: str) -> str:
    """The adapter's folder; one of a hub is downloaded, its safetensors and nothing that could run code.

    Raises:
        ModelUnavailableError: it cannot be had.
    """
    if is_folder_reference(place):
        return place
    hub = importlib.import_module("huggingface_hub")
    errors = importlib.import_module("huggingface_hub.errors")
    try:
        folder: str = hub.snapshot_download(place, allow_patterns=list(_FILES))
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HFValidationError, errors.OfflineModeIsEnabled, OSError) as error:
        reason = f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"
        raise ModelUnavailableError(
            f"{owner}: the adapter {place!r} is not in the local cache and cannot be downloaded (found: {reason}). "
            "Check the name, go online once, or give the path of a folder."
        ) from error
    return folder
