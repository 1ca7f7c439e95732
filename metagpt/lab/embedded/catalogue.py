"""All primitives in one place, and the steps made from them."""

import builtins
import importlib
import keyword
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from metagpt.lab.embedded.loading import load_source
from metagpt.lab.embedded.primitive import Primitive
from metagpt.models.local.programs import StepCode, compose

__all__ = ["MAX_SIZE", "MODULES", "Step", "load_primitives", "random_step", "size_of", "slot_value"]

MODULES = (
    "numbers",
    "scalars",
    "tables",
    "text_measures",
    "text_transforms",
    "text_parsing",
    "words",
    "word_measures",
    "dictionaries",
    "further_numbers",
    "further_scalars",
    "further_tables",
    "further_words",
    "classic_texts",
    "classic_numbers",
    "classic_words",
    "everyday_tables",
    "everyday_texts",
    "everyday_numbers",
    "everyday_scalars",
    "everyday_words",
    "everyday_measures",
    "everyday_groups",
)

MAX_NUMBER = 2000
"""Largest whole number given to a step when samples are made: some steps list or try that many."""
MAX_INNER_NUMBER = 100_000
"""The same in inner lists, dictionaries and ranges in a text, which some steps repeat things by."""
_RANGE_ENDS = re.compile(r"\d-(\d+)")
MAX_SIZE = 4000
"""Most cells and signs that a result may have, those of inner lists and texts included."""
MAX_BITS = 200


@cache
def load_primitives() -> tuple[Primitive, ...]:
    """Every primitive, in the order of the modules; ids and canonical wordings are unique."""
    found: list[Primitive] = []
    for name in MODULES:
        found.extend(importlib.import_module(f"metagpt.lab.embedded.primitives.{name}").PRIMITIVES)
    if len({primitive.id for primitive in found}) != len(found):
        ids = [primitive.id for primitive in found]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        raise ValueError(f"primitives: the ids {twice!r} occur twice; every id must be unique. Rename one of each.")
    return tuple(found)


@dataclass(frozen=True)
class Step:
    """A primitive with its slots filled."""

    primitive: Primitive
    values: tuple[tuple[str, str], ...] = ()
    """(slot, value) in the order of the primitive's slots."""

    def __hash__(self) -> int:
        return hash((self.primitive.id, self.values))

    def fill(self, template: str) -> str:
        """The template with the slots replaced; `{x}` is left as it is."""
        for slot, value in self.values:
            template = template.replace("{" + slot + "}", value)
        return template

    @property
    def text(self) -> str:
        """The canonical wording of this step in a spec."""
        return self.fill(self.primitive.step)

    @property
    def fragment(self) -> str:
        """An identifier for the result of this step: its first name, made fit for code."""
        return identifier(self.fill(self.primitive.name[0]))

    @property
    def code(self) -> StepCode:
        """What it is in a program."""
        return StepCode(
            name=self.fragment,
            expression=self.fill(self.private_code),
            imports=self.primitive.imports,
            helper=self.fill(self.private_helper),
        )

    @property
    def private_code(self) -> str:
        """The code on `{x}`, slots open, calling the helpers by their private names."""
        return self._private(self.primitive.code)

    @property
    def private_helper(self) -> str:
        """The functions its code calls, or nothing; their names begin with `_`, so that no program's own name hides them."""
        return self._private(self.primitive.helper).strip("\n")

    def _private(self, code: str) -> str:
        for name in _helper_names(self.primitive.helper):
            code = re.sub(rf"\b{name}\b", f"_{name}", code)
        return code

    def run(self, value: Any) -> Any:  # Any: programs take and give every type of the catalogue
        """The reference result; raises what the step's code raises, and OverflowError where things get huge."""
        numbers = value if isinstance(value, list) else [value]
        is_large = any(isinstance(number, int) and abs(number) > MAX_NUMBER for number in numbers)
        if is_large or any(abs(number) > MAX_INNER_NUMBER for number in _integers(value)):
            raise OverflowError(f"{self.primitive.id}: {value!r:.80} is too large for an example; some steps would count so far.")
        result = _compiled(self)(value)
        if size_of(result) > MAX_SIZE:
            raise OverflowError(f"{self.primitive.id}: the result is huge; an argument for examples gives a smaller one.")
        return result


def _integers(value: Any) -> Iterator[int]:
    """Every one in it: of inner lists, of dictionaries, and the ends of ranges in a text, as 3-70."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, str):
        yield from map(int, _RANGE_ENDS.findall(value))
    elif isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _integers(inner)


def size_of(value: Any) -> int:
    """Cells and signs, inner ones included; a number of very many digits counts as more than any result may have."""
    if isinstance(value, int):
        return 1 if value.bit_length() <= MAX_BITS else MAX_SIZE + 1
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple | dict):
        return 1 + sum(map(size_of, value.values() if isinstance(value, dict) else value))
    return 1


@cache
def _helper_names(helper: str) -> tuple[str, ...]:
    return tuple(name for name in re.findall(r"^def (\w+)", helper, re.MULTILINE) if not name.startswith("_"))


def identifier(text: str) -> str:
    """`text` as a variable name that is no keyword and hides no builtin."""
    name = re.sub(r"\W+", "_", text).strip("_").lower() or "result"
    if name[0].isdigit():
        name = f"by_{name}"
    return f"{name}_value" if keyword.iskeyword(name) or hasattr(builtins, name) else name


@cache
def _compiled(step: Step) -> Callable[[Any], Any]:
    # Only the project's own primitives are run here, never anything a model wrote.
    source = compose("_step(x: object) -> object", [step.code])
    compiled: Callable[[Any], Any] = load_source(step.primitive.id, source)._step
    return compiled


def random_step(primitive: Primitive, rng: random.Random) -> Step:
    """The primitive with a random value in each slot: one of its choices, or another of their kind."""
    slots: Mapping[str, tuple[str, ...]] = primitive.slots
    return Step(primitive, tuple((slot, slot_value(values, rng)) for slot, values in slots.items()))


_TEXTS = (
    "cat",
    "dog",
    "the",
    "and",
    "red",
    "blue",
    "apple",
    "ing",
    "ed",
    "un",
    "th",
    "er",
    "Mr",
    "Bob",
    "total",
    "name",
    "x1",
    "tmp",
    "key",
    "sun",
    "tree",
)


def slot_value(choices: tuple[str, ...], rng: random.Random) -> str:
    """Half of the time a choice; else a number within their range, or another short quoted text."""
    if rng.random() < 0.5:
        return rng.choice(choices)
    if all(choice.isdigit() for choice in choices):
        numbers = sorted(map(int, choices))
        high = rng.choice([number for number in numbers if number > numbers[0]] or numbers)
        return str(rng.randint(numbers[0], high))
    if all(choice.startswith('"') for choice in choices):
        pools: tuple[Sequence[str], ...] = (string.ascii_lowercase, _TEXTS, string.ascii_letters, "*#-_+@/:!?.")
        return f'"{rng.choice(rng.choice(pools))}"'
    return rng.choice(choices)
