"""What a good model answers to one small goal, for tests that change a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metagpt.models.interface import ModelOptions, ModelProfile, ModelRequest, Price
from metagpt.roles.software import Checks, Specification
from metagpt.roles.software.messages import Probes, Variations
from metagpt.testing import FunctionModel, data

GOAL = 'Write a function that counts the vowels in a text; "Hello" has 2.'

SPECIFICATION = Specification(
    in_scope=True,
    signature="count_vowels(text: str) -> int",
    summary="Count the vowels in the text, upper and lower case.",
    examples=[("Hello", 2), ("xyz", 0)],
)
CODE = 'def count_vowels(text: str) -> int:\n    """Count the vowels."""\n    return sum(c in "aeiouAEIOU" for c in text)\n'
WRONG_CODE = "def count_vowels(text: str) -> int:\n    return len(text)\n"
CHECKS = Checks(
    inputs=["", "aeiou", "AEIOU", "b c d"],
    properties=["non-negative", "at most the length"],
    cases=[("Education", 5)],
    source="from count_vowels import count_vowels\n\n\ndef test_empty():\n    assert count_vowels('') == 0\n",
)

Answers = Mapping[str, Any]  # Any: what a call is answered with, or a function of the request
GOOD: Answers = {"product_manager.specify": SPECIFICATION, "engineer.write_program": CODE, "evaluator.write_tests": CHECKS}


def answering(answers: Answers) -> Callable[[ModelRequest], Any]:
    """What a call is answered with."""

    def answer(request: ModelRequest) -> Any:
        found = answers[request.call]
        return found(request) if callable(found) else found

    return answer


def general_model(**changed: Any) -> FunctionModel:
    """A model that answers each call once; `specify=…` changes that call's answer, by the last part of its name."""
    return FunctionModel(answering(_changed(GOOD, changed)))


def sampled_model(specifications: list[Specification], **changed: Any) -> FunctionModel:
    """A compact model that gives these specifications as its candidates."""
    profile = ModelProfile(
        reference="sampled",
        prompt_format="compact",
        calls=("product_manager.specify", "engineer.write_program", "engineer.repair", "evaluator.write_tests"),
        defaults=ModelOptions(n=len(specifications), temperature=0.7),
        price=Price(input=0, output=0),
    )
    answers = {
        "product_manager.specify": data(*specifications),
        "engineer.vary": Variations(),
        "evaluator.write_tests": Probes(inputs=["sky", "OOO", "queue"]),
    }
    return FunctionModel(answering(_changed(answers, changed)), profile=profile)


def _changed(answers: Answers, changed: Mapping[str, Any]) -> dict[str, Any]:
    names = {"specify": "product_manager.specify", "write_program": "engineer.write_program", "repair": "engineer.repair"}
    names |= {"vary": "engineer.vary", "write_tests": "evaluator.write_tests"}
    return {**answers, **{names[name]: value for name, value in changed.items()}}
