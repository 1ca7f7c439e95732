"""Selecting models by what a task says: its description and every card as vectors, the nearest first, with the reasons told.

Score: cosine similarity cos(d, c) = d·c / (|d| |c|) of description d and card c, from -1 to 1. Below some 10^5 cards the plain
product of a matrix with a vector is faster than any index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from metagpt.errors import HubError
from metagpt.hub.card import Card
from metagpt.hub.entry import Entry

if TYPE_CHECKING:
    from metagpt.hub.hub import ModelHub
    from metagpt.memory.vector.encoder import Encoder

__all__ = ["SelectedModel", "TaskDescription", "select"]

_PREFERRED_ALIAS = "production"
_DEVICES = ("cpu", "cuda", "mps", "xla")


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """What a model is wanted for, in words; the other fields are filters, and None filters nothing."""

    text: str
    _: KW_ONLY
    task: str | None = None
    """A task as Hugging Face names them, such as `text-classification`; a card must name it, as its task or as one it suits."""
    language: str | None = None
    """`en`, `de`, …; cards that name no language pass, and the reasons say so."""
    max_size_bytes: int | None = None
    """Of all files of the entry."""
    max_parameters: int | None = None
    device: str | None = None
    """`cpu`, `cuda`, `mps` or `xla`; cards that name devices must name this one."""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise HubError("TaskDescription: found no text; expected what the model is wanted for, in a sentence. Describe the task.")
        if self.device is not None and self.device not in _DEVICES:
            raise HubError(f"TaskDescription: found device={self.device!r}; expected one of {', '.join(_DEVICES)}. Correct it.")


@dataclass(frozen=True, slots=True)
class SelectedModel:
    """A model that was selected; it can be used as a path."""

    entry: Entry
    card: Card
    score: float
    """Cosine similarity of description and card."""
    why: str
    _hub: ModelHub = field(repr=False, compare=False)

    @property
    def reference(self) -> str:
        """`NAME@VERSION`."""
        return self.entry.reference

    def as_json(self) -> dict[str, str | float]:
        """Reference, score and reasons, for programs."""
        return {"reference": self.reference, "score": self.score, "why": self.why}

    @property
    def folder(self) -> Path:
        """Its files, checked; see `ModelHub.folder`."""
        return self._hub.folder(self.entry.reference)

    def __fspath__(self) -> str:
        return str(self.folder)


def select(hub: ModelHub, task: TaskDescription | str, top_n: int, encoder: Encoder | None = None) -> list[SelectedModel]:
    """The `top_n` models nearest to the task, best first.

    Of every name one version is looked at: `production` where there is that alias, else the newest.

    Raises:
        HubError: no model passes the filters.
    """
    if top_n < 1:
        raise HubError(f"select_models: found top_n={top_n!r}; expected 1 or more. Ask for at least one.")
    wanted = TaskDescription(task) if isinstance(task, str) else task
    passing: list[tuple[Entry, Card]] = []
    refused: list[str] = []
    for entry in _candidates(hub):
        card = hub.card(entry)
        reason = next(_objections(wanted, entry, card), "")
        if reason:
            refused.append(f"{entry.reference} {reason}")
        else:
            passing.append((entry, card))
    if not passing:
        told = "; ".join(refused) or "the hub holds no model"
        raise HubError(f"hub {hub.path}: no model passes the filters ({told}); expected one. Widen them, or push a model that does.")
    scores = _similarities(wanted.text, [_words_of(entry, card) for entry, card in passing], encoder)
    found = [
        SelectedModel(entry, card, score, _reasons(wanted, entry, card, score), hub)
        for (entry, card), score in zip(passing, scores, strict=True)
    ]
    return sorted(found, key=lambda each: (-each.score, each.reference))[:top_n]


def _candidates(hub: ModelHub) -> Iterator[Entry]:
    for newest in hub.list("model"):
        chosen = hub.aliases(newest.name).get(_PREFERRED_ALIAS)
        yield newest if chosen is None else hub.get(f"{newest.name}@{chosen}")


def _objections(wanted: TaskDescription, entry: Entry, card: Card) -> Iterator[str]:
    """What keeps the model from being taken."""
    tasks = _tasks(card)
    if wanted.task is not None and wanted.task not in tasks:
        yield f"is for {', '.join(tasks) or 'no task that its card names'}, not {wanted.task}"
    if wanted.language is not None and card.languages and wanted.language not in card.languages:
        yield f"knows {', '.join(card.languages)}, not {wanted.language}"
    if wanted.max_size_bytes is not None and entry.size_bytes > wanted.max_size_bytes:
        yield f"takes {_megabytes(entry.size_bytes)}, more than {_megabytes(wanted.max_size_bytes)}"
    if wanted.max_parameters is not None and (entry.parameters or 0) > wanted.max_parameters:
        yield f"has {entry.parameters:,} parameters, more than {wanted.max_parameters:,}"
    if wanted.device is not None and card.devices and wanted.device not in card.devices:
        yield f"runs on {', '.join(card.devices)}, not {wanted.device}"


def _reasons(wanted: TaskDescription, entry: Entry, card: Card, score: float) -> str:
    known = [f"cosine similarity {score:.3f} of the task to its card: {_shortened(card.summary or entry.name)}"]
    known += [f"for {', '.join(_tasks(card))}"] if _tasks(card) else []
    if wanted.language is not None and not card.languages:
        known.append("its card names no language")
    elif card.languages:
        known.append(f"language {', '.join(card.languages)}")
    known += [f"{entry.parameters / 1e6:.1f} M parameters"] if entry.parameters else []
    known.append(_megabytes(entry.size_bytes))
    if wanted.device is not None:
        known.append(f"runs on {wanted.device}" if card.devices else f"its card names no device, {wanted.device} is assumed")
    return "; ".join(known)


def _tasks(card: Card) -> list[str]:
    return list(dict.fromkeys([*([card.task] if card.task else []), *card.tasks]))


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _shortened(text: str, most: int = 100) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"


def _words_of(entry: Entry, card: Card) -> str:
    """What of a card is embedded."""
    name = entry.name.replace("-", " ").replace("_", " ")
    return ". ".join(part for part in (card.summary or name, " ".join(_tasks(card)), ", ".join(card.tags), name) if part)


def _similarities(description: str, cards: Sequence[str], encoder: Encoder | None) -> list[float]:
    import numpy

    if encoder is None:
        from metagpt.memory.vector.encoder import SentenceEncoder

        encoder = SentenceEncoder()
    rows = numpy.asarray(encoder.encode([description, *cards]), dtype=numpy.float64)
    rows = rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return [float(score) for score in rows[1:] @ rows[0]]
