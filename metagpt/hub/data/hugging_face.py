"""Datasets of a Hugging Face hub, or of the library's cache; only when the user asks."""

from __future__ import annotations

from typing import Any

from metagpt.errors import LabError

__all__ = ["open_dataset"]


def open_dataset(source: str, split: str | None) -> Any:  # Any: a datasets.Dataset
    """The split of `hf:ORG/NAME`, or of `hf:ORG/NAME:CONFIGURATION`.

    Raises:
        LabError: no such dataset or split, or the hub cannot be reached.
    """
    repository, _, configuration = source.removeprefix("hf:").partition(":")
    try:
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError
    except ModuleNotFoundError as error:
        raise LabError(f'{source}: the library datasets is not installed. Install it with: pip install "metagpt[lab]"') from error
    try:
        return load_dataset(repository, configuration or None, split=split or "train")
    except (DatasetsError, ConnectionError, FileNotFoundError) as error:
        raise LabError(
            f"{source}: found no such dataset in the cache, and the hub does not give it ({type(error).__name__}); expected it in one"
            " of them. Go online, correct the name, or load a file."
        ) from error
    except ValueError as error:  # a configuration or split that is not there; the library says which are
        raise LabError(f"{source}: {error} Correct the configuration behind ':', or split=.") from error
