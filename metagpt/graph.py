"""The team as a graph: who can hear what, how fan-outs nest, and everything that is wrong with it.

All of it is read off handler signatures before a token is spent. `flow` follows every message type from the start
through the handlers, together with the stack of fan-outs it is inside of; findings and the runtime's gather table come
from that one walk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metagpt.handler import HandlerSpec
from metagpt.message import Message, tag_of

if TYPE_CHECKING:
    import networkx

__all__ = ["Flow", "Handler", "Stack", "findings", "flow", "to_networkx"]

Stack = tuple[str, ...]
"""Keys of the handlers whose fan-outs a message is inside of, outermost first."""


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
    reached: set[str] = field(default_factory=set)
    """Keys of the handlers that can run."""
    gathers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """For each fan-out (its handler's key) the gather handlers that fire when it is complete."""


def related(said: type[Message], heard: type[Message]) -> bool:
    """Whether a message published as `said` can turn out to be a `heard`."""
    return issubclass(said, heard) or issubclass(heard, said)


def _stacks_of(slot: Iterable[type[Message]], found: Flow) -> set[Stack]:
    return {stack for said, stacks in found.stacks.items() if any(related(said, heard) for heard in slot) for stack in stacks}


def flow(handlers: Sequence[Handler], start: type[Message]) -> Flow:
    """Follow the messages from `start` until nothing new is reached."""
    found = Flow()
    found.stacks[start].add(())
    by_heard: dict[type[Message], list[Handler]] = defaultdict(list)
    for handler in handlers:
        for slot in handler.spec.hears:
            for heard in slot:
                by_heard[heard].append(handler)
    queue: list[type[Message]] = [start]
    while queue:
        said = queue.pop()
        hearers = {h.key: h for heard, hs in by_heard.items() if related(said, heard) for h in hs}
        for handler in hearers.values():
            for stack in _activations(handler, found):
                found.reached.add(handler.key)
                queue += _publish(handler, stack, found)
    return found


def _activations(handler: Handler, found: Flow) -> set[Stack]:
    """The stacks in which the handler can run; for a gather, those of the fan-outs' parents."""
    slots = [_stacks_of(slot, found) for slot in handler.spec.hears]
    if handler.spec.kind == "one":
        return slots[0]
    if handler.spec.kind == "gather":
        inside = {stack for stack in slots[0] if stack}
        for stack in inside:
            found.gathers[stack[-1]].add(handler.key)
        return {stack[:-1] for stack in inside}
    keep = handler.spec.keep
    deep = set.intersection(*(stacks for index, stacks in enumerate(slots) if index != keep))
    if keep is None:
        return deep
    return {stack for stack in deep if any(stack[: len(kept)] == kept for kept in slots[keep])}


def _publish(handler: Handler, stack: Stack, found: Flow) -> list[type[Message]]:
    published = handler.spec.published
    inner = stack if handler.key in stack else (*stack, handler.key)  # a fan-out inside its own branches adds no new case
    fresh: list[type[Message]] = []
    for types, where in ((published.types, stack), (published.fanned, inner)):
        for said in types:
            if where not in found.stacks[said]:
                found.stacks[said].add(where)
                fresh.append(said)
    return fresh


def findings(
    handlers: Sequence[Handler], roles: Sequence[str], start: type[Message], final: Sequence[type[Message]], found: Flow
) -> list[str]:
    """Everything that keeps these roles from being a team, one sentence each, all at once."""
    return [
        *_same_names(roles),
        *_same_tags(handlers, start, final),
        *_unproduced(handlers, start, final),
        *_unheard(handlers, start, final),
        *_unreached(handlers, found),
        *_overlaps(handlers),
        *_cycles(handlers),
    ]


def _same_names(roles: Sequence[str]) -> list[str]:
    twice = sorted({name for name in roles if roles.count(name) > 1})
    return [f"role {name!r}: {roles.count(name)} roles have this name; names address roles. Pass name='...' to tell them apart." for name in twice]


def _said_types(handlers: Sequence[Handler], start: type[Message]) -> dict[type[Message], str]:
    said: dict[type[Message], str] = {start: "the start"}
    for handler in handlers:
        for cls in (*handler.spec.published.types, *handler.spec.published.fanned):
            said.setdefault(cls, handler.key)
    return said


def named_types(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> list[type[Message]]:
    """Every message type that the team's signatures name."""
    heard = [cls for handler in handlers for slot in handler.spec.hears for cls in slot]
    return list(dict.fromkeys([start, *final, *_said_types(handlers, start), *heard]))


def _same_tags(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> list[str]:
    by_tag: dict[str, list[type[Message]]] = defaultdict(list)
    for cls in named_types(handlers, start, final):
        by_tag[tag_of(cls)].append(cls)
    return [
        f"tag {tag!r}: shared by {' and '.join(f'{c.__module__}.{c.__qualname__}' for c in classes)}; a journal could not tell them"
        " apart. Set `type_name` on one of them."
        for tag, classes in by_tag.items()
        if len(classes) > 1
    ]


def _unproduced(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> list[str]:
    said = _said_types(handlers, start)
    lines = [
        f"{handler.key}: hears {heard.__name__}, which nobody produces. Return it from a handler, or remove it from @on."
        for handler in handlers
        for slot in handler.spec.hears
        for heard in slot
        if not any(related(cls, heard) for cls in said)
    ]
    return lines + [
        f"final {cls.__name__}: nobody produces it. Return it from a handler, or name another type."
        for cls in final
        if not any(related(cls, other) for other in said)
    ]


def _unheard(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> list[str]:
    heard = [cls for handler in handlers for slot in handler.spec.hears for cls in slot]
    return [
        f"{where}: says {cls.__name__}, which nobody hears and which is not final. Write a handler @on({cls.__name__}), or make it final."
        for cls, where in _said_types(handlers, start).items()
        if not any(related(cls, other) for other in [*heard, *final])
    ]


def _unreached(handlers: Sequence[Handler], found: Flow) -> list[str]:
    lines = []
    for handler in handlers:
        if handler.key in found.reached:
            continue
        slots = [_stacks_of(slot, found) for slot in handler.spec.hears]
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
        else:
            lines.append(f"{handler.key}: unreachable from the start. Have some handler on the way publish what it hears, or remove it.")
    return lines


def _overlaps(handlers: Sequence[Handler]) -> list[str]:
    lines = []
    by_role: dict[str, list[Handler]] = defaultdict(list)
    for handler in handlers:
        if handler.spec.kind != "gather":
            by_role[handler.role].append(handler)
    for mine in by_role.values():
        for index, first in enumerate(mine):
            for second in mine[index + 1 :]:
                shared = _shared_type(first.spec, second.spec)
                if shared and not (first.spec.when and second.spec.when):
                    lines.append(
                        f"{first.key} and {second.key}: both can hear {shared}, and not both have `when`. Say with `when` on both which takes it."
                    )
    return lines


def _shared_type(first: HandlerSpec, second: HandlerSpec) -> str | None:
    for a in (cls for slot in first.hears for cls in slot):
        for b in (cls for slot in second.hears for cls in slot):
            if related(a, b):
                return a.__name__ if issubclass(a, b) else b.__name__
    return None


def _cycles(handlers: Sequence[Handler]) -> list[str]:
    """Cycles of handlers without a limit; handlers that have one are cut out first."""
    free = {h.key: h for h in handlers if h.spec.limit is None}
    heard_by: dict[type[Message], list[str]] = defaultdict(list)
    for handler in free.values():
        for slot in handler.spec.hears:
            for cls in slot:
                heard_by[cls].append(handler.key)
    nexts: dict[str, list[str]] = {}
    hearers: dict[type[Message], list[str]] = {}
    for key, handler in free.items():
        following: dict[str, None] = {}
        for said in (*handler.spec.published.types, *handler.spec.published.fanned):
            if said not in hearers:
                hearers[said] = [k for heard, keys in heard_by.items() if related(said, heard) for k in keys]
            following.update(dict.fromkeys(hearers[said]))
        nexts[key] = list(following)
    return [
        f"cycle {' -> '.join([*cycle, cycle[0]])}: runs for ever, as none of its handlers has a limit. Write @on(..., limit=N) on one of them."
        for cycle in _find_cycles(nexts)
    ]


def _find_cycles(nexts: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """One cycle through each back edge of a depth-first walk (iterative: teams may be deep)."""
    cycles: list[list[str]] = []
    done: set[str] = set()
    for root in nexts:
        path: list[str] = []
        on_path: set[str] = set()
        stack = [(root, iter(nexts[root]))] if root not in done else []
        if stack:
            path.append(root)
            on_path.add(root)
        while stack:
            node, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                path.pop()
                on_path.discard(node)
                done.add(node)
            elif step in on_path:
                cycles.append(path[path.index(step) :])
            elif step not in done:
                stack.append((step, iter(nexts[step])))
                path.append(step)
                on_path.add(step)
    return cycles


def to_networkx(handlers: Sequence[Handler], start: type[Message], final: Sequence[type[Message]]) -> networkx.DiGraph[str]:
    """The team as a bipartite digraph: message nodes (`kind="message"`) and handler nodes (`kind="handler"`)."""
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for cls in named_types(handlers, start, final):
        graph.add_node(tag_of(cls), kind="message", start=cls is start, final=any(issubclass(cls, f) for f in final))
    for handler in handlers:
        graph.add_node(handler.key, kind="handler", role=handler.role, form=handler.spec.kind)
        for slot in handler.spec.hears:
            for heard in slot:
                for said in named_types(handlers, start, final):
                    if issubclass(said, heard):
                        graph.add_edge(tag_of(said), handler.key)
        published = handler.spec.published
        for cls in published.types:
            graph.add_edge(handler.key, tag_of(cls), fan_out=False)
        for cls in published.fanned:
            graph.add_edge(handler.key, tag_of(cls), fan_out=True)
    return graph
