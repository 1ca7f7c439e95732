"""Programs put together from a table's code."""

import pytest

from metagpt.models.local.phrases import Phrase
from metagpt.models.local.programs import Programs, StepCode, accepts, compose, step_pattern

EVEN = Phrase(
    step="keep the even numbers", takes="list[int]", gives="list[int]", name="evens", wordings=(), slots={}, code="[n for n in {x} if n % 2 == 0]"
)  # fmt: skip
MEAN = Phrase(
    step="find the mean", takes="list[float]", gives="float", name="mean", wordings=(), slots={},
    code="statistics.fmean({x} or [0])", imports=("import statistics",),
)  # fmt: skip
JOIN = Phrase(
    step='join the words with {sep}', takes="list[str]", gives="str", name="joined", wordings=(), slots={"sep": ('" "', '"-"')},
    code="_joined({x})", helper="def _joined(words: list[str]) -> str:\n    return {sep}.join(words)",
)  # fmt: skip
COUNT = Phrase(step="count them", takes="list[str]", gives="int", name="count", wordings=(), slots={}, code="len({x})")
COUNT_NUMBERS = Phrase(step="count them", takes="list[int]", gives="int", name="count", wordings=(), slots={}, code="sum(1 for _ in {x})")
NO_CODE = Phrase(step="wait", takes="list[int]", gives="list[int]", name="wait", wordings=(), slots={})
PROGRAMS = Programs([EVEN, MEAN, JOIN, COUNT, COUNT_NUMBERS, NO_CODE])


def test_steps_follow_each_other_each_by_its_name() -> None:
    again = StepCode(name="evens", expression="{x}[1:]")
    even = StepCode(name="evens", expression="[n for n in {x} if n % 2 == 0]")
    assert compose("evens(numbers: list[int]) -> list[int]", [even, again, again]) == (
        "def evens(numbers: list[int]) -> list[int]:\n"
        "    evens_again = [n for n in numbers if n % 2 == 0]\n"
        "    evens_again_again = evens_again[1:]\n"
        "    return evens_again_again[1:]\n"
    )


def test_a_spec_becomes_a_program_with_what_its_steps_need() -> None:
    assert PROGRAMS.draft("keep the even numbers; find the mean", "middle(xs: list[int]) -> float") == (
        "import statistics\n\n\ndef middle(xs: list[int]) -> float:\n    evens = [n for n in xs if n % 2 == 0]\n"
        "    return statistics.fmean(evens or [0])\n"
    )  # fmt: skip
    assert PROGRAMS.draft('join the words with "+"', "j(words: list[str]) -> str") == (
        'def _joined(words: list[str]) -> str:\n    return "+".join(words)\n\n\ndef j(words: list[str]) -> str:\n    return _joined(words)\n'
    )  # fmt: skip


def test_of_steps_of_one_wording_the_one_is_taken_that_fits_the_type() -> None:
    for takes, code in (("list[str]", "len(values)"), ("list[int]", "sum(1 for _ in values)")):
        program = PROGRAMS.draft("count them", f"count_all(values: {takes}) -> int")
        assert program is not None
        assert code in program


@pytest.mark.parametrize(
    ("summary", "signature"),
    [
        ("keep the odd numbers", "f(xs: list[int]) -> list[int]"),
        ("wait", "f(xs: list[int]) -> list[int]"),
        ("find the mean; keep the even numbers", "f(xs: list[int]) -> list[int]"),
        ("keep the even numbers", "f(xs: list[str]) -> list[int]"),
        ("keep the even numbers", "f(xs: list[int], n: int) -> list[int]"),
        ("keep the even numbers", "f(): import os"),
        ("", "f(xs: list[int]) -> list[int]"),
        ('join the words with "a"; "b"', "f(words: list[str]) -> str"),
        ('join the words with "a".join(1) + "b"', "f(words: list[str]) -> str"),
    ],
)
def test_what_the_table_cannot_make_is_left_out(summary: str, signature: str) -> None:
    assert PROGRAMS.draft(summary, signature) is None


def test_a_slot_that_comes_twice_has_one_value() -> None:
    pattern = step_pattern("add {n}, then {n} again", {"n": ("1", "2.5")})
    assert pattern.fullmatch("add 7, then 7 again")
    assert not pattern.fullmatch("add 7, then 8 again")
    assert not pattern.fullmatch("add x, then x again")


def test_whole_numbers_do_for_decimal_ones_and_not_the_other_way_round() -> None:
    assert accepts("list[float]", "list[int]")
    assert not accepts("int", "float")
