"""Unions whose members cannot be told apart by their fields: each answer says its member's name."""

from __future__ import annotations

from itertools import combinations
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from typing_extensions import TypeForm

__all__ = ["TaggedUnion", "is_ambiguous_union"]


def is_ambiguous_union(form: object) -> bool:
    """Whether one JSON object could be two members of the union, as `Accepted | Rejected` with equal fields."""
    return any(_overlap(first, second) for first, second in combinations(_models(form), 2))


class TaggedUnion:
    """A union told apart by name: `{"Rejected": {"notes": "too long"}}`."""

    def __init__(self, form: object) -> None:
        self._wrappers = {model: _wrapper(model) for model in _models(form)}
        members = tuple(self._wrappers.get(member, member) for member in get_args(form))
        self.adapter: TypeAdapter[Any] = TypeAdapter(cast("TypeForm[Any]", Union[members]))  # noqa: UP007 - from a tuple

    def unwrap(self, answer: object) -> object:
        """The member inside a validated answer."""
        return answer.value if isinstance(answer, _Tagged) else answer

    def wrap(self, member: object) -> object:
        """`member` under its name."""
        wrapper = self._wrappers.get(type(member)) if isinstance(member, BaseModel) else None
        return member if wrapper is None else wrapper.model_validate({type(member).__name__: member})


class _Tagged(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Any  # Any: each wrapper narrows it to its member


def _wrapper(model: type[BaseModel]) -> type[_Tagged]:
    field = (model, Field(alias=model.__name__))
    return create_model(f"Tagged{model.__name__}", __base__=_Tagged, value=field)


def _models(form: object) -> list[type[BaseModel]]:
    if get_origin(form) not in (Union, UnionType):
        return []
    return [member for member in get_args(form) if isinstance(member, type) and issubclass(member, BaseModel)]


def _overlap(first: type[BaseModel], second: type[BaseModel]) -> bool:
    fields, others = first.model_fields, second.model_fields
    common = fields.keys() & others.keys()
    required = {name for model in (fields, others) for name, field in model.items() if field.is_required()}
    return required <= common and not any(_differ(fields[name].annotation, others[name].annotation) for name in common)


def _differ(first: object, second: object) -> bool:
    if get_origin(first) is not Literal or get_origin(second) is not Literal:
        return False
    return not set(get_args(first)) & set(get_args(second))
