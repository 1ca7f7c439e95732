"""Handlers of a file: what they hear and say, the prompt between, and the coroutine that is made of it."""

from __future__ import annotations

import inspect
import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from metagpt.errors import HandlerSignatureError, did_you_mean
from metagpt.from_file.messages import MessageTypes
from metagpt.from_file.section import Section
from metagpt.from_file.signatures import Hears, Says, read_hears, read_says
from metagpt.from_file.template_names import template_faults
from metagpt.from_file.type_texts import TypeTextError
from metagpt.handler import handlers_of, on
from metagpt.message import Message, reply, to
from metagpt.models.interface import ModelOptions
from metagpt.runtime.data_templates import DataCondition, DataTemplate, TemplateFaultError
from metagpt.runtime.ticks import Approve, Reject, WaitLimit

__all__ = ["SENDER", "HandlerPlan", "read_condition", "read_handler"]

SENDER = "sender"
"""In `to`: whoever said what is being heard."""

T = TypeVar("T", DataTemplate, DataCondition)

_SIGNATURE = ("hears", "says", "prompt")
_OPTIONS = ("temperature", "top_p", "max_tokens", "seed", "stop", "max_rounds")
_LIMIT = '{ seconds = 3600, default = "approve" }'
_KEYS = (*_SIGNATURE, "when", "limit", "keep", "concurrency", "approve", "retry", "tools", "to", *_OPTIONS)


@dataclass(frozen=True, kw_only=True)
class HandlerPlan:
    """One handler, read and checked."""

    name: str
    hears: Hears
    says: Says
    prompt: DataTemplate
    place: str
    """`FILE:LINE`."""
    when: DataCondition | None = None
    to: tuple[str, ...] = ()
    tools: bool | tuple[str, ...] = False
    """Whether the model is offered the role's actions, or the names of some of them."""
    options: ModelOptions = ModelOptions(n=1)
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Of `@on`: limit, keep, concurrency, approve, retry."""

    def make(self) -> Any:  # Any: a handler, as a class body has it
        """The coroutine function, marked with `@on`."""
        plan = self

        async def handle(self: Any, *heard: Any) -> Any:
            offered = None if plan.tools is False else plan.offered(self.actions)
            answers = await self._ask_all(plan.says.form, plan.prompt, offered, plan.options, None, plan.hears.context(heard))
            return plan.addressed(answers[0])

        parameters = [f"heard_{number}" for number, _ in enumerate(self.hears.slots)]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        forms = self.hears.forms
        signature = inspect.Signature([inspect.Parameter(name, kind) for name in ("self", *parameters)])
        handle.__signature__ = signature  # type: ignore[attr-defined]  # what `inspect.signature` reads first
        handle.__annotations__ = {**dict(zip(parameters, forms, strict=True)), "return": self.says.form}
        handle.__name__, handle.__qualname__ = self.name, self.name
        handle.__doc__ = f"Heard by {self.place}."
        mark: Any = on  # Any: the overloads want types that are known before the program runs
        return mark(*forms, when=self._when(), **self.keywords)(handle)

    def _when(self) -> Any:
        condition = self.when
        return None if condition is None else lambda *heard: condition.holds(self.hears.context(heard))

    def offered(self, actions: Sequence[Any]) -> Sequence[Any]:  # Any: actions
        """Those of the role's actions that the model may call."""
        names = self.tools
        return actions if isinstance(names, bool) else [action for action in actions if action.name in names]

    def addressed(self, answer: Any) -> Any:  # Any: a message, a list of them, or None
        """The answer on its way to those whom the file names."""
        if not self.to or answer is None:
            return answer
        if isinstance(answer, list):
            return [self.addressed(each) for each in answer]
        return reply(answer) if self.to == (SENDER,) else to(answer, *self.to)


def read_handler(name: str, body: Section, types: MessageTypes, *, taken: type) -> HandlerPlan | None:
    """The handler of a table; None where findings were added.

    Args:
        name: Its name.
        body: Its table.
        types: The message types that it may name.
        taken: The class whose attributes it may not hide.
    """
    before = len(body.findings.lines)
    body.only(*_KEYS)
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        body.wrong(None, f"found a handler {name!r}; expected a verb such as review (a heading is `name: Hears -> Says`). Rename it.")
    elif hasattr(taken, name):
        body.wrong(None, f"found a handler {name!r}, which is the name of something that every role has. Choose another.")
    for key in _SIGNATURE:
        if key not in body.table:
            body.wrong(None, f'found no {key!r}; expected what the handler hears, says, and asks its model. Add {key} = "…".')
    hears, says = _hears(body, types), _says(body, types)
    names = hears.names if hears else None
    prompt = _template(body, "prompt", DataTemplate, names)
    when = read_condition(body, "when", names)
    keywords, tools = _keywords(body, hears), _tools(body)
    options, addressed = _options(body), body.texts("to") or ()
    if hears is None or says is None or prompt is None or len(body.findings.lines) > before:
        return None
    plan = HandlerPlan(
        name=name, hears=hears, says=says, prompt=prompt, when=when, place=body.place(), options=options,
        to=addressed, tools=tools, keywords=keywords,
    )  # fmt: skip
    try:
        handlers_of(type("Wired", (), {name: plan.make()}))
    except HandlerSignatureError as error:
        body.wrong(None, str(error).removeprefix(f"Wired.{name}: "))
        return None
    return plan


def _hears(body: Section, types: MessageTypes) -> Hears | None:
    given = body.texts("hears")
    try:
        return read_hears(", ".join(given), types.look_up) if given else None
    except TypeTextError as error:
        body.told("hears", error)
        return None


def _says(body: Section, types: MessageTypes) -> Says | None:
    given = body.text("says")
    try:
        return read_says(given, types.look_up) if given else None
    except TypeTextError as error:
        body.told("says", error)
        return None


def read_condition(body: Section, key: str, names: Mapping[str, tuple[type[Message], ...]] | None) -> DataCondition | None:
    """A condition over these names."""
    return _template(body, key, DataCondition, names)


def _template(body: Section, key: str, kind: type[T], names: Mapping[str, tuple[type[Message], ...]] | None) -> T | None:
    text = body.text(key)
    if text is None:
        return None
    try:
        found = kind(text, body.source.place((*body.path, key), 1))
    except TemplateFaultError as error:
        body.wrong(key, f"found a {key} that cannot be read ({error}); expected Jinja text. Mend it.", row=error.row)
        return None
    if names is not None:
        for row, fault in template_faults(found.tree, names):
            body.wrong(key, fault, row=row)
    return found


def _keywords(body: Section, hears: Hears | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "limit": body.whole("limit"),
        "concurrency": body.whole("concurrency"),
        "approve": _approve(body),
        "retry": body.whole("retry", 0),
    }
    kept = body.text("keep")
    if kept is not None and hears is not None:
        types = {cls.__name__: cls for slot in hears.slots for cls in slot}
        if kept not in types or len(hears.slots) < 2:
            body.wrong("keep", f"found keep = {kept!r}; expected one of the joined types. {did_you_mean(kept, types)}")
        else:
            found["keep"] = types[kept]
    return found


def _approve(body: Section) -> bool | WaitLimit:
    """Whether a person must agree, or how long that may take and what counts then."""
    given = body.table.get("approve", False)
    if isinstance(given, bool):
        return given
    if not isinstance(given, dict):
        body.wrong("approve", f"found approve = {given!r}; expected true, or {_LIMIT}. Change it, or leave it out.")
        return False
    limit = body.section("approve")
    limit.only("seconds", "default")
    seconds, default = limit.number("seconds"), limit.text("default")
    word, _, note = (default or "reject: nobody answered in time").partition(":")
    if "seconds" not in given or (seconds is not None and not 0 < seconds < math.inf):
        limit.wrong("seconds", f"found seconds = {given.get('seconds')!r}; expected more than 0, as in {_LIMIT}. Say how long it waits.")
    elif default is not None and (word.strip() not in ("approve", "reject") or (word.strip() == "approve" and note)):
        limit.wrong("default", f'found default = {default!r}; expected "approve" or "reject: NOTE". Write one of them.')
    elif seconds is not None:
        return WaitLimit(seconds=seconds, default=Approve() if word.strip() == "approve" else Reject(note.strip()))
    return True


def _tools(body: Section) -> bool | tuple[str, ...]:
    return body.truth("tools") if isinstance(body.table.get("tools", False), bool) else body.texts("tools") or ()


def _options(body: Section) -> ModelOptions:
    top_p = body.number("top_p")
    if top_p is not None and top_p > 1:
        body.wrong("top_p", f"found top_p = {top_p!r}; expected 0 to 1. Change it, or leave it out.")
    return ModelOptions(
        temperature=body.number("temperature"),
        top_p=top_p,
        max_tokens=body.whole("max_tokens"),
        stop=body.texts("stop") or (),
        seed=body.whole("seed", 0),
        n=1,
        max_rounds=body.whole("max_rounds") or ModelOptions().max_rounds,
    )
