"""`@on`: a handler's signature is its subscription, read once when the role's class is made."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, overload

from metagpt.errors import HandlerSignatureError
from metagpt.message import Message

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["HandlerSpec", "Published", "handlers_of", "on"]

Reply = Message | Sequence[Message] | None
A = TypeVar("A", bound=Message)
B = TypeVar("B", bound=Message)
C = TypeVar("C", bound=Message)
A_in = TypeVar("A_in", contravariant=True)
B_in = TypeVar("B_in", contravariant=True)
C_in = TypeVar("C_in", contravariant=True)
R = TypeVar("R")
Out = TypeVar("Out", bound=Reply)

Slot = tuple[type[Message], ...]


class Retry(Protocol):
    """A value that says when to try a failed handler again: `metagpt.RetryPolicy`, or one of the user's own."""

    def delay_s(self, attempt: int, error: BaseException, *, seed: int) -> float | None:
        """Seconds before attempt + 1, or None to give up. Same arguments, same answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a handler may return, read off its return annotation."""

    types: Slot = ()
    """Types published one by one."""
    fanned: Slot = ()
    """Item types of a list: each item opens a branch."""
    nothing: bool = False
    """Whether None is a right answer."""
    several: bool = False
    """Whether a tuple publishes several messages at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerSpec:
    """One handler: what it hears, what it says and under which conditions it runs."""

    name: str
    kind: Literal["one", "join", "gather"]
    hears: tuple[Slot, ...]
    """One slot, or two or three for a join; a slot's types are alternatives."""
    published: Published
    method: Callable[..., Coroutine[Any, Any, Any]]  # Any: checked against `published` when it returns
    when: Callable[..., bool] | None = None
    limit: int | None = None
    keep: int | None = None
    """Index of the kept slot of a join."""
    concurrency: int | None = None
    approve: bool = False
    retry: int | Retry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subscription:
    """The arguments of `@on`, kept on the method until its class is made."""

    heard: tuple[object, ...]
    when: Callable[..., bool] | None
    limit: int | None
    keep: object
    concurrency: int | None
    approve: bool
    retry: int | Retry | None


class _One(Protocol[A_in]):
    def __call__(self, method: Callable[[R, A_in], Coroutine[Any, Any, Out]], /) -> Callable[[R, A_in], Coroutine[Any, Any, Out]]: ...


class _Two(Protocol[A_in, B_in]):
    def __call__(
        self, method: Callable[[R, A_in, B_in], Coroutine[Any, Any, Out]], /
    ) -> Callable[[R, A_in, B_in], Coroutine[Any, Any, Out]]: ...


class _Three(Protocol[A_in, B_in, C_in]):
    def __call__(
        self, method: Callable[[R, A_in, B_in, C_in], Coroutine[Any, Any, Out]], /
    ) -> Callable[[R, A_in, B_in, C_in], Coroutine[Any, Any, Out]]: ...


@overload
def on(
    heard: type[list[A]],
    /,
    *,
    when: Callable[[list[A]], bool] | None = ...,
    limit: int | None = ...,
    concurrency: int | None = ...,
    approve: bool = ...,
    retry: int | Retry | None = ...,
) -> _One[list[A]]: ...
@overload
def on(
    heard: type[A],
    /,
    *,
    when: Callable[[A], bool] | None = ...,
    limit: int | None = ...,
    concurrency: int | None = ...,
    approve: bool = ...,
    retry: int | Retry | None = ...,
) -> _One[A]: ...
@overload
def on(
    heard: TypeForm[A],
    /,
    *,
    when: Callable[[A], bool] | None = ...,
    limit: int | None = ...,
    concurrency: int | None = ...,
    approve: bool = ...,
    retry: int | Retry | None = ...,
) -> _One[A]: ...
@overload
def on(
    heard: type[A],
    second: type[B],
    /,
    *,
    when: Callable[[A, B], bool] | None = ...,
    limit: int | None = ...,
    keep: type[A] | type[B] | None = ...,
    concurrency: int | None = ...,
    approve: bool = ...,
    retry: int | Retry | None = ...,
) -> _Two[A, B]: ...
@overload
def on(
    heard: type[A],
    second: type[B],
    third: type[C],
    /,
    *,
    when: Callable[[A, B, C], bool] | None = ...,
    limit: int | None = ...,
    keep: type[A] | type[B] | type[C] | None = ...,
    concurrency: int | None = ...,
    approve: bool = ...,
    retry: int | Retry | None = ...,
) -> _Three[A, B, C]: ...
def on(
    *heard: Any,  # Any: the overloads above are the signature; this is what they share
    when: Callable[..., bool] | None = None,
    limit: int | None = None,
    keep: Any = None,
    concurrency: int | None = None,
    approve: bool = False,
    retry: int | Retry | None = None,
) -> Any:
    """Make an async method of a role a handler of the messages named.

    Args:
        heard: `A`; `A | B` (either); `A, B` or `A, B, C` (joins one of each); `list[A]` (gathers a fan-out).
        when: A predicate over the handler's arguments, evaluated once, when the message is published.
        limit: Most runs of this handler in one chain of causes, 1 or more.
        keep: In a join, the type whose message stays and joins every later partner.
        concurrency: Runs up to N messages at a time, outside the role's own one-at-a-time order.
        approve: A person must agree before the output is published.
        retry: Further attempts after a failure: their number, or a policy.

    Raises:
        HandlerSignatureError: an argument cannot be right whatever the method is. What depends on the method is
            checked when its class is made.
    """
    if not 1 <= len(heard) <= 3:
        raise HandlerSignatureError(f"@on: found {len(heard)} types; expected one to three. Name the messages this handler hears.")
    for label, value in (("limit", limit), ("concurrency", concurrency)):
        if value is not None and value < 1:
            raise HandlerSignatureError(f"@on: found {label}={value!r}; expected 1 or more. Leave it out for no {label}.")
    subscription = _Subscription(
        heard=heard, when=when, limit=limit, keep=keep, concurrency=concurrency, approve=approve, retry=retry
    )

    def mark(method: Any) -> Any:
        method.__metagpt_on__ = subscription
        return method

    return mark


def handlers_of(cls: type) -> dict[str, HandlerSpec]:
    """The handlers of a role's class by name, inherited ones included.

    Raises:
        HandlerSignatureError: a handler that cannot be wired; the error names method, annotation and mend.
    """
    specs: dict[str, HandlerSpec] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            subscription = getattr(value, "__metagpt_on__", None)
            if subscription is not None:
                specs[name] = _read(f"{cls.__name__}.{name}", name, value, subscription)
            elif name in specs:
                specs.pop(name)  # overridden by something that is no handler
    return specs


def _read(owner: str, name: str, method: Any, subscription: _Subscription) -> HandlerSpec:
    if not inspect.iscoroutinefunction(method):
        raise HandlerSignatureError(f"{owner}: found a plain method; expected `async def`. Write `async def {name}(...)`.")
    gather, slots = _heard(owner, subscription.heard)
    names = [p.name for p in list(inspect.signature(method).parameters.values())[1:]]
    if len(names) != len(slots):
        raise HandlerSignatureError(
            f"{owner}: found {len(names)} parameter(s) {names!r} after self; @on names {len(slots)} type(s). Take one parameter for each."
        )
    hints = _hints(owner, method)
    for parameter, slot in zip(names, slots, strict=True):
        _check_parameter(owner, parameter, hints, slot, gather=gather)
    if "return" not in hints:
        raise HandlerSignatureError(
            f"{owner}: found no return annotation; expected the message(s) it says. Write `-> SomeMessage`, or `-> None` if it says nothing."
        )
    kind: Literal["one", "join", "gather"] = "gather" if gather else "join" if len(slots) > 1 else "one"
    spec = HandlerSpec(
        name=name,
        kind=kind,
        hears=slots,
        published=_published(owner, hints["return"]),
        method=method,
        when=subscription.when,
        limit=subscription.limit,
        concurrency=subscription.concurrency,
        approve=subscription.approve,
        retry=subscription.retry,
    )
    return replace(spec, keep=_kept(owner, subscription.keep, slots))


def _hints(owner: str, method: Any) -> dict[str, Any]:
    """Annotations as types, read with the function's own globals and closure."""
    closure = inspect.getclosurevars(method).nonlocals if method.__closure__ else {}
    try:
        return typing.get_type_hints(method, localns=closure)
    except NameError as error:
        raise HandlerSignatureError(
            f"{owner}: found the annotation {error.name!r} as text that names nothing the module holds; expected a class that can be"
            " looked up. Define message classes at module level, above the role, or drop `from __future__ import annotations`."
        ) from error


def _heard(owner: str, heard: tuple[object, ...]) -> tuple[bool, tuple[Slot, ...]]:
    if len(heard) == 1 and get_origin(heard[0]) is list:
        return True, (_alternatives(owner, get_args(heard[0])[0], "@on(list[...])"),)
    slots = tuple(_alternatives(owner, item, "@on") for item in heard)
    for index, slot in enumerate(slots):
        for other in slots[index + 1 :]:
            if any(issubclass(a, b) or issubclass(b, a) for a in slot for b in other):
                raise HandlerSignatureError(
                    f"{owner}: found a join of {_names(slot)} and {_names(other)}; expected types of which none is the other or its"
                    " subclass. Wrap one of them in a message of its own."
                )
    return False, slots


def _alternatives(owner: str, form: object, where: str) -> Slot:
    members = get_args(form) if get_origin(form) in (Union, types.UnionType) else (form,)
    for member in members:
        if not (isinstance(member, type) and issubclass(member, Message)):
            raise HandlerSignatureError(
                f"{owner}: found {_show(member)} in {where}; expected a Message class. Derive it from metagpt.Message."
            )
    return tuple(members)


def _check_parameter(owner: str, parameter: str, hints: dict[str, Any], slot: Slot, *, gather: bool) -> None:
    if parameter not in hints:
        raise HandlerSignatureError(
            f"{owner}: found no annotation on parameter {parameter!r}; @on names {_names(slot)}. Write"
            f" `{parameter}: {'list[' + _names(slot) + ']' if gather else _names(slot)}`."
        )
    accepted = hints[parameter]
    if gather:
        if accepted in (Any, object, list):
            return
        if get_origin(accepted) is None or not issubclass(list, typing.cast("type", get_origin(accepted))):
            raise HandlerSignatureError(
                f"{owner}: found {parameter}: {_show(accepted)}; @on gathers list[{_names(slot)}]. Write `{parameter}: list[{_names(slot)}]`."
            )
        accepted = get_args(accepted)[0]
    if accepted in (Any, object):
        return
    members = get_args(accepted) if get_origin(accepted) in (Union, types.UnionType) else (accepted,)
    for heard in slot:
        if not any(isinstance(member, type) and issubclass(heard, member) for member in members):
            raise HandlerSignatureError(
                f"{owner}: found {parameter}: {_show(hints[parameter])}; @on names {_names(slot)}, which it does not accept."
                f" Make the two agree: `{parameter}: {_names(slot)}`."
            )


def _kept(owner: str, keep: object, slots: tuple[Slot, ...]) -> int | None:
    if keep is None:
        return None
    if len(slots) > 1:
        for index, slot in enumerate(slots):
            if keep in slot:
                return index
    raise HandlerSignatureError(
        f"{owner}: found keep={_show(keep)}; expected one of the joined types. Name one of {', '.join(map(_names, slots))} in a join."
    )


def _published(owner: str, form: object) -> Published:
    alternatives = get_args(form) if get_origin(form) in (Union, types.UnionType) else (form,)
    single: list[type[Message]] = []
    fanned: list[type[Message]] = []
    several = False
    for item in alternatives:
        if item is None or item is type(None):
            continue
        if get_origin(item) is list:
            fanned += _said(owner, get_args(item)[0])
        elif get_origin(item) is tuple:
            several = True
            for part in get_args(item):
                if part is not Ellipsis:
                    single += _said(owner, part)
        else:
            single += _said(owner, item)
    nothing = any(item is None or item is type(None) for item in alternatives)
    return Published(types=tuple(dict.fromkeys(single)), fanned=tuple(dict.fromkeys(fanned)), nothing=nothing, several=several)


def _said(owner: str, form: object) -> list[type[Message]]:
    members = get_args(form) if get_origin(form) in (Union, types.UnionType) else (form,)
    said: list[type[Message]] = []
    for member in members:
        if member is type(None):
            continue
        if member is Message:
            raise HandlerSignatureError(
                f"{owner}: found `-> Message`, which says nothing of what is published; expected the message classes. Write"
                " `-> Draft` or `-> Draft | Question`."
            )
        if not (isinstance(member, type) and issubclass(member, Message)):
            raise HandlerSignatureError(
                f"{owner}: found {_show(member)} in the return annotation; expected Message classes, a list or tuple of them, or None."
                " Derive it from metagpt.Message."
            )
        said.append(member)
    return said


def _names(slot: Slot) -> str:
    return " | ".join(cls.__name__ for cls in slot)


def _show(form: object) -> str:
    return form.__name__ if isinstance(form, type) and not get_args(form) else repr(form)
