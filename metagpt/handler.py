"""`@on`: a handler's signature is its subscription, read once when the role's class is made."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, overload

from typing_extensions import TypeAliasType

from metagpt.errors import HandlerSignatureError
from metagpt.message import Message

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["HandlerSpec", "Published", "handlers_of", "on"]

Reply = Message | Sequence[Message] | None
A = TypeVar("A", bound=Message)
B = TypeVar("B", bound=Message)
C = TypeVar("C", bound=Message)
X = TypeVar("X")
Y = TypeVar("Y")
Z = TypeVar("Z")
R = TypeVar("R")
Out = TypeVar("Out", bound=Reply)

Slot = tuple[type[Message], ...]


class Patience(Protocol):
    """A value that says how long a person may take to agree: `metagpt.WaitLimit`."""

    @property
    def seconds(self) -> float: ...

    @property
    def default(self) -> Any: ...  # Any: an answer, which the runtime knows


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
    approve: bool | Patience = False
    retry: int | Retry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subscription:
    """The arguments of `@on`, kept on the method until its class is made."""

    heard: tuple[object, ...]
    when: Callable[..., bool] | None
    limit: int | None
    keep: object
    concurrency: int | None
    approve: bool | Patience
    retry: int | Retry | None


class _One(Protocol[X]):
    def __call__(self, method: Callable[[R, X], Coroutine[Any, Any, Out]], /) -> Callable[[R, X], Coroutine[Any, Any, Out]]: ...


class _Two(Protocol[X, Y]):
    def __call__(self, method: Callable[[R, X, Y], Coroutine[Any, Any, Out]], /) -> Callable[[R, X, Y], Coroutine[Any, Any, Out]]: ...


class _Three(Protocol[X, Y, Z]):
    def __call__(self, method: Callable[[R, X, Y, Z], Coroutine[Any, Any, Out]], /) -> Callable[[R, X, Y, Z], Coroutine[Any, Any, Out]]: ...


@overload
def on(
    heard: type[list[A]],
    /,
    *,
    when: Callable[[list[A]], bool] | None = ...,
    limit: int | None = ...,
    concurrency: int | None = ...,
    approve: bool | Patience = ...,
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
    approve: bool | Patience = ...,
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
    approve: bool | Patience = ...,
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
    approve: bool | Patience = ...,
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
    approve: bool | Patience = ...,
    retry: int | Retry | None = ...,
) -> _Three[A, B, C]: ...
def on(
    *heard: Any,  # Any: the overloads above are the signature; this is what they share
    when: Callable[..., bool] | None = None,
    limit: int | None = None,
    keep: Any = None,
    concurrency: int | None = None,
    approve: bool | Patience = False,
    retry: int | Retry | None = None,
) -> Any:
    """Make an async method of a role a handler of the messages named.

    Args:
        heard: `A`; `A | B` (either); `A, B` or `A, B, C` (joins one of each); `list[A]` (gathers a fan-out).
        when: A predicate over the handler's arguments, evaluated once, when the message is published.
        limit: Most runs of this handler in one chain of causes, 1 or more.
        keep: In a join, the type whose message stays and joins every later partner.
        concurrency: Runs up to N messages at a time, outside the role's own one-at-a-time order.
        approve: A person must agree before the output is published; a `WaitLimit` says how long that may take.
        retry: Further attempts after a failure: their number, or a policy.

    Raises:
        HandlerSignatureError: `@on` stands without its brackets, or twice. Everything else is checked when the role's class is made.
    """
    if len(heard) == 1 and inspect.isroutine(heard[0]):
        name = getattr(heard[0], "__qualname__", repr(heard[0]))
        raise HandlerSignatureError(f"{name}: found @on without a message; expected @on(SomeMessage). Name what the handler hears.")
    subscription = _Subscription(heard=heard, when=when, limit=limit, keep=keep, concurrency=concurrency, approve=approve, retry=retry)

    def mark(method: Any) -> Any:
        if hasattr(method, "__metagpt_on__"):
            raise HandlerSignatureError(
                f"{method.__qualname__}: found @on twice; expected it once. Write @on(A | B) for either message, @on(A, B) for one of each."
            )
        method.__metagpt_on__ = subscription
        return method

    return mark


def handlers_of(cls: type) -> dict[str, HandlerSpec]:
    """The handlers of a role's class by name, inherited ones included.

    A subclass overrides a handler with another one, or removes it with `name = None`.

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
                if value is not None:
                    raise HandlerSignatureError(
                        f"{cls.__name__}.{name}: found a handler overridden without @on; expected @on(...) here too. Repeat it, or write"
                        f" `{name} = None` to remove the handler."
                    )
                del specs[name]
    return specs


def _read(owner: str, name: str, method: Any, subscription: _Subscription) -> HandlerSpec:
    if isinstance(method, staticmethod | classmethod):
        raise HandlerSignatureError(f"{owner}: found a {type(method).__name__}; expected a method. Write `async def {name}(self, ...)`.")
    if not inspect.iscoroutinefunction(method):
        raise HandlerSignatureError(
            f"{owner}: found no coroutine function; expected `async def` without `yield`. Write `async def {name}(...)`."
        )
    gather, slots = _heard(owner, subscription.heard)
    names = _parameters(owner, method, slots)
    hints = _hints(owner, method)
    for parameter, slot in zip(names, slots, strict=True):
        _check_parameter(owner, parameter, hints, slot, gather=gather)
    if "return" not in hints:
        raise HandlerSignatureError(
            f"{owner}: found no return annotation; expected the message(s) it says. Write `-> SomeMessage`, or `-> None` if it says"
            " nothing."
        )
    _check_keywords(owner, subscription, slots)
    return HandlerSpec(
        name=name,
        kind="gather" if gather else "join" if len(slots) > 1 else "one",
        hears=slots,
        published=_published(owner, hints["return"]),
        method=method,
        when=subscription.when,
        limit=subscription.limit,
        keep=_kept(owner, subscription.keep, slots),
        concurrency=subscription.concurrency,
        approve=subscription.approve,
        retry=subscription.retry,
    )


def _parameters(owner: str, method: Any, slots: tuple[Slot, ...]) -> list[str]:
    """Names of the parameters after self, one for each slot."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    if len(parameters) != len(slots):
        raise HandlerSignatureError(
            f"{owner}: found {len(parameters)} parameter(s) {[p.name for p in parameters]!r} after self; @on names {len(slots)} type(s)."
            " Take one parameter for each."
        )
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise HandlerSignatureError(
                f"{owner}: found parameter `{parameter}`; expected one that is passed by position. Write `{parameter.name}` without a star."
            )
    return [parameter.name for parameter in parameters]


def _check_keywords(owner: str, subscription: _Subscription, slots: tuple[Slot, ...]) -> None:
    for label in ("limit", "concurrency"):
        value = getattr(subscription, label)
        if value is not None and not _is_count(value, 1):
            raise HandlerSignatureError(
                f"{owner}: found {label}={value!r}; expected a whole number, 1 or more. Leave it out for no {label}."
            )
    approve = subscription.approve
    if not isinstance(approve, bool) and not (hasattr(approve, "seconds") and hasattr(approve, "default")):
        raise HandlerSignatureError(f"{owner}: found approve={approve!r}; expected True or a limit. Pass WaitLimit(seconds=3600).")
    retry = subscription.retry
    if retry is not None and not _is_count(retry, 0) and not hasattr(retry, "delay_s"):
        raise HandlerSignatureError(f"{owner}: found retry={retry!r}; expected a number, 0 or more, or a policy. Pass RetryPolicy(...).")
    when = subscription.when
    if when is None:
        return
    if not callable(when) or inspect.iscoroutinefunction(when):
        raise HandlerSignatureError(f"{owner}: found when={when!r}; expected a plain function. Pass a lambda, or `def`.")
    try:
        inspect.signature(when).bind(*slots)
    except TypeError as error:
        raise HandlerSignatureError(
            f"{owner}: found a when= that does not take {len(slots)} argument(s) ({error}); expected the handler's own parameters."
            f" Write `lambda {', '.join('abc'[: len(slots)])}: ...`."
        ) from error
    except ValueError:
        return  # built-in callables may have no signature to check


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _hints(owner: str, method: Any) -> dict[str, Any]:
    """Annotations as types, read with the function's own globals and closure."""
    closure = dict(_filled_cells(method))
    try:
        return typing.get_type_hints(method, localns=closure)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        name = getattr(error, "name", None) or str(error)
        raise HandlerSignatureError(
            f"{owner}: found the annotation {name!r} as text that names nothing the module holds; expected a class that can be looked up."
            " Define message classes at module level, above the role and outside `if TYPE_CHECKING`, or drop"
            " `from __future__ import annotations`."
        ) from error


def _members(form: Any) -> tuple[Any, ...]:  # Any: any annotation
    """The alternatives of a union, through aliases; of anything else the thing itself."""
    if isinstance(form, TypeAliasType):
        return _members(form.__value__)
    if get_origin(form) in (Union, types.UnionType):
        return tuple(member for part in get_args(form) for member in _members(part))
    return (form,)


def _filled_cells(method: Any) -> Iterator[tuple[str, Any]]:
    """What the method's closure holds so far: a name that is assigned further down is still empty."""
    for name, cell in zip(method.__code__.co_freevars, method.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


def _heard(owner: str, heard: tuple[object, ...]) -> tuple[bool, tuple[Slot, ...]]:
    if not 1 <= len(heard) <= 3:
        raise HandlerSignatureError(
            f"{owner}: found {len(heard)} types in @on; expected one to three. Name the messages this handler hears."
        )
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
    members = _members(form)
    for member in members:
        if not (isinstance(member, type) and issubclass(member, Message)):
            raise HandlerSignatureError(
                f"{owner}: found {_show(member)} in {where}; expected a Message class. Derive it from metagpt.Message."
            )
    return members


def _check_parameter(owner: str, parameter: str, hints: dict[str, Any], slot: Slot, *, gather: bool) -> None:
    form = f"list[{_names(slot)}]" if gather else _names(slot)
    if parameter not in hints:
        raise HandlerSignatureError(
            f"{owner}: found no annotation on parameter {parameter!r}; @on names {form}. Write `{parameter}: {form}`."
        )
    if not (_accepts_list(hints[parameter], slot) if gather else _accepts(hints[parameter], slot)):
        raise HandlerSignatureError(
            f"{owner}: found {parameter}: {_show(hints[parameter])}, which does not accept all that @on names ({form})."
            f" Make the two agree: `{parameter}: {form}`."
        )


def _accepts(form: Any, slot: Slot) -> bool:
    members = _members(form)
    if Any in members or object in members:
        return True
    return all(any(isinstance(member, type) and issubclass(heard, member) for member in members) for heard in slot)


def _accepts_list(form: Any, slot: Slot) -> bool:
    for member in _members(form):
        origin = get_origin(member) or member
        if member is Any or (isinstance(origin, type) and issubclass(list, origin)):
            items = get_args(member)
            if not items or _accepts(items[0], slot):
                return True
    return False


def _kept(owner: str, keep: object, slots: tuple[Slot, ...]) -> int | None:
    if keep is None:
        return None
    if len(slots) > 1:
        for index, slot in enumerate(slots):
            if keep in slot or _members(keep) == slot:
                return index
    raise HandlerSignatureError(
        f"{owner}: found keep={_show(keep)}; expected one of the joined types. Name one of {', '.join(map(_names, slots))} in a join."
    )


def _published(owner: str, form: object) -> Published:
    single: list[type[Message]] = []
    fanned: list[type[Message]] = []
    nothing = several = False
    for item in _members(form):
        if item is None or item is type(None):
            nothing = True
        elif get_origin(item) is list:
            fanned += _said(owner, get_args(item)[0])
        elif get_origin(item) is tuple:
            several = True
            parts = [member for part in get_args(item) if part is not Ellipsis for member in _members(part)]
            single += [cls for part in parts if part is not type(None) for cls in _said(owner, part)]
        else:
            single += _said(owner, item)
    return Published(types=tuple(dict.fromkeys(single)), fanned=tuple(dict.fromkeys(fanned)), nothing=nothing, several=several)


def _said(owner: str, form: object) -> Slot:
    members = _members(form)
    for member in members:
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
    return members


def _names(slot: Slot) -> str:
    return " | ".join(cls.__name__ for cls in slot)


def _show(form: object) -> str:
    return form.__name__ if isinstance(form, type) and not get_args(form) else repr(form)
