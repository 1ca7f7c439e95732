"""How much each sign of a reading counts: a file of the model folder, for it was fitted to the folder's two models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from metagpt.errors import ModelUnavailableError

__all__ = ["SIGNS_FILE", "SignWeights", "read_sign_weights", "write_sign_weights"]

SIGNS_FILE = "signs.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignWeights:
    """The weights of `metagpt.models.local.weighing`; each for a difference of 1 in the sign."""

    samples: float
    """Of the logarithm of the answers drawn that say so."""
    read: float
    """Of a nat of the reading, given the goal."""
    retold: float
    """Of a nat of the goal, given the reading."""
    parsed: float
    """Of the logarithm of its place among the parser's drafts, downwards; likewise of the next."""
    near: float
    none: Annotated[tuple[float, ...], Field(min_length=5, max_length=5)]
    """That none of the readings is meant: a constant; weights of the share of drawn answers that decline, of how much likelier declining
    is than the likeliest reading (nats, bounded), of the goal's log-likelihood a token, told from the reading of most weight, and of that
    reading's share among all."""


_FILE = TypeAdapter(SignWeights)


def read_sign_weights(folder: Path) -> SignWeights:
    """The weights of a model folder.

    Raises:
        ModelUnavailableError: there are none, or the file is none of ours.
    """
    file = folder / SIGNS_FILE
    try:
        return _FILE.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelUnavailableError(
            f"{file}: {error}; expected the weights of the signs by which the folder's two models choose. "
            f"Get the files of the model anew, or fit them: python -m metagpt.lab.embedded weigh --model {folder}"
        ) from error


def write_sign_weights(folder: Path, weights: SignWeights) -> None:
    """Beside the models that they were fitted to."""
    (folder / SIGNS_FILE).write_bytes(_FILE.dump_json(weights, indent=1) + b"\n")
