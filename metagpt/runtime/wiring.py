"""The tables a team is run by, made once when the team is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metagpt.graph import Flow, Handler
from metagpt.message import Message, tag_of

__all__ = ["Route", "Wiring"]


@dataclass(frozen=True, slots=True)
class Route:
    """What can hear one concrete message type."""

    singles: tuple[Handler, ...]
    joins: tuple[Handler, ...]
    gathers: tuple[Handler, ...]
    is_final: bool
    unconditional: tuple[str, ...] | None
    """Keys of those that take every message of the type that has no address; None where it depends on the message."""


@dataclass(slots=True)
class Wiring:
    """Handlers, routes, lanes and gathers of a team."""

    handlers: Mapping[str, Handler]
    final: tuple[type[Message], ...]
    gathers: Mapping[str, tuple[Handler, ...]]
    """The gather handlers of each fan-out handler's key."""
    lanes: Mapping[str, int]
    """The queue each handler's invocations wait in: its role's, or one of its own where it has `concurrency`."""
    lane_widths: tuple[int, ...]
    """How many of a lane's invocations may run at once."""
    roles: tuple[str, ...]
    types: Mapping[str, type[Message]] | None = None
    """Every message class that a journal of the team can hold, by tag; None: not checked."""
    _routes: dict[type[Message], Route] = field(default_factory=dict)

    @classmethod
    def of(
        cls, handlers: Sequence[Handler], final: Sequence[type[Message]], found: Flow, types: Mapping[str, type[Message]] | None = None
    ) -> Wiring:
        """Lay the tables out."""
        by_key = {handler.key: handler for handler in handlers}
        lanes: dict[str, int] = {}
        widths: list[int] = []
        numbers: dict[str, int] = {}
        for handler in handlers:
            own = handler.spec.concurrency
            lane = handler.key if own else handler.role
            if lane not in numbers:
                numbers[lane] = len(widths)
                widths.append(own or 1)
            lanes[handler.key] = numbers[lane]
        gathers = {key: tuple(by_key[g] for g in by_key if g in keys) for key, keys in found.gathers.items()}
        return cls(
            handlers=by_key,
            final=tuple(final),
            gathers=gathers,
            lanes=lanes,
            lane_widths=tuple(widths),
            roles=tuple(dict.fromkeys(handler.role for handler in handlers)),
            types=types,
        )

    def route(self, cls: type[Message]) -> Route:
        """What can hear messages of exactly this class.

        Raises:
            TypeError: a journal could not tell the class from others.
        """
        route = self._routes.get(cls)
        if route is None:
            self._check_tag(cls)
            hearers = [h for h in self.handlers.values() if any(issubclass(cls, heard) for slot in h.spec.hears for heard in slot)]
            singles = tuple(h for h in hearers if h.spec.kind == "one")
            joins = tuple(h for h in hearers if h.spec.kind == "join")
            gathers = tuple(h for h in hearers if h.spec.kind == "gather")
            depends = gathers or any(h.spec.when is not None for h in singles)
            route = self._routes[cls] = Route(
                singles=singles,
                joins=joins,
                gathers=gathers,
                is_final=bool(self.final) and issubclass(cls, self.final),
                unconditional=None if depends else tuple(h.key for h in (*singles, *joins)),
            )
        return route

    def _check_tag(self, cls: type[Message]) -> None:
        known = cls if self.types is None else self.types.get(tag_of(cls))
        if known is not cls:
            found = "no class" if known is None else f"{known.__module__}.{known.__qualname__}"
            raise TypeError(
                f"{cls.__module__}.{cls.__qualname__}: found {found} under the tag {tag_of(cls)!r} when the team was made;"
                " expected this class."
                " Define it before the team is made, and give it a tag of its own (`type_name`)."
            )
