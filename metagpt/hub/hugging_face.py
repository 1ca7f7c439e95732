"""To and from Hugging Face hubs: `hf:ORG/NAME`, `hf:ORG/NAME@REVISION`. Only when the user asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metagpt.errors import HubError
from metagpt.hub.entry import Entry

__all__ = ["download", "upload"]

_WANTED = ["*.safetensors", "*.json", "*.jsonl", "*.txt", "*.md", "*.model", "*.csv", "*.parquet", "*.jinja", "LICENSE*"]
"""Patterns of files that are data and no programs; pickled weights are not even downloaded."""


def download(source: str, folder: Path) -> tuple[Path, str]:
    """The files of a model hub's repository, and the reference of the very commit.

    Raises:
        HubError: no such repository or revision, no safetensors in it, or the hub cannot be reached.
    """
    repository, _, revision = source.removeprefix("hf:").partition("@")
    with _told(source):
        from huggingface_hub import HfApi, snapshot_download

        about = HfApi().model_info(repository, revision=revision or None)
        names = [each.rfilename for each in about.siblings or []]
        if not any(name.endswith(".safetensors") for name in names):
            raise HubError(f"{source}: found no safetensors among {len(names)} files; expected weights so. Choose another revision.")
        snapshot_download(repository, revision=about.sha, local_dir=folder, allow_patterns=_WANTED)
    return folder, f"hf:{repository}@{about.sha}"


def upload(folder: Path, target: str, entry: Entry) -> str:
    """Write an entry's files to a model hub; the address of the commit.

    Raises:
        HubError: no right to write there, or the hub cannot be reached.
    """
    repository = target.removeprefix("hf:")
    kind = "dataset" if entry.kind == "dataset" else "model"
    with _told(target):
        from huggingface_hub import HfApi

        api = HfApi()
        api.create_repo(repository, repo_type=kind, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, repo_type=kind, folder_path=folder, commit_message=f"{entry.reference}")
    return str(commit.commit_url)


@contextmanager
def _told(reference: str) -> Iterator[None]:
    """Turn the library's many errors into ours."""
    try:
        from huggingface_hub import errors
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ModuleNotFoundError as error:
        raise HubError(f'{reference}: huggingface_hub is not installed. Install it with: pip install "metagpt[lab]"') from error
    transport: type[Exception] = vars(errors)["HTTPError"]  # of the client that the library happens to use
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise HubError(f"{reference}: HF_HUB_OFFLINE is set, so no hub is asked. Unset it, or push a folder that you have.") from error
    except HFValidationError as error:
        raise HubError(f"{reference}: found a name that no repository can have; expected hf:ORG/NAME. Correct it.") from error
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise HubError(
            f"{reference}: found no such repository or revision, or no right to it. Correct it, or log in with `hf auth login`."
        ) from error
    except HfHubHTTPError as error:
        said = " ".join(str(error).split())[:300]
        raise HubError(
            f"{reference}: the model hub refuses ({said}); expected a right to it and a card that it takes. Mend that."
        ) from error
    except (ConnectionError, errors.FileMetadataError, errors.LocalEntryNotFoundError, transport) as error:
        raise HubError(
            f"{reference}: the model hub cannot be reached ({type(error).__name__}). Go online, or push a folder that you have."
        ) from error
