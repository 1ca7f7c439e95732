"""Scores of entities: a found entity is right if its first word, last word and type are all right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from metagpt.errors import LabError
from metagpt.lab.evaluation.counts import Row, count_measures, rows_of
from metagpt.lab.evaluation.measures import Measure

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Entity", "entities_of", "entity_measures", "entity_report"]

Tags = Sequence[Sequence[str]]
"""A tag for each word of each sentence."""


class Entity(NamedTuple):
    """A run of words of one type."""

    type: str
    start: int
    end: int
    """The last word, inclusive."""


def entities_of(tags: Sequence[str]) -> list[Entity]:
    """The entities that the tags of one sentence mean, read as the CoNLL evaluation script reads them.

    A word goes on with the entity before it if it is tagged I or E, the one before B or I, and both have the same type. Every other
    tagged word begins one, an I without a B as well. IOB1, IOB2 and IOBES are read alike.
    """
    found: list[Entity] = []
    before, type_before = "O", ""
    for number, (prefix, type_) in enumerate(map(_parted, tags)):
        if prefix != "O":
            if prefix in "IE" and before in "BI" and type_ == type_before:
                found[-1] = found[-1]._replace(end=number)
            else:
                found.append(Entity(type_, number, number))
        before, type_before = prefix, type_
    return found


def _parted(tag: str) -> tuple[str, str]:
    prefix, _, type_ = tag.partition("-")
    if prefix not in ("B", "I", "O", "E", "S"):
        raise LabError(f"entities: found the tag {tag!r}; expected O, or B-, I-, E- or S- and a type. Correct the tags.")
    return prefix, type_ or "_"


def entity_report(predictions: Tags, labels: Tags) -> tuple[Row, ...]:
    """A row for each type, and the averages; the figures are those of seqeval in its default mode."""
    types, parts_NP = _parts(predictions, labels)
    return rows_of(types, parts_NP.sum(axis=0).reshape(-1, 3))


def entity_measures(predictions: Tags, labels: Tags) -> list[Measure]:
    """Entity F1 micro and macro, and the accuracy of single words."""
    _, parts_NP = _parts(predictions, labels)
    macro, micro = count_measures(parts_NP, "entity_")
    return [micro, macro, _word_accuracy(predictions, labels)]


def _word_accuracy(predictions: Tags, labels: Tags) -> Measure:
    import numpy

    right = [sum(said == true for said, true in zip(*pair, strict=True)) for pair in zip(predictions, labels, strict=True)]
    parts_N2 = numpy.array([right, [len(tags) for tags in labels]], dtype=numpy.float64).T
    return Measure(name="word_accuracy", parts_NP=parts_N2, of_sums=lambda sums: sums[0] / max(sums[1], 1))


def _parts(predictions: Tags, labels: Tags) -> tuple[list[str], NDArray[float64]]:
    """Types, and for each sentence and type how many entities are right, said and true."""
    import numpy

    said, true = list(_sets(predictions)), list(_sets(labels))
    types = sorted({entity.type for each in (*said, *true) for entity in each})
    place = {name: number for number, name in enumerate(types)}
    parts_NC3 = numpy.zeros((len(true), len(types), 3))
    for number, (found, wanted) in enumerate(zip(said, true, strict=True)):
        for column, entities in enumerate((found & wanted, found, wanted)):
            for entity in entities:
                parts_NC3[number, place[entity.type], column] += 1
    return types, parts_NC3.reshape(len(true), -1)


def _sets(sentences: Tags) -> Iterator[set[Entity]]:
    return (set(entities_of(tags)) for tags in sentences)
