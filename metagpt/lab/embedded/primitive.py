"""One step of a small program: what it does to a value, in code and in many wordings.

The embedded model is trained on programs that are chains of primitives. A primitive is data:
the fixed wording used in a spec (`step`), the code that does it, and the ways people ask for it.
"""

from dataclasses import dataclass, field

__all__ = ["Choice", "Primitive"]

Choice = tuple[str, ...]
"""The values one slot may take, each as it is written in the spec and in code."""


@dataclass(frozen=True, kw_only=True)
class Primitive:
    """A typed step `takes -> gives` with its canonical wording, its code and its phrasings.

    Slots: `step`, `code` and every wording may use `{name}` for each key of `slots`; the same value fills all of
    them (so a slot's value must be fit for code and prose, as a number or a quoted text is).
    """

    id: str
    """Unique, snake_case: `keep_even`."""
    takes: str
    """Input type: int, float, str, list[int], list[float], list[str], list[list[int]], list[dict[str, str]], dict[str, int],
    dict[str, str], dict[str, list[int]] or dict[str, list[str]]."""
    gives: str
    """Output type: one of the input types, or bool, list[tuple[str, int]], list[bool], dict[str, float]."""
    step: str
    """Canonical wording: imperative, lower case, no full stop, short, unique: `keep the even numbers`."""
    code: str
    """One Python expression of the input `{x}` (written once or more): `[n for n in {x} if n % 2 == 0]`."""
    imports: tuple[str, ...] = ()
    """Import lines the code needs, standard library only: `import re`."""
    helper: str = ""
    """A top-level helper function the code calls, if an expression alone will not do; 4 spaces, annotated."""
    do: tuple[str, ...]
    """Imperative clauses, lower case, the value as 'them', 'it', 'the list' or left out: `throw out the odd ones`."""
    np: tuple[str, ...]
    """Noun phrases of the RESULT round `{x}`, the input's own noun phrase: `the even numbers in {x}`, `{x} without the odd ones`."""
    be: tuple[str, ...] = ()
    """Whole declarative clauses on the result or rule: `odd numbers should be ignored`, `only even values count`."""
    name: tuple[str, ...]
    """Fragments for a function's name, snake_case: `even_numbers`, `evens`."""
    slots: dict[str, Choice] = field(default_factory=dict)
    """Values of each slot: `{"n": ("2", "3", "5", "10")}`."""
    first_only: bool = False
    """Only fit to be the first step (it parses raw input, say)."""
    last_only: bool = False
    """Only fit to be the last step (its result is not worth going on from)."""
    input_kinds: tuple[int, ...] = ()
    """Places in `inputs.KINDS` of the arguments that suit it, where running it does not tell: many texts can be read as CSV."""
