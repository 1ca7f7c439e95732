"""Examples that stand in a goal, found by rules: many notations, many goals that hold none, and hostile text."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from metagpt.behaviour import same_value
from metagpt.roles.software.annotations import UnfitError, as_argument, as_result
from metagpt.roles.software.literals import read_literal
from metagpt.roles.software.messages import Specification
from metagpt.roles.software.product_manager import given_examples
from metagpt.roles.software.signatures import Signature, read_signature
from metagpt.roles.software.stated_examples import stated_examples

GOALS = Path(__file__).parents[2] / "metagpt" / "lab" / "embedded" / "goals" / "validation.jsonl"

TEXT, COUNT, TEST = "f(text: str) -> str", "f(text: str) -> int", "f(text: str) -> bool"
NUMBER, IS, NAME = "f(n: int) -> int", "f(n: int) -> bool", "f(n: int) -> str"
LIST, SUM, WORDS = "f(numbers: list[int]) -> list[int]", "f(numbers: list[int]) -> int", "f(words: list[str]) -> int"
GCD, TAKE = "gcd(a: int, b: int) -> int", "take(items: list[int], n: int) -> list[int]"
ANAGRAM, JOIN = "anagram(a: str, b: str) -> bool", "join(words: list[str], sep: str = ',') -> str"


def signature(text: str) -> Signature:
    found = read_signature(text)
    assert found is not None
    return found


def found(goal: str, *signatures: str) -> list[list[Any]]:
    return [list(example) for example in stated_examples(goal, [signature(text) for text in signatures])]


@pytest.mark.parametrize(
    ("function", "goal", "examples"),
    [
        # quotes of every style, escapes, code marks
        (TEXT, "'abc' -> 'cba'", [["abc", "cba"]]),
        (TEXT, 'flip it: "abc" becomes "cba".', [["abc", "cba"]]),
        (TEXT, "e.g. ‘abc’ → ‘cba’", [["abc", "cba"]]),
        (TEXT, "“Hello there” becomes “there Hello”", [["Hello there", "there Hello"]]),
        (TEXT, "e.g. «abc» => «cba»", [["abc", "cba"]]),
        (TEXT, "`abc` -> `cba`", [["abc", "cba"]]),
        (TEXT, "`'abc' -> 'cba'`", [["abc", "cba"]]),
        (NUMBER, "`f(5)` returns `25`", [[5, 25]]),
        (NUMBER, "```python\n>>> f(3)\n9\n```", [[3, 9]]),
        (COUNT, "'it\\'s' -> 4", [["it's", 4]]),
        (COUNT, "'don't stop' gives 2", [["don't stop", 2]]),
        (COUNT, "What's it? The dogs' bowl isn't easy, but 'a b' gives 2", [["a b", 2]]),
        (TEXT, "'''a\nb''' -> 'a b'", [["a\nb", "a b"]]),
        (COUNT, r"'milk\neggs' gives 2", [["milk\neggs", 2]]),
        # words between
        (NUMBER, "3 => 9", [[3, 9]]),
        (NUMBER, "Square it. 3 becomes 9.", [[3, 9]]),
        (IS, "For 7 the answer is True.", [[7, True]]),
        (NUMBER, "with 5 I expect 120", [[5, 120]]),
        (NUMBER, "Given 5, return 120.", [[5, 120]]),
        (NUMBER, "When the input is 5, the output should be 120.", [[5, 120]]),
        (NUMBER, "it works below n (n = 10 gives 23)", [[10, 23]]),
        (NUMBER, "So for 4 we get 24 and for 5 we get 120.", [[4, 24], [5, 120]]),
        (SUM, "So if the week was [90, 120] it should tell me 210.", [[[90, 120], 210]]),
        (SUM, "[1,2,3] comes to 6 thx", [[[1, 2, 3], 6]]),
        (SUM, "With [1, 2] that's 3, as 1 + 2 = 3", [[[1, 2], 3]]),
        (LIST, "[1, 2, 3, 4] ought to yield [2, 4]", [[[1, 2, 3, 4], [2, 4]]]),
        (LIST, "calling it with [1,2] returns [2,4]", [[[1, 2], [2, 4]]]),
        (LIST, "it turns [3,1,2] into [1,2,3]", [[[3, 1, 2], [1, 2, 3]]]),
        (TEXT, "So it should turn 'hello' into 'olleh'", [["hello", "olleh"]]),
        ("f(n: int) -> list[int]", "e.g. for 12 [1, 2, 3, 4, 6, 12]", [[12, [1, 2, 3, 4, 6, 12]]]),
        (LIST, "[3, 1] -> [1, 3], not [3, 1]", [[[3, 1], [1, 3]]]),
        # the result first
        (LIST, "For [3,1,2] I expect [1,2,3]", [[[3, 1, 2], [1, 2, 3]]]),
        (LIST, "It should return [1,2,3] when given [3,1,2]", [[[3, 1, 2], [1, 2, 3]]]),
        (SUM, "I expect 6 for [1,2,3]", [[[1, 2, 3], 6]]),
        (SUM, "It must return 6 for [1, 2, 3] and 0 for [5, -5].", [[[1, 2, 3], 6], [[5, -5], 0]]),
        # calls and sessions
        (NUMBER, "f(3) returns 9, f(4) returns 16, and f(5) returns 25", [[3, 9], [4, 16], [5, 25]]),
        (NUMBER, ">>> f(3)\n9\n>>> f(4)\n16", [[3, 9], [4, 16]]),
        (NUMBER, "assert f(3) == 9\nassert f(4) == 16", [[3, 9], [4, 16]]),
        (TEST, "assert f('level') is True", [["level", True]]),
        (NUMBER, "self.assertEqual(f(3), 9)", [[3, 9]]),
        (NUMBER, "print(f(3))  # 9", [[3, 9]]),
        (NUMBER, "square(3) = 9", [[3, 9]]),
        ("g(n: int) -> int", "g(3) = 9, where h(3) = 8", [[3, 9]]),
        ("f(n: int) -> int | None", "f(5) -> None", [[5, None]]),
        # lines and tables
        (NUMBER, "Example: input 987, output 6.", [[987, 6]]),
        (NUMBER, "input: 3\noutput: 9\n\ninput: 4\noutput: 16", [[3, 9], [4, 16]]),
        (SUM, "Input: nums = [3,1,2]\nOutput: 6\nExplanation: 3 + 1 + 2 = 6", [[[3, 1, 2], 6]]),
        (NUMBER, "Examples:\n1: 1\n2: 4\n3: 9", [[1, 1], [2, 4], [3, 9]]),
        (IS, "7 -> True\n8 -> False", [[7, True], [8, False]]),
        (NUMBER, "| input | output |\n|---|---|\n| 3 | 9 |\n| 4 | 16 |", [[3, 9], [4, 16]]),
        (GCD, "| a | b | result |\n|---|---|---|\n| 12 | 18 | 6 |", [[[12, 18], 6]]),
        (NUMBER, "input output\n1 1\n2 4", [[1, 1], [2, 4]]),
        # several arguments
        (GCD, "gcd(12, 18) -> 6", [[[12, 18], 6]]),
        (GCD, "12, 18 -> 6; 5, 7 -> 1", [[[12, 18], 6], [[5, 7], 1]]),
        (GCD, "for 12 and 18 the answer is 6", [[[12, 18], 6]]),
        (GCD, "a = 12, b = 18 gives 6", [[[12, 18], 6]]),
        (GCD, "gcd(b=18, a=12) == 6", [[[12, 18], 6]]),
        (GCD, "(12, 18) -> 6", [[[12, 18], 6]]),
        (TAKE, "take([1,2,3], 2) == [1,2]", [[[[1, 2, 3], 2], [1, 2]]]),
        (TAKE, "Input: items = [1,2,3], n = 2\nOutput: [1,2]", [[[[1, 2, 3], 2], [1, 2]]]),
        (ANAGRAM, "'listen' and 'silent' -> True", [[["listen", "silent"], True]]),
        (JOIN, "join(['a','b']) == 'a,b', join(['a','b'], '-') == 'a-b'", [[[["a", "b"]], "a,b"], [[["a", "b"], "-"], "a-b"]]),
        # types decide
        (IS, "7 → yes, 8 → no", [[7, True], [8, False]]),
        ("f(x: float) -> float", "0 -> 32, 100.5 -> 212.9", [[0, 32], [100.5, 212.9]]),
        ("f(d: dict[str, int]) -> int", '{"a": 1, "b": 2} gives 3', [[{"a": 1, "b": 2}, 3]]),
        (
            "f(d: dict[str, list[int]]) -> dict[str, int]",
            "{'a': [1, 2], 'b': []} -> {'a': 3, 'b': 0}",
            [[{"a": [1, 2], "b": []}, {"a": 3, "b": 0}]],
        ),
        ("f(n: list[int]) -> dict[str, list[int]]", "[1, 2] gives {'even': [2], 'odd': [1]}", [[[1, 2], {"even": [2], "odd": [1]}]]),
        ("f(w: list[str]) -> dict[str, list[str]]", "f(['an', 'at']) == {'a': ['an', 'at']}", [[["an", "at"], {"a": ["an", "at"]}]]),
        ("f(text: str) -> list[dict[str, str]]", "'a,b\\n1,2' -> [{'a': '1', 'b': '2'}]", [["a,b\n1,2", [{"a": "1", "b": "2"}]]]),
        ("f(words: list[str]) -> set[str]", "['b','a','b'] -> {'b','a'}", [[["b", "a", "b"], ["a", "b"]]]),
        ("f(text: str) -> tuple[str, int]", "'aab' -> ('a', 2)", [["aab", ["a", 2]]]),
        ("f(text: str) -> dict[int, str]", "'ab' -> {0: 'a', 1: 'b'}", [["ab", {"0": "a", "1": "b"}]]),
        ("f(x)", "'hello' gives 2", [["hello", 2]]),
        ("f(x, y)", "f(3, 4) == 7", [[[3, 4], 7]]),
        # texts without quotes
        (TEXT, "reverse it, e.g. hello -> olleh", [["hello", "olleh"]]),
        (TEXT, "examples:\nhello -> olleh\nred cat -> tac der", [["hello", "olleh"], ["red cat", "tac der"]]),
        (TEXT, "for example hello becomes olleh", [["hello", "olleh"]]),
        (TEXT, "e.g. 2024-02-29 -> 29.02.2024", [["2024-02-29", "29.02.2024"]]),
        (COUNT, "count vowels: hello -> 2, sky -> 0", [["hello", 2], ["sky", 0]]),
        (COUNT, "f(hello) == 2", [["hello", 2]]),
        (NAME, "e.g. 5 -> five", [[5, "five"]]),
        (WORDS, "[ant, bee, ape] -> 3", [[["ant", "bee", "ape"], 3]]),
    ],
)
def test_examples_are_found_in_every_usual_notation(function: str, goal: str, examples: list[Any]) -> None:
    assert found(goal, function) == examples


@pytest.mark.parametrize(
    ("function", "goal"),
    [
        # parameters of the task
        (WORDS, "count the words longer than 5 characters"),
        (LIST, "keep the numbers greater than 10 and less than 20"),
        (TEXT, "replace 'a' with 'b'"),
        (TEXT, "replace each 'a' by 'b' and return 'x'"),
        (TEXT, "'a' becomes 'b', 'b' becomes 'c'"),
        (TEXT, "convert 'USD' to 'EUR'"),
        (TEXT, "join the words with ', ' and the last with ' and '"),
        (TEST, "check if a text starts with 'abc' and returns True"),
        (TEST, "Return True if the text contains 'abc', False otherwise"),
        (NAME, "return 'Fizz' for multiples of 3 and 'Buzz' for multiples of 5"),
        (NAME, "numbers divisible by 3 become 'Fizz'"),
        (NAME, "90 or more is 'A', 80 to 89 is 'B'"),
        (NAME, "index 0 is 'a', 1 is 'b'"),
        (NUMBER, "given 2 integer values, return 1"),
        (NUMBER, "every 3 becomes 5"),
        (NUMBER, "if the result is 0 return 1"),
        (GCD, "add 5 and 6, which gives 11"),
        # a value alone, a signature, words about texts
        (LIST, "[1,2,3]"),
        (LIST, "a list such as [1,2,3]"),
        (TEXT, "product name -> how many are left"),
        (TEXT, "reverse(text: str) -> str"),
        (COUNT, "count_vowels(text) -> int"),
        (COUNT, "e.g. empty string -> 0"),
        (TEXT, "e.g. 'hello' -> uppercase"),
        # steps, arithmetic, alternatives, half a value
        (NUMBER, "1 -> 2 -> 4 -> 8"),
        (TEXT, "'a b' -> 'b a' -> 'B A'"),
        (NUMBER, "3 + 4 = 7"),
        (NUMBER, "2 * 3 = 6"),
        (NUMBER, "10! = 3628800"),
        (SUM, "[1,2] gives 1 or 2"),
        (SUM, "[1,2] -> 3 + x"),
        (SUM, "[1, 2, ...] -> 5"),
        (SUM, "the numbers 1, 2, 3 give 6"),
        (NUMBER, "1,000 -> 5"),
        (NUMBER, "50% is 3"),
        (NUMBER, "At 10:30 it is 12"),
        # what a program wrongly does, what contradicts itself, what is another function's
        (NUMBER, "currently f(3) returns 6"),
        (NUMBER, "my function returns 6 for 3"),
        (NUMBER, "f(3) gives 6 but it should be 9"),
        (NUMBER, "f(3) is 6, which is wrong"),
        (NUMBER, "f(3) is 9 and f(3) is 10"),
        (NUMBER, "len(3) is 9"),
        (NUMBER, "square(2) = 4 and cube(2) = 8"),
        (NUMBER, "f() is 3"),
        # of other types than the signature's
        (NUMBER, "'hello' gives 2"),
        (SUM, "[1,2] gives [3]"),
        (IS, "7 gives 1"),
        ("f(keys: dict[int, str]) -> int", "{1: 'a'} -> 1"),
        ("f(items: set[int]) -> int", "{1, 2} -> 2"),
        (JOIN, "join('a', 'b', 'c') == 'abc'"),
    ],
)
def test_what_is_no_example_is_not_taken_for_one(function: str, goal: str) -> None:
    assert found(goal, function) == []


def test_the_first_signature_that_fits_an_example_counts() -> None:
    assert found("'hello' gives 2", SUM, TEXT, COUNT) == [["hello", 2]]
    assert found("racecar -> True", TEXT, TEST) == [["racecar", True]]
    assert found("'hello' gives 2") == []


def test_the_first_twenty_examples_are_enough() -> None:
    goal = "\n".join(f"{number} -> {number * number}" for number in range(50))
    assert found(goal, NUMBER) == [[number, number * number] for number in range(20)]


def validation_goals() -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in GOALS.read_text().splitlines()]
    return [row for row in rows if row["in_scope"]]


def test_the_example_of_nearly_every_validation_goal_is_found_and_none_in_those_without() -> None:
    right, also_without = 0, []
    for row in validation_goals():
        function = f"f(value: {row['takes']}) -> {row['gives']}"
        right += len(found(row["goal_with_example"], function)) >= 1
        also_without += [row["id"]] if found(row["goal"], function) else []
    assert right >= 57
    assert also_without == ["validation-046"]  # it says fib(0) = 0 and fib(1) = 1


def test_no_example_of_a_validation_goal_contradicts_its_tests() -> None:
    for row in validation_goals():
        for argument, result in found(row["goal_with_example"], f"f(value: {row['takes']}) -> {row['gives']}"):
            assert all(same_value(result, expected) for given, expected in row["tests"] if same_value(given, argument))


@pytest.mark.parametrize(
    "goal",
    [
        "[" * 10_000,
        "[" * 1000 + "]" * 1000 + " -> 3",
        "[[]," * 2500,
        "{" * 5000 + "}" * 5000,
        "f(" * 5000,
        "(" * 10_000,
        "'" * 10_000,
        "'a " * 3400,
        '"a' * 5000,
        "“" * 10_000,
        "`" * 9999,
        "`'`" * 3333,
        "1," * 5000,
        "1 -> " * 2000,
        "1 is 2, " * 1250,
        "-> " * 3400,
        "." * 10_000,
        "a" * 10_000,
        "a " * 5000 + "-> 3",
        "e.g. " * 2000,
        "e.g. a -> " * 1000,
        "the " * 2500 + "n = 5 gives 3",
        "| a | output |\n" * 600,
        " " * 10_000 + "1",
        "\\" * 10_000,
        "'" + "\\" * 9998 + "'",
        "9" * 10_000 + " -> 1",
        "1e999 -> 1",
        "'\\ud800' -> '\\x00'",
        "\ue000\x00\ud800 -> 1",
    ],
)
def test_hostile_text_is_read_in_linear_time(goal: str) -> None:
    functions = [signature(text) for text in (TEXT, COUNT, SUM, GCD, IS, "f(x)")]
    stated_examples(goal[:100], functions)
    started = time.process_time()
    stated_examples(goal, functions)
    assert time.process_time() - started < 10.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1.5e3, ", -1500.0),
        ("[1, 'a', [True, null]]", [1, "a", [True, None]]),
        ("{'a': [1], 'b': {}}", {"a": [1], "b": {}}),
        ("('a', 2)", ("a", 2)),
        ("{1, 2}", frozenset({1, 2})),
        ("[1, 2,]", [1, 2]),
    ],
)
def test_a_value_is_read_from_the_middle_of_a_text(text: str, value: Any) -> None:
    literal = read_literal(text, 0)
    assert literal is not None
    assert literal.value == value


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2",
        "[1 2]",
        "(3)",
        "()",
        "(ant, bee)",
        "{'a': }",
        "{[1]: 2}",
        "1.2.3",
        "2-digit",
        "007",
        "9" * 500,
        "[__import__('os')]",
        "'open",
    ],
)
def test_what_is_no_literal_is_not_read(text: str) -> None:
    assert read_literal(text, 0) is None


def test_a_value_is_fitted_to_an_annotation() -> None:
    assert as_result((1, 2.5), "tuple[int, float]") == [1, 2.5]
    assert as_result({1: "a"}, "dict[int, str]") == {"1": "a"}
    assert as_argument([None, 1], "list[Optional[int]]") == [None, 1]
    assert as_argument("a", "Path") == "a"
    assert as_argument("a", "int |" * 500) == "a"
    for value, annotation in [(True, "int"), (1, "bool"), (1.0, "int"), ([1], "list[str]"), ((1,), "tuple[int, int]"), ("a", "int | None")]:
        with pytest.raises(UnfitError):
            as_result(value, annotation)


def specification(*examples: tuple[Any, Any], function: str = SUM) -> Specification:
    return Specification(in_scope=True, signature=function, summary="add", examples=list(examples))


def test_the_product_manager_takes_examples_found_by_rule_whatever_the_model_copied() -> None:
    goal = "add the numbers above 3, so [1, 5] gives 5"
    signatures = [signature(SUM)]
    assert given_examples([specification(), specification(([9], 9))], goal, signatures) == [([1, 5], 5)]
    assert given_examples([specification(([1, 5], 3))], goal, signatures) == [([1, 5], 5)]
    assert given_examples([specification((5, [1, 5]))], goal, signatures) == [([1, 5], 5)]
    assert given_examples([specification(([3], 5))], goal, signatures) == [([1, 5], 5)], "a copy of parts that do not belong together"


def test_a_copy_of_the_model_counts_where_no_rule_knows_the_words() -> None:
    assert given_examples([specification((2, 4), function=NUMBER)], "double 2 and get 4", [signature(NUMBER)]) == [(2, 4)]
    assert given_examples([specification((2, 5), function=NUMBER)], "double 2 and get 4", [signature(NUMBER)]) == []
