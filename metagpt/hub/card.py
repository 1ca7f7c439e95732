"""Cards: what a model or dataset is, as the front matter of its README.md; the fields are those of Hugging Face's cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from metagpt.errors import HubError

__all__ = ["Card", "card_of", "lay_over", "read_card", "render_card"]

_LISTS = {
    "languages": "language",
    "base_models": "base_model",
    "datasets": "datasets",
    "tags": "tags",
    "tasks": "tasks",
    "devices": "devices",
}
_TEXTS = {"summary": "summary", "task": "pipeline_tag", "license": "license", "library": "library_name", "predictor": "predictor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What people and the selection read of an entry."""

    summary: str = ""
    """One or two sentences; where the front matter has none, the first paragraph of the text."""
    task: str | None = None
    """`pipeline_tag`: text-classification, token-classification, text-generation, sentence-similarity …"""
    tasks: tuple[str, ...] = ()
    """Further tasks that it is a good start for."""
    languages: tuple[str, ...] = ()
    """`en`, `de`, …; none named means not known."""
    license: str | None = None
    library: str | None = None
    base_models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    """Where it runs, if not everywhere: cpu, cuda, mps."""
    predictor: str | None = None
    """The plugin of the group `metagpt.predictors` that loads it for predicting."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Scores by name, on the data that the text names."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Every other key of the front matter, kept as it is."""
    text: str = ""
    """README.md below the front matter."""


def read_card(folder: Path) -> Card:
    """The card of an entry's folder; an empty one where it has no README.md.

    Raises:
        HubError: front matter that cannot be read.
    """
    readme = folder / "README.md"
    if not readme.is_file():
        return Card()
    return card_of(readme.read_text(encoding="utf-8", errors="replace"), str(readme))


def card_of(text: str, owner: str) -> Card:
    """The card that a README.md says."""
    said, body = _front_matter(text, owner)
    said = dict(said)
    values: dict[str, Any] = {ours: _words(said.pop(theirs, None)) for ours, theirs in _LISTS.items()}
    for ours, theirs in _TEXTS.items():
        value = said.pop(theirs, None)
        values[ours] = None if value is None else str(value)
    metrics = said.get("metrics")
    if isinstance(metrics, dict) and all(isinstance(score, int | float) for score in metrics.values()):
        values["metrics"] = {str(name): float(score) for name, score in said.pop("metrics").items()}
    values["summary"] = values["summary"] or _first_paragraph(body)
    return Card(**values, extra=said, text=body)


def render_card(card: Card) -> str:
    """The README.md that says the card."""
    import yaml

    said: dict[str, Any] = {}
    for ours, theirs in {**_TEXTS, **_LISTS}.items():
        value = getattr(card, ours)
        if value and not (ours == "summary" and value == _first_paragraph(card.text)):
            said[theirs] = list(value) if isinstance(value, tuple) else value
    if card.metrics:
        said["metrics"] = dict(card.metrics)
    said.update(card.extra)
    front = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000) if said else ""
    return f"---\n{front}---\n\n{card.text.strip()}\n"


def lay_over(card: Card, old: Card) -> Card:
    """The card, with every field that it leaves empty taken from the old one."""
    values = {each.name: getattr(card, each.name) or getattr(old, each.name) for each in fields(Card)}
    return Card(**{**values, "extra": {**old.extra, **card.extra}})


def _front_matter(text: str, owner: str) -> tuple[Mapping[str, Any], str]:
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if not lines or lines[0].strip() != "---" or end is None:
        return {}, text
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise HubError('hub: PyYAML is not installed; cards need it. Install it with: pip install "metagpt[lab]"') from error
    try:
        said = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        raise HubError(f"{owner}: found front matter that is no YAML ({error}); expected `name: value` lines. Correct the card.") from error
    if said is not None and not isinstance(said, dict):
        raise HubError(f"{owner}: found front matter {said!r}; expected `name: value` lines. Correct the card.")
    return {str(key): value for key, value in (said or {}).items()}, "\n".join(lines[end + 1 :])


def _words(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)


def _first_paragraph(text: str) -> str:
    """The first lines that are no heading, picture, HTML or rule, in one line."""
    paragraph: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line and line[0] not in "#!<|[-=`*":
            paragraph.append(line)
        elif paragraph:
            break
    return " ".join(paragraph)[:600]
