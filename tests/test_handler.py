# mypy: disable-error-code="empty-body"
"""`@on`: what each form is read as, and every wrong signature refused when the class is made."""

import importlib.util
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from types import ModuleType
from typing import Any, Optional, TypeAlias, Union

import pytest
from typing_extensions import TypeAliasType

from metagpt import Message, RetryPolicy, Role, on
from metagpt.errors import HandlerSignatureError
from metagpt.handler import HandlerSpec, Published


class A(Message):
    pass


class SubA(A):
    pass


class B(Message):
    pass


class C(Message):
    pass


AOrB: TypeAlias = A | B
Lazy = TypeAliasType("Lazy", A | B)


def spec_of(role: type[Role[Any]]) -> HandlerSpec:
    (spec,) = role.handlers.values()
    return spec


def make(*heard: Any, annotations: dict[str, Any], method: Callable[..., Any] | None = None, **keywords: Any) -> HandlerSpec:
    """A role class whose one handler, `hear`, has these annotations."""
    if method is None:

        async def method(*arguments: Any) -> Any: ...

        names = ["self", *(name for name in annotations if name != "return")]
        method.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])  # type: ignore[attr-defined]
    method.__annotations__ = annotations
    return spec_of(type("Listener", (Role,), {"hear": on(*heard, **keywords)(method)}))


# right forms


def test_one_type() -> None:
    class Listener(Role):
        @on(A)
        async def hear(self, a: A) -> B: ...

    spec = spec_of(Listener)
    assert (spec.name, spec.kind, spec.hears) == ("hear", "one", ((A,),))
    assert spec.published == Published(types=(B,))


@pytest.mark.parametrize("form", [A | B, Union[A, B], AOrB, Lazy])  # noqa: UP007
def test_either_of_two_types(form: Any) -> None:
    spec = make(form, annotations={"message": form, "return": None})
    assert (spec.kind, spec.hears) == ("one", ((A, B),))
    assert spec.published == Published(nothing=True)


def test_a_join_of_two_and_of_three() -> None:
    class Listener(Role):
        @on(A, B)
        async def two(self, a: A, b: B) -> C: ...

        @on(A, B, C, keep=B)
        async def three(self, a: A, b: B, c: C) -> None: ...

    two, three = Listener.handlers["two"], Listener.handlers["three"]
    assert (two.kind, two.hears, two.keep) == ("join", ((A,), (B,)), None)
    assert (three.kind, three.keep) == ("join", 1)


def test_a_join_may_have_alternatives_in_a_slot_and_keep_one_of_them() -> None:
    assert make(A | B, C, annotations={"x": A | B, "c": C, "return": None}, keep=B).keep == 0
    assert make(A | B, C, annotations={"x": A | B, "c": C, "return": None}, keep=A | B).keep == 0


@pytest.mark.parametrize(
    "form",
    [list[A], Sequence[A], Iterable[A], list, list[Message], list[A] | None, Any, Optional[list[A]], typing.List[A]],  # noqa: UP006, UP045 - old spellings are what is tested
)  # noqa: UP006, UP045
def test_a_gather_takes_a_list_or_what_is_wider(form: Any) -> None:
    spec = make(list[A], annotations={"items": form, "return": B})
    assert (spec.kind, spec.hears) == ("gather", ((A,),))


def test_a_gather_of_alternatives() -> None:
    assert make(list[A | B], annotations={"items": list[A | B], "return": C}).hears == ((A, B),)


@pytest.mark.parametrize("form", [A, Message, A | B, Any, object, A | None])
def test_a_parameter_that_is_wider_than_on_is_accepted(form: Any) -> None:
    assert make(SubA, annotations={"message": form, "return": None}).hears == ((SubA,),)


@pytest.mark.parametrize(
    ("form", "published"),
    [
        (B, Published(types=(B,))),
        (B | C, Published(types=(B, C))),
        (B | None, Published(types=(B,), nothing=True)),
        (None, Published(nothing=True)),
        (tuple[B, C], Published(types=(B, C), several=True)),
        (tuple[B, ...], Published(types=(B,), several=True)),
        (tuple[B, C | None], Published(types=(B, C), several=True)),
        (list[B], Published(fanned=(B,))),
        (list[B | C], Published(fanned=(B, C))),
        (list[B] | C | None, Published(types=(C,), fanned=(B,), nothing=True)),
        (Lazy, Published(types=(A, B))),
    ],
)
def test_what_is_published_is_read_off_the_return_annotation(form: Any, published: Published) -> None:
    assert make(A, annotations={"a": A, "return": form}).published == published


def test_all_keywords_are_kept() -> None:
    def is_fit(a: A) -> bool:
        return True

    policy = RetryPolicy(attempts=2)

    class Listener(Role):
        @on(A, when=is_fit, limit=3, concurrency=2, approve=True, retry=policy)
        async def hear(self, a: A) -> B: ...

    spec = spec_of(Listener)
    assert (spec.when, spec.limit, spec.concurrency, spec.approve, spec.retry) == (is_fit, 3, 2, True, policy)


def test_a_retry_policy_of_ones_own_is_enough() -> None:
    class Never:
        def delay_s(self, attempt: int, error: BaseException, *, seed: int) -> float | None:
            return None

    policy = Never()
    assert make(A, annotations={"a": A, "return": B}, retry=policy).retry is policy


@pytest.mark.parametrize("when", [lambda a: True, bool, lambda *a: True, lambda a, strict=False: True])
def test_a_predicate_that_can_take_the_arguments_is_accepted(when: Any) -> None:
    assert make(A, annotations={"a": A, "return": None}, when=when).when is when


def test_an_inherited_handler_belongs_to_the_subclass_too() -> None:
    class Listener(Role):
        @on(A)
        async def hear(self, a: A) -> B: ...

    class Louder(Listener):
        @on(C)
        async def hear_c(self, c: C) -> B: ...

    assert list(Louder.handlers) == ["hear", "hear_c"]
    assert list(Listener.handlers) == ["hear"]


def test_a_handler_of_a_mixin_that_is_no_role_counts() -> None:
    class Hearing:
        @on(A)
        async def hear(self, a: A) -> B: ...

    class Listener(Hearing, Role):
        pass

    assert spec_of(Listener).hears == ((A,),)


def test_an_override_replaces_the_handler_and_none_removes_it() -> None:
    class Listener(Role):
        @on(A)
        async def hear(self, a: A) -> B: ...

    class Other(Listener):
        @on(C)
        async def hear(self, c: C) -> B: ...  # type: ignore[override]

    class Deaf(Listener):
        hear = None  # type: ignore[assignment]

    assert spec_of(Other).hears == ((C,),)
    assert Deaf.handlers == {}


def test_an_override_without_on_is_refused() -> None:
    class Listener(Role):
        @on(A)
        async def hear(self, a: A) -> B: ...

    with pytest.raises(HandlerSignatureError, match=r"Deaf\.hear: .*without @on.*hear = None"):

        class Deaf(Listener):
            async def hear(self, a: A) -> B: ...


def test_classes_made_inside_a_function_work_where_annotations_are_not_text() -> None:
    class Inner(Message):
        pass

    class Listener(Role):
        @on(Inner)
        async def hear(self, inner: Inner) -> Inner | None: ...

    assert spec_of(Listener).published == Published(types=(Inner,), nothing=True)


# text annotations

FUTURE = """
from __future__ import annotations
from metagpt import Message, Role, on
class Note(Message):
    text: str
class Listener(Role):
    @on(Note)
    async def hear(self, note: Note) -> list[Note] | None: ...
"""


def module(folder: Path, source: str) -> ModuleType:
    file = folder / "made_by_test_handler.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_text_annotations_of_a_module_are_resolved(tmp_path: Path) -> None:
    made = module(tmp_path, FUTURE)
    assert spec_of(made.Listener).published.fanned == (made.Note,)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (FUTURE.replace("note: Note", "note: Nota"), "Nota"),
        (FUTURE.replace("list[Note] | None", "Nota"), "Nota"),
        (
            FUTURE.replace(
                "class Note(Message):\n    text: str", "def f():\n    class Note(Message):\n        text: str\n    return Note"
            ).replace("@on(Note)", "@on(f())"),
            "Note",
        ),
        (FUTURE.replace("note: Note", "note: Message.Nota"), "Nota"),
        (FUTURE.replace("note: Note", "note: 'not a type'"), "not a type"),
    ],
)
def test_text_that_names_nothing_is_refused_with_the_way_to_mend_it(source: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(HandlerSignatureError, match=r"Listener\.hear: .*module level") as caught:
        module(tmp_path, source)
    assert name in str(caught.value)


# wrong signatures: (what @on gets, annotations, words of the error)

WRONG_TYPES = [
    ((A,), {"a": B, "return": None}, ["a: B", "(A)", "`a: A`"]),
    ((A,), {"a": SubA, "return": None}, ["a: SubA", "(A)", "`a: A`"]),
    ((A | B,), {"a": A, "return": None}, ["a: A", "(A | B)", "`a: A | B`"]),
    ((A,), {"a": list[A], "return": None}, ["a: list", "`a: A`"]),
    ((A, B), {"a": A, "b": A, "return": None}, ["b: A", "`b: B`"]),
    ((list[A],), {"a": A, "return": None}, ["a: A", "`a: list[A]`"]),
    ((list[A],), {"a": list[B], "return": None}, ["list", "`a: list[A]`"]),
    ((list[A],), {"a": dict[str, A], "return": None}, ["dict", "`a: list[A]`"]),
    ((A,), {"a": A, "return": Message}, ["`-> Message`", "`-> Draft`"]),
    ((A,), {"a": A, "return": list[Message]}, ["`-> Message`"]),
    ((A,), {"a": A, "return": A | Message}, ["`-> Message`"]),
    ((A,), {"a": A, "return": str}, ["str", "return annotation"]),
    ((A,), {"a": A, "return": Any}, ["Any", "return annotation"]),
    ((A,), {"a": A, "return": list}, ["list", "return annotation"]),
    ((A,), {"a": A, "return": list[A | None]}, ["NoneType", "return annotation"]),
    ((A,), {"a": A, "return": tuple[A, list[B]]}, ["list", "return annotation"]),
    ((A,), {"a": A, "return": dict[str, A]}, ["dict", "return annotation"]),
    ((str,), {"a": str, "return": None}, ["str", "@on", "metagpt.Message"]),
    ((A | None,), {"a": A | None, "return": None}, ["NoneType", "@on"]),
    ((list[str],), {"a": list[str], "return": None}, ["str", "@on(list[...])"]),
    ((list,), {"a": list, "return": None}, ["list", "@on"]),
    (("A",), {"a": A, "return": None}, ["'A'", "@on"]),
    ((), {"a": A, "return": None}, ["0 types", "one to three"]),
    ((A, B, C, A), {"a": A, "b": B, "c": C, "d": A, "return": None}, ["4 types", "one to three"]),
    ((A, A), {"a": A, "b": A, "return": None}, ["join of A and A"]),
    ((A, SubA), {"a": A, "b": SubA, "return": None}, ["join of A and SubA"]),
    ((SubA | B, A), {"a": SubA | B, "b": A, "return": None}, ["join of SubA | B and A"]),
    ((A, list[B]), {"a": A, "b": list[B], "return": None}, ["list", "@on"]),
    ((A,), {"a": A, "b": B, "return": None}, ["2 parameter(s)", "'a', 'b'", "1 type(s)"]),
    ((A, B), {"a": A, "return": None}, ["1 parameter(s)", "2 type(s)"]),
    ((A,), {"return": None}, ["0 parameter(s)"]),
]


@pytest.mark.parametrize(("heard", "annotations", "words"), WRONG_TYPES)
def test_a_wrong_signature_is_refused_with_method_annotation_and_mend(heard: Any, annotations: Any, words: list[str]) -> None:
    with pytest.raises(HandlerSignatureError, match=r"^Listener\.hear: found ") as caught:
        make(*heard, annotations=annotations)
    for word in words:
        assert word in str(caught.value)


WRONG_KEYWORDS = [
    ({"keep": C}, ["keep=C", "A, B"]),
    ({"keep": "A"}, ["keep='A'", "A, B"]),
    ({"limit": 0}, ["limit=0", "1 or more"]),
    ({"limit": -1}, ["limit=-1"]),
    ({"limit": True}, ["limit=True"]),
    ({"limit": "3"}, ["limit='3'"]),
    ({"concurrency": 0}, ["concurrency=0"]),
    ({"retry": -1}, ["retry=-1"]),
    ({"retry": "twice"}, ["retry='twice'"]),
    ({"when": True}, ["when=True"]),
    ({"when": lambda a: True}, ["2 argument(s)", "lambda a, b"]),
    ({"when": lambda a, b, c: True}, ["2 argument(s)"]),
]


@pytest.mark.parametrize(("keywords", "words"), WRONG_KEYWORDS)
def test_a_wrong_keyword_is_refused(keywords: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(HandlerSignatureError, match=r"^Listener\.hear: found ") as caught:
        make(A, B, annotations={"a": A, "b": B, "return": None}, **keywords)
    for word in words:
        assert word in str(caught.value)


def test_keep_outside_of_a_join_is_refused() -> None:
    with pytest.raises(HandlerSignatureError, match=r"keep=A; expected one of the joined types"):
        make(A, annotations={"a": A, "return": None}, keep=A)


def test_a_predicate_that_is_async_is_refused_for_it_would_always_be_true() -> None:
    async def never(a: A) -> bool:
        return False

    with pytest.raises(HandlerSignatureError, match="expected a plain function"):
        make(A, annotations={"a": A, "return": None}, when=never)


def test_a_forgotten_async_is_refused() -> None:
    with pytest.raises(HandlerSignatureError, match=r"Listener\.hear: .*Write `async def hear"):

        class Listener(Role):
            @on(A)  # type: ignore[arg-type]
            def hear(self, a: A) -> B: ...


def test_an_async_generator_is_refused() -> None:
    with pytest.raises(HandlerSignatureError, match=r"Listener\.hear: .*without `yield`"):

        class Listener(Role):
            @on(A)
            async def hear(self, a: A) -> Any:
                yield B()


@pytest.mark.parametrize("wrapper", [staticmethod, classmethod])
def test_a_static_or_class_method_is_refused(wrapper: Any) -> None:
    async def hear(self: Any, a: A) -> None: ...

    with pytest.raises(HandlerSignatureError, match=rf"Listener\.hear: found a {wrapper.__name__}"):
        type("Listener", (Role,), {"hear": on(A)(wrapper(hear))})


def test_missing_annotations_are_refused_by_name() -> None:
    with pytest.raises(HandlerSignatureError, match=r"no annotation on parameter 'a'.*`a: A`"):
        make(A, annotations={"return": None}, method=_bare())
    with pytest.raises(HandlerSignatureError, match=r"no annotation on parameter 'a'.*`a: list\[A\]`"):
        make(list[A], annotations={"return": None}, method=_bare())
    with pytest.raises(HandlerSignatureError, match=r"no return annotation.*`-> None`"):
        make(A, annotations={"a": A}, method=_bare())


def _bare() -> Any:
    async def hear(self, a): ...  # type: ignore[no-untyped-def]

    return hear


def test_parameters_that_are_not_passed_by_position_are_refused() -> None:
    async def keyword(self: Any, *, a: A) -> None: ...
    async def starred(self: Any, *a: A) -> None: ...
    async def defaulted(self: Any, a: A, b: int = 1) -> None: ...
    async def selfless(a: A) -> None: ...

    method: Any
    for method, words in ((keyword, "by position"), (starred, "by position"), (defaulted, "2 parameter"), (selfless, "0 parameter")):
        with pytest.raises(HandlerSignatureError, match=words):
            type("Listener", (Role,), {"hear": on(A)(method)})


def test_on_without_brackets_is_refused_at_once() -> None:
    with pytest.raises(HandlerSignatureError, match=r"hear: found @on without a message"):

        class Listener(Role):
            @on  # type: ignore[call-overload]
            async def hear(self, a: A) -> None: ...


def test_on_written_twice_is_refused_at_once() -> None:
    with pytest.raises(HandlerSignatureError, match=r"Listener\.hear: found @on twice"):

        class Listener(Role):
            @on(A)
            @on(A)
            async def hear(self, a: A) -> None: ...
