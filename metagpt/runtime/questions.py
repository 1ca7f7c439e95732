"""Questions to a person: asked once, answered by whoever resumes the run, in this process or another one."""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypeForm

from metagpt.errors import ActionError, ConfigError, InvalidReplyError
from metagpt.graph import Handler
from metagpt.message import Message, tag_of
from metagpt.runtime.identity import derived_id
from metagpt.runtime.ticks import Answer, Answered, Approve, Edit, EditArguments, Pending, Reject, WaitLimit

if TYPE_CHECKING:
    from metagpt.models.structured import OutputType
    from metagpt.runtime.execution import Execution

__all__ = ["arguments_of", "ask_person", "limited", "overdue", "read_answer", "unfit_defaults", "union_of"]

T = TypeVar("T")


def ask_person(
    execution: Execution,
    form: TypeForm[T],
    text: str,
    *,
    limit: WaitLimit | None = None,
    about: Sequence[Message] = (),
    scope: str = "",
) -> T:
    """A person's answer of that form; an answer that does not fit is asked for again, with what is wrong with it.

    Args:
        execution: The attempt that asks.
        form: A Message, any type pydantic validates, or `str`.
        text: The question.
        limit: How long the person may take; the team's limit if left out.
        about: The messages that the question is about.
        scope: What in the handler asks, where that may be left out of a replay.

    Raises:
        ActionError: the person would not answer.
        ConfigError: the limit's default is no answer of that form.
        Suspended: nobody has answered yet.
    """
    from metagpt.models.structured import output_type

    output, members = output_type(form), _messages_in(form)
    _check_default(execution, output, members, limit)
    question = Pending(
        id="",
        kind="question",
        role=execution.role,
        handler=execution.handler,
        text=text,
        invocation=execution.invocation.id,
        about=tuple(about),
        forms=tuple(tag_of(cls) for cls in members),
        schema=output.schema,
    )
    key = derived_id("question", scope, text, to_json(output.schema).decode())
    numbered = (execution.invocation.id, key, str(execution.next_nth(key)))
    problem, attempt = "", 0
    while True:
        identity = derived_id(*numbered, str(attempt))
        answer = execution.answer_to(identity)
        if answer is None:
            execution.suspend(replace(question, id=identity, text=f"{text}\n{problem}" if problem else text), limit)
        if isinstance(answer, Reject):
            raise ActionError(
                f"{execution.handler}: a person did not answer {text!r} ({answer.note!r}); expected an answer."
                " Catch ActionError to go on without.",
                role=execution.role,
                handler=execution.handler,
                message=execution.message_tag,
            )
        try:
            return _read(answer, output, members)
        except InvalidReplyError as error:
            problem, attempt = str(error), attempt + 1


def _check_default(execution: Execution, output: OutputType[T], members: Sequence[type[Message]], limit: WaitLimit | None) -> None:
    if limit is None or isinstance(limit.default, Reject):
        return
    try:
        _read(limit.default, output, members)
    except InvalidReplyError as error:
        raise ConfigError(
            f"{execution.handler}: found WaitLimit(default={limit.default!r}) for a question that {output.name} answers ({error});"
            " expected such an answer, or Reject(note). Change the default."
        ) from error


def _read(answer: Answer, output: OutputType[T], members: Sequence[type[Message]]) -> T:
    match answer:
        case Edit(message):
            return output.parse(output.encode(message))  # type: ignore[arg-type]  # whether it fits is what parse says
        case str():
            return read_answer(answer, output, members)
        case _:
            raise InvalidReplyError(f"Found {answer!r}; expected an answer that is {output.name!r}.")


def read_answer(text: str, output: OutputType[T], members: Sequence[type[Message]] = ()) -> T:
    """What a person wrote, as the answer's type: JSON, or plain text where a single text is all there is to say.

    Raises:
        InvalidReplyError: it does not fit; the error says why.
    """
    try:
        return output.parse(text)
    except InvalidReplyError as refusal:
        fields = list(members[0].model_fields.items()) if len(members) == 1 else []
        if len(fields) == 1 and fields[0][1].annotation is str and not text.lstrip().startswith("{"):
            try:
                return output.parse(output.encode(members[0](**{fields[0][0]: text})))  # type: ignore[arg-type]  # as above
            except ValidationError as error:
                raise InvalidReplyError("; ".join(each["msg"] for each in error.errors())) from error
        raise InvalidReplyError(str(refusal)) from refusal


def union_of(members: Sequence[type[Message]]) -> OutputType[Any]:  # Any: one of the members
    """The output type of a message, or of a union of them."""
    from metagpt.models.structured import output_type

    form: Any = members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 - from a tuple
    return output_type(form)


def _messages_in(form: Any) -> tuple[type[Message], ...]:  # Any: any type
    """The message types that the form is a union of; empty if it is anything else."""
    members = get_args(form) if get_origin(form) in (Union, types.UnionType) else (form,)
    if all(isinstance(member, type) and issubclass(member, Message) for member in members):
        return tuple(members)
    return ()


def limited(pending: Pending, limit: WaitLimit | None, now: float, *, is_risky: bool = False) -> Pending:
    """The question with the time that it waits at most.

    A team's Approve() answers no question, and nothing that may have happened already: there it is a refusal.
    """
    if limit is None:
        return pending
    default = limit.default
    if isinstance(default, Approve) and (is_risky or pending.kind == "question"):
        default = Reject("nobody answered in time")
    return replace(pending, until=now + limit.seconds, default=default)


def overdue(pending: Pending, now: float) -> Answered:
    """What counts in the place of a person who took too long."""
    assert pending.default is not None, "a limit has a default"
    return Answered(now, pending.id, pending.default, pending.role, by_default=True, settles=True)


def unfit_defaults(handlers: Iterable[Handler]) -> list[str]:
    """Findings about handlers whose output waits for a limited time, with a default that they could not publish."""
    found = []
    for handler in handlers:
        default, said = getattr(handler.spec.approve, "default", None), handler.spec.published
        messages = (default.message, *default.more) if isinstance(default, Edit) else ()
        if isinstance(default, EditArguments) or not all(isinstance(message, (*said.types, *said.fanned)) for message in messages):
            names = " or ".join(cls.__name__ for cls in (*said.types, *said.fanned))
            found.append(f"{handler.key}: approve= with {default!r} as the default; expected Approve(), Reject(note) or Edit({names}).")
    return found


def arguments_of(answer: EditArguments) -> dict[str, Any]:  # Any: JSON
    """The arguments that a person wrote.

    Raises:
        ValueError: they are no JSON object.
    """
    found = from_json(answer.arguments)
    if not isinstance(found, dict):
        raise ValueError(f"found {answer.arguments!r}; expected a JSON object")  # noqa: TRY004 - wrong text, of the right type
    return found
