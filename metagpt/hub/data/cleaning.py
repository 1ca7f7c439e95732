"""Cleaning, with a report of every example that was changed or dropped, and why."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace

from metagpt.hub.data.examples import Example, TextData, place
from metagpt.hub.data.near import find_duplicates, normalized

__all__ = ["Change", "CleaningReport", "CleaningRules", "clean"]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningRules:
    """What is done; each rule can be left out."""

    unify: bool = True
    """Unicode is composed (NFC), control and zero-width signs go, runs of white space become one space."""
    drop_empty: bool = True
    """Texts without a letter or digit."""
    drop_conflicts: bool = True
    """Equal texts with different labels: all of them, as nobody knows which is right."""
    near: float = 1.0
    """Similarity from which a text is a duplicate and dropped; 1 only equal ones, 0.9 near copies too."""
    max_characters: int | None = None
    """Longer texts are dropped."""


@dataclass(frozen=True, slots=True)
class Change:
    """One example that was changed or dropped."""

    what: str
    """rewritten, empty, conflict, duplicate or long."""
    where: str
    """`FILE:LINE`."""
    why: str


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What was done to a set."""

    before: int
    after: int
    changes: tuple[Change, ...]

    def counts(self) -> dict[str, int]:
        """How many changes of each kind."""
        found: dict[str, int] = defaultdict(int)
        for change in self.changes:
            found[change.what] += 1
        return dict(found)

    def to_markdown(self) -> str:
        """The report for people, with the first changes of each kind."""
        lines = ["## Cleaning", "", f"{self.before} examples before, {self.after} after.", ""]
        for what, count in self.counts().items():
            lines += [
                f"- {what}: {count}",
                *(f"  - {each.where}: {each.why}" for each in [c for c in self.changes if c.what == what][:_SHOWN]),
            ]
        return "\n".join(lines) + "\n"


def clean(data: TextData, rules: CleaningRules | None = None) -> tuple[TextData, CleaningReport]:
    """The set by the rules, and what was done to it. Tagged text is never rewritten, as its tags belong to its words."""
    rules = rules or CleaningRules()
    changes: list[Change] = []
    kept = [_unified(example, data.name, changes) for example in data] if rules.unify else list(data)
    kept = _without_unusable(kept, data.name, rules, changes)
    if rules.drop_conflicts:
        kept = _without_conflicts(kept, data.name, changes)
    found = find_duplicates(TextData(kept), near=rules.near)
    for each in found:
        how = "says the same as" if each.similarity == 1 else f"is {each.similarity:.2f} similar to"
        changes.append(Change("duplicate", place(kept[each.second], data.name), f"{how} {place(kept[each.first], data.name)}"))
    repeated = {each.second for each in found}
    cleaned = TextData((example for index, example in enumerate(kept) if index not in repeated), name=data.name)
    return cleaned, CleaningReport(len(data), len(cleaned), tuple(changes))


def _unified(example: Example, name: str, changes: list[Change]) -> Example:
    if "tokens" in example.fields:
        return example
    composed = unicodedata.normalize("NFC", example.text)
    visible = "".join(
        sign if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cf") or sign == "\u200d" else "" for sign in composed
    )
    text = re.sub(r"\s+", " ", visible).strip()
    if text == example.text:
        return example
    changes.append(Change("rewritten", place(example, name), f"{example.text[:40]!r} became {text[:40]!r}"))
    return replace(example, text=text)


def _without_unusable(examples: list[Example], name: str, rules: CleaningRules, changes: list[Change]) -> list[Example]:
    kept = []
    for example in examples:
        if rules.drop_empty and not any(sign.isalnum() for sign in example.text):
            changes.append(Change("empty", place(example, name), f"{example.text[:40]!r} holds no letter or digit"))
        elif rules.max_characters is not None and len(example.text) > rules.max_characters:
            changes.append(Change("long", place(example, name), f"{len(example.text)} characters, more than {rules.max_characters}"))
        else:
            kept.append(example)
    return kept


def _without_conflicts(examples: list[Example], name: str, changes: list[Change]) -> list[Example]:
    labels: dict[str, set[object]] = defaultdict(set)
    for example in examples:
        if example.label is not None:
            labels[normalized(example.text)].add(example.label)
    kept = []
    for example in examples:
        said = labels[normalized(example.text)]
        if len(said) > 1:
            told = ", ".join(sorted(map(repr, said)))
            changes.append(Change("conflict", place(example, name), f"{example.text[:40]!r} is labelled {told}"))
        else:
            kept.append(example)
    return kept
