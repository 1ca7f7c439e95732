"""The team as a graph: who can hear what, how fan-outs nest, and everything that is wrong with it.

All of it is read off handler signatures before a token is spent. `flow` follows every message type from the start
through the handlers, together with the stack of fan-outs it is inside of; findings and the runtime's gather table come
from that one walk. Every step looks only at what it touches, so that a team of a thousand roles is made in a moment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from metagpt.handler import HandlerSpec
from metagpt.message import USER, Message, tag_of

if TYPE_CHECKING:
    import networkx

__all__ = ["Flow", "Handler", "Level", "Stack", "findings", "flow", "named_types", "to_networkx"]

V = TypeVar("V")


class Level(NamedTuple):
    """One fan-out that a message is inside of."""

    fan_out: str
    """Key of the handler that returned the list."""
    item: type[Message]
    """What the branch was opened with: items of different types never share a branch."""


Stack = tuple[Level, ...]
"""The fan-outs that a message is inside of, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One handler of one role of the team."""

    key: str
    """`role.handler`, unique in a team."""
    role: str
    spec: HandlerSpec


@dataclass(slots=True)
class Flow:
    """Where each message type can be, and what that lets run."""

    stacks: dict[type[Message], set[Stack]] = field(default_factory=lambda: defaultdict(set))
    """Every type that can be published, with the fan-out stacks it can be published in."""
    slots: list[tuple[set[Stack], ...]] = field(default_factory=list)
    """For each handler, in the team's order, the stacks in which each of its slots can be filled."""
    reached: set[str] = field(default_factory=set)
    """Keys of the handlers that can run."""
    gathers: Mapping[str, set[str]] = field(default_factory=dict)
    """For each fan-out (its handler's key) the gather handlers that fire when it is complete."""


class _Related(Generic[V]):
    """Values by message type, found again by every type of which one object could be both."""

    def __init__(self) -> None:
        self._at: dict[type, list[V]] = defaultdict(list)
        self._at_or_below: dict[type, list[V]] = defaultdict(list)

    def add(self, cls: type[Message], value: V) -> None:
        self._at[cls].append(value)
        for base in cls.__mro__:
            self._at_or_below[base].append(value)

    def of(self, cls: type[Message]) -> Iterator[V]:
        """Values of the type itself, its subclasses and its bases."""
        yield from self._at_or_below.get(cls, ())
        for base in cls.__mro__[1:]:
            yield from self._at.get(base, ())

    def has(self, cls: type[Message]) -> bool:
        """Whether `of` finds any."""
        return next(self.of(cls), None) is not None


def flow(handlers: Sequence[Handler], start: type[Message]) -> Flow:
    """Follow the messages from `start` until nothing new is reached."""
    found = Flow(slots=[tuple(set() for _ in handler.spec.hears) for handler in handlers])
    hearers = _Related[tuple[int, int]]()
    for number, handler in enumerate(handlers):
        for slot, heard in _heard_types(handler):
            hearers.add(heard, (number, slot))
    ran: list[set[Stack]] = [set() for _ in handlers]
    queue: list[tuple[type[Message], Stack]] = [(start, ())]
    while queue:
        said, stack = queue.pop()
        if stack in found.stacks[said]:
            continue
        found.stacks[said].add(stack)
        for number, slot in hearers.of(said):
            if stack in found.slots[number][slot]:
                continue
            found.slots[number][slot].add(stack)
            for fresh in _activations(handlers[number], found.slots[number], slot, stack) - ran[number]:
                ran[number].add(fresh)
                queue += _published(handlers[number], fresh)
    found.reached = {handler.key for handler, stacks in zip(handlers, ran, strict=True) if stacks}
    found.gathers = _gathers(handlers, found)
    return found


def _gathers(handlers: Sequence[Handler], found: Flow) -> dict[str, set[str]]:
    gathers: dict[str, set[str]] = defaultdict(set)
    for handler, slots in zip(handlers, found.slots, strict=True):
        if handler.spec.kind == "gather":
            for stack in filter(None, slots[0]):
                gathers[stack[-1].fan_out].add(handler.key)
    return gathers


def _heard_types(handler: Handler) -> Iterator[tuple[int, type[Message]]]:
    """(slot, type) of everything that the handler hears."""
    for slot, heard in enumerate(handler.spec.hears):
        for cls in heard:
            yield slot, cls


def _said_by(handler: Handler) -> tuple[type[Message], ...]:
    return (*handler.spec.published.types, *handler.spec.published.fanned)


def _activations(handler: Handler, slots: tuple[set[Stack], ...], slot: int, stack: Stack) -> set[Stack]:
    """The stacks in which the handler can run now that `slot` can be filled in `stack`; for a gather, the parent's."""
    if handler.spec.kind == "one":
        return {stack}
    if handler.spec.kind == "gather":
        return {stack[:-1]} if stack else set()
    keep = handler.spec.keep
    others = [stacks for index, stacks in enumerate(slots) if index != keep]
    if slot == keep:
        return {deep for deep in set.intersection(*others) if deep[: len(stack)] == stack}
    if not all(stack in other for other in others):
        return set()
    if keep is not None and not any(stack[:depth] in slots[keep] for depth in range(len(stack) + 1)):
        return set()
    return {stack}


def _published(handler: Handler, stack: Stack) -> Iterator[tuple[type[Message], Stack]]:
    for said in handler.spec.published.types:
        yield said, stack
    for said in handler.spec.published.fanned:
        yield said, _inside(stack, Level(handler.key, said))


def _inside(stack: Stack, level: Level) -> Stack:
    """The stack one level deeper. Of recursive fan-outs, one repetition stands for all deeper ones."""
    keys = [each.fan_out for each in stack]
    if level.fan_out in keys and len(set(keys)) < len(keys):
        last = len(keys) - 1 - keys[::-1].index(level.fan_out)
        return (*stack[:last], level)
    return (*stack, level)


def findings(
    handlers: Sequence[Handler], roles: Sequence[str], start: type[Message], final: Sequence[type[Message]], found: Flow
) -> list[str]:
    """Everything that keeps these roles from being a team, one sentence each, all at once."""
    said, named = _said_types(handlers, start), named_types(handlers, start, final)
    saying, hearing, finals = _Related[str](), _Related[Handler](), _Related[str]()
    for cls, where in said.items():
        saying.add(cls, where)
    for handler in handlers:
        for _, cls in _heard_types(handler):
            hearing.add(cls, handler)
    for cls in final:
        finals.add(cls, cls.__name__)
    return [
        *_role_names(roles),
        *_same_tags(named),
        *_unproduced(handlers, final, saying),
        *_unheard(said, hearing, finals, found),
        *_unreached(handlers, found, saying),
        *_overlaps(handlers, named),
        *_cycles(handlers),
    ]


def _role_names(roles: Sequence[str]) -> list[str]:
    lines = []
    for name, count in Counter(roles).items():
        if count > 1:
            lines.append(f"role {name!r}: {count} roles have this name; names address roles. Pass name='...' to tell them apart.")
        if name == USER:
            lines.append(f"role {name!r}: this is the name of whoever starts the run. Pass another name='...'.")
        elif not name or not name.isprintable() or any(sign in name for sign in " .#="):
            lines.append(f"role {name!r}: calls are known as 'role.handler#2'; a name holds no space, '.', '#' or '='. Pass name='...'.")
    return lines


def _said_types(handlers: Sequence[Handler], start: type[Message]) -> dict[type[Message], str]:
    said: dict[type[Message], str] = {start: "the start"}
    for handler in handlers:
        for cls in _said_by(handler):
            said.setdefault(cls, handler.key)
    return said


def named_types(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> list[type[Message]]:
    """Every message type that the team's signatures name."""
    heard = [cls for handler in handlers for _, cls in _heard_types(handler)]
    return list(dict.fromkeys([start, *final, *_said_types(handlers, start), *heard]))


def _same_tags(named: Sequence[type[Message]]) -> list[str]:
    by_tag: dict[str, list[type[Message]]] = defaultdict(list)
    for cls in named:
        by_tag[tag_of(cls)].append(cls)
    return [
        f"tag {tag!r}: shared by {' and '.join(f'{c.__module__}.{c.__qualname__}' for c in classes)}; a journal could not tell them"
        " apart. Set `type_name` on one of them."
        for tag, classes in by_tag.items()
        if len(classes) > 1
    ]


def _unproduced(handlers: Sequence[Handler], final: Sequence[type[Message]], saying: _Related[str]) -> list[str]:
    lines = [
        f"{handler.key}: hears {heard.__name__}, which nobody produces. Return it from a handler, or remove it from @on."
        for handler in handlers
        for _, heard in _heard_types(handler)
        if not saying.has(heard)
    ]
    return lines + [
        f"final {cls.__name__}: nobody produces it. Return it from a handler, or name another type." for cls in final if not saying.has(cls)
    ]


def _unheard(said: Mapping[type[Message], str], hearing: _Related[Handler], finals: _Related[str], found: Flow) -> list[str]:
    lines = []
    for cls, where in said.items():
        if finals.has(cls):
            continue
        first = next(hearing.of(cls), None)
        if first is None:
            lines.append(
                f"{where}: says {cls.__name__}, which nobody hears and which is not final."
                f" Write a handler @on({cls.__name__}), or make it final."
            )
        elif () in found.stacks.get(cls, ()) and all(h.spec.kind == "gather" and h.key in found.reached for h in hearing.of(cls)):
            lines.append(
                f"{first.key}: gathers {cls.__name__}, which can also be said outside every fan-out, where nobody hears it."
                f" Write a handler @on({cls.__name__}) too, or make it final."
            )
    return lines


def _unreached(handlers: Sequence[Handler], found: Flow, saying: _Related[str]) -> list[str]:
    lines = []
    for handler, slots in zip(handlers, found.slots, strict=True):
        if handler.key in found.reached:
            continue
        if handler.spec.kind == "join" and all(slots):
            lines.append(
                f"{handler.key}: this join can never complete; its parts are never published in the same fan-out branch."
                " Gather the fan-out first, or keep the part from outside it."
            )
        elif handler.spec.kind == "gather" and slots[0]:
            lines.append(
                f"{handler.key}: gathers {handler.spec.hears[0][0].__name__}, but no fan-out is above it."
                " Return list[...] from a handler upstream, or hear the messages one by one."
            )
        elif all(any(saying.has(cls) for cls in slot) for slot in handler.spec.hears):  # else said above: nobody produces it
            lines.append(f"{handler.key}: unreachable from the start. Have some handler on the way publish what it hears, or remove it.")
    return lines


def _overlaps(handlers: Sequence[Handler], named: Sequence[type[Message]]) -> list[str]:
    """Two handlers of one role, both for single messages or both for gathered ones, that can hear one type."""
    mixed = [cls for cls in named if len(cls.__bases__) > 1]
    by_role: dict[tuple[str, bool], list[Handler]] = defaultdict(list)
    for handler in handlers:
        by_role[handler.role, handler.spec.kind == "gather"].append(handler)
    lines = []
    for first, second in (pair for mine in by_role.values() for pair in combinations(mine, 2)):
        shared = None if first.spec.when and second.spec.when else _shared_type(first, second, mixed)
        if shared:
            lines.append(
                f"{first.key} and {second.key}: both can hear {shared}, and not both have `when`. Say with `when` on both which takes it."
            )
    return lines


def _shared_type(first: Handler, second: Handler, mixed: Sequence[type[Message]]) -> str | None:
    for _, a in _heard_types(first):
        for _, b in _heard_types(second):
            if a in b.__mro__ or b in a.__mro__:
                return a.__name__ if b in a.__mro__ else b.__name__
            for cls in mixed:
                if a in cls.__mro__ and b in cls.__mro__:
                    return cls.__name__
    return None


Node = str | type[Message]
"""A handler by its key, or a type that is heard."""


def _cycles(handlers: Sequence[Handler]) -> list[str]:
    """Cycles of handlers without a limit; handlers that have one are cut out first.

    A cycle with a gather in it and no fan-out ends by itself: each round is one fan-out further out.
    """
    free = [handler for handler in handlers if handler.spec.limit is None]
    nexts: dict[Node, list[Node]] = defaultdict(list)
    gathering = {handler.key for handler in free if handler.spec.kind == "gather"}
    fanning = {handler.key for handler in free if handler.spec.published.fanned}
    heard = _Related[type[Message]]()
    for handler in free:
        for _, cls in _heard_types(handler):
            if cls not in nexts:
                heard.add(cls, cls)
            nexts[cls].append(handler.key)
    for handler in free:
        nexts[handler.key] += dict.fromkeys(cls for said in _said_by(handler) for cls in heard.of(said))
    return [
        f"cycle {' -> '.join([*cycle, cycle[0]])}: runs for ever, as none of its handlers has a limit."
        " Write @on(..., limit=N) on one of them."
        for cycle in dict.fromkeys(_find_cycles(nexts))
        if not gathering.intersection(cycle) or fanning.intersection(cycle)
    ]


def _find_cycles(nexts: Mapping[Node, Sequence[Node]]) -> Iterator[tuple[str, ...]]:
    """The handlers of one cycle through each back edge of a depth-first walk (iterative: teams may be deep)."""
    done: set[Node] = set()
    for root in nexts:
        if root in done:
            continue
        path: dict[Node, Iterator[Node]] = {root: iter(nexts[root])}
        while path:
            node, following = next(reversed(path.items()))
            step = next(following, None)
            if step is None:
                del path[node]
                done.add(node)
            elif step in path:
                nodes = list(path)
                yield tuple(each for each in nodes[nodes.index(step) :] if isinstance(each, str))
            elif step not in done:
                path[step] = iter(nexts[step])


def to_networkx(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> networkx.DiGraph[str]:
    """The team as a bipartite digraph: message nodes (`kind="message"`) and handler nodes (`kind="handler"`)."""
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    hearers: dict[type, list[str]] = defaultdict(list)
    for handler in handlers:
        graph.add_node(handler.key, kind="handler", role=handler.role, form=handler.spec.kind)
        for _, heard in _heard_types(handler):
            hearers[heard].append(handler.key)
    for cls in named_types(handlers, start, final):
        graph.add_node(tag_of(cls), kind="message", start=cls is start, final=any(issubclass(cls, f) for f in final))
        graph.add_edges_from((tag_of(cls), key) for base in cls.__mro__ for key in hearers.get(base, ()))
    for handler in handlers:
        for said in handler.spec.published.types:
            graph.add_edge(handler.key, tag_of(said), fan_out=False)
        for said in handler.spec.published.fanned:
            graph.add_edge(handler.key, tag_of(said), fan_out=True)
    return graph
