"""Answers as text: `--answer ID=…` flags, and what a person edits before they agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metagpt.cli.wording import plainly
from metagpt.errors import ConfigError, did_you_mean
from metagpt.message import Message, tag_of
from metagpt.runtime.questions import arguments_of
from metagpt.runtime.ticks import Answer, Approve, Edit, EditArguments, Pending, Reject

__all__ = ["changed", "editable", "read_answers"]


def editable(pending: Pending) -> str:
    """What is proposed as JSON text, to be edited: a message, a list of `{"Type": {…}}` for several, or an action's arguments."""
    if pending.kind == "action":
        return json.dumps(json.loads(pending.arguments or "{}"), indent=2, ensure_ascii=False)
    if len(pending.proposed) == 1:
        return pending.proposed[0].model_dump_json(indent=2)
    listed = [{tag_of(type(message)): message.model_dump(mode="json")} for message in pending.proposed]
    return json.dumps(listed, indent=2, ensure_ascii=False)


def changed(pending: Pending, text: str) -> Edit | EditArguments:
    """The edited text as an answer.

    Raises:
        ConfigError: it does not fit what was proposed; the error says why.
    """
    try:
        if pending.kind == "action":
            answer = EditArguments(text)
            arguments_of(answer)
            return answer
        if len(pending.proposed) == 1:
            return Edit(type(pending.proposed[0]).model_validate_json(text))
        first, *more = _listed(pending, text)
        return Edit(first, tuple(more))
    except ValueError as error:  # a ValidationError is one
        raise ConfigError(f"edit: found text that does not fit ({plainly(error)}); expected it as it was proposed. Mend it.") from error


def _listed(pending: Pending, text: str) -> list[Message]:
    types = {tag_of(type(message)): type(message) for message in pending.proposed}
    items: Any = json.loads(text)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) and len(item) == 1 for item in items):
        raise ValueError('found no list of {"Type": {…}}')
    messages = []
    for item in items:
        ((tag, body),) = item.items()
        if tag not in types:
            raise ValueError(f"found type {tag!r}. {did_you_mean(tag, types)}")
        messages.append(types[tag].model_validate_json(json.dumps(body)))
    return messages


def read_answers(given: Sequence[str], pending: Sequence[Pending]) -> dict[str, Answer]:
    """`--answer ID=approve|reject:NOTE|edit:JSON|edit:@FILE|TEXT` texts as answers.

    Raises:
        ConfigError: a text without an id, an id that is not pending, or an answer that its question does not take.
    """
    known = {each.id: each for each in pending}
    answers: dict[str, Answer] = {}
    for text in given:
        identity, equals, answer = text.partition("=")
        if not equals:
            raise ConfigError(f"--answer: found {text!r}; expected ID=approve, ID=reject:NOTE or ID=TEXT. Write the question's id first.")
        if identity not in known:
            raise ConfigError(f"--answer: found id {identity!r}; expected something the run waits for. {did_you_mean(identity, known)}")
        answers[identity] = _answer(known[identity], answer)
    return answers


def _answer(pending: Pending, text: str) -> Answer:
    word, _, rest = text.partition(":")
    if pending.kind == "question":
        if pending.schema is None:  # any text is an answer
            return text
        return Reject(rest) if word == "reject" else _text_of(rest) if word == "edit" else text
    if text == "approve":
        return Approve()
    if word == "reject":
        return Reject(rest)
    if word == "edit":
        try:
            return changed(pending, _text_of(rest))
        except ConfigError as error:
            raise ConfigError(f"--answer: {error}") from error
    if pending.kind == "action":
        return text
    raise ConfigError(
        f"--answer: found {text!r} for {pending.id!r}; expected approve, reject:NOTE or edit:JSON. Write reject: before a note."
    )


def _text_of(rest: str) -> str:
    """The text itself, or of the file that `@FILE` names."""
    if not rest.startswith("@"):
        return rest
    try:
        return Path(rest[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--answer: found {rest!r}, which cannot be read ({error}); expected a text file. Name another.") from error
