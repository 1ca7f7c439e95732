"""Goals in English for a chain: wordings of its steps put into frames, turned round, mixed and roughened."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from metagpt.lab.embedded import frames
from metagpt.lab.embedded.catalogue import Step
from metagpt.lab.embedded.chain import Chain
from metagpt.lab.embedded.holdout import is_held_frame, is_held_wording
from metagpt.lab.embedded.inflect import gerund, third_person

__all__ = ["Request", "Side", "Speaker"]

Side = Literal["training", "wordings", "frames"]
"""Which wordings a goal may use: those of training, at least one held-out wording, or a held-out frame."""


class UnsayableError(Exception):
    """This choice of forms does not work out for these wordings; another draw may."""


@dataclass(frozen=True)
class Request:
    """A goal without its examples, and what it asks to be called."""

    goal: str
    name: str = ""
    argument: str = ""
    literals: tuple[str, ...] = ()
    """Words of the goal that stand for themselves, quoted or not: they must not be misspelt."""


@dataclass
class Speaker:
    """Says chains in English; every choice is drawn from `rng`."""

    rng: random.Random
    side: Side = "training"
    held_used: bool = field(default=False, init=False)
    _spoken: dict[str, str] = field(default_factory=dict, init=False)

    def request(self, chain: Chain) -> Request:
        """One goal for the chain, of the side asked for."""
        for _ in range(400):
            self.held_used = False
            self._spoken = {}
            try:
                found = self._try(chain)
            except UnsayableError:
                continue
            if self.side != "wordings" or self.held_used:
                return found
        raise UnsayableError(f"no goal of the side {self.side!r} was found for {chain.summary!r}")

    def _try(self, chain: Chain) -> Request:
        rng = self.rng
        if len(chain.steps) > 1 and rng.random() < 0.08 and self.side != "frames":
            return Request(self._numbered(chain), literals=tuple(self._spoken.values()))
        steps, tail = self._with_rule(chain)
        named = rng.random() < 0.12
        frame = self._pick_frame(frames.NAMED_FRAMES if named else frames.FRAMES)
        argument = self._argument(chain)
        name = self._name(chain) if named else ""
        told = "{arg}" in frame
        goal = self._fill(frame, steps, chain)
        typed = argument if rng.random() < 0.6 else f"{argument}: {chain.takes}"
        goal = goal.replace("{fn}", name).replace("{arg}", typed)
        return Request(self._attach(goal, tail), name, argument if told else "", tuple(self._spoken.values()))

    # Wordings of one step

    def wording(self, step: Step, kind: Literal["do", "np", "be"]) -> str:
        """One of the step's wordings, slots filled; `{x}` remains in a noun phrase."""
        options = getattr(step.primitive, kind)
        held = [text for text in options if is_held_wording(step.primitive.id, text)]
        if self.side == "wordings" and held and self.rng.random() < 0.8:
            self.held_used = True
            return self._said(step, self.rng.choice(held))
        kept = [text for text in options if text not in held]
        if not kept:
            raise UnsayableError(step.primitive.id)
        return self._said(step, self.rng.choice(kept))

    def _said(self, step: Step, wording: str) -> str:
        """The wording with its slots as people write them: `three` for 3, 'a', a or the letter a for "a"."""
        for slot, value in step.values:
            if value not in self._spoken:
                self._spoken[value] = _spoken_value(value, self.rng)
            wording = wording.replace("{" + slot + "}", self._spoken[value])
        return wording

    def _pick_frame(self, options: Sequence[str]) -> str:
        want_held = self.side == "frames"
        return self.rng.choice([frame for frame in options if is_held_frame(frame) == want_held])

    # Parts of a sentence

    def _clause(self, step: Step, pronoun: str, *, last: bool) -> str:
        """An imperative for one step on a value already named."""
        if self.rng.random() < (0.25 if last else 0.12):
            wording = self.wording(step, "np")
            if wording.startswith("the ") and wording.endswith(" of {x}") and self.rng.random() < 0.5:
                owner = "their" if step.primitive.takes.startswith("list") else "its"
                return f"{self.rng.choice(frames.RETURNS)} {owner} {wording[4:-7]}"  # the sum of them: their sum
            return f"{self.rng.choice(frames.RETURNS)} {_of(wording, pronoun)}"
        return self.wording(step, "do")

    def _clauses(self, steps: Sequence[Step]) -> list[str]:
        found = []
        for number, step in enumerate(steps):
            pronoun = self._pronoun(step.primitive.takes) if number == 0 else self._rest(step.primitive.takes)
            found.append(self._clause(step, pronoun, last=number == len(steps) - 1))
        return found

    def _pronoun(self, kind: str) -> str:
        return self.rng.choice(frames.DEFINITE[kind])

    def _rest(self, kind: str) -> str:
        return self.rng.choice(frames.RESTS["list" if kind.startswith("list") else ""])

    def _input(self, chain: Chain) -> str:
        return self.rng.choice(frames.INPUTS[chain.takes])

    def _noun_phrase(self, steps: Sequence[Step], start: str) -> str:
        phrase = start
        for step in steps:
            phrase = _of(self.wording(step, "np"), phrase)
        return phrase

    def _join(self, clauses: Sequence[str], form: Callable[[str], str | None] = str) -> str:
        """Clauses in order, or turned round with "before" and "after"."""
        rng = self.rng
        if len(clauses) == 2 and rng.random() < 0.18:
            return self._turned(clauses[0], clauses[1], form)
        formed = [_needed(form(clause)) for clause in clauses]
        if len(formed) == 1:
            return formed[0]
        final, between = rng.choice(frames.JOINS)
        opening = "first " if form is str and rng.random() < 0.12 else ""
        return opening + between.join(formed[:-1]) + final + formed[-1]

    def _turned(self, first: str, second: str, form: Callable[[str], str | None]) -> str:
        choice = self.rng.randrange(4 if form is str else 2)
        if choice == 0:
            return f"{_needed(form(second))} after {_needed(gerund(first))}"
        if choice == 1:
            return f"{_needed(form(first))} before {_needed(gerund(second))}"
        if choice == 2:
            return f"after {_needed(gerund(first))}, {second}"
        return f"before {_needed(gerund(second))}, {first}"

    def _named_clauses(self, steps: Sequence[Step], chain: Chain) -> list[str]:
        """Imperatives of which the first names the input itself."""
        rng = self.rng
        inside = rng.randrange(len(steps)) if rng.random() < 0.45 else 0
        subject = self._noun_phrase(steps[:inside], self._input(chain))
        first, rest = steps[inside], steps[inside + 1 :]
        if rng.random() < 0.22:
            clause = f"{rng.choice(frames.RETURNS)} {_of(self.wording(first, 'np'), subject)}"
        else:
            clause = _with_object(self.wording(first, "do"), subject, rng, needed=inside > 0)
        others = [self._clause(step, self._rest(step.primitive.takes), last=step is rest[-1]) for step in rest]
        return [clause, *others]

    def _fill(self, frame: str, steps: Sequence[Step], chain: Chain) -> str:
        if "{np}" in frame:
            frame = frame.replace("{np}", self._noun_phrase(steps, self._input(chain)))
        if "{that}" in frame:
            frame = frame.replace("{that}", self._noun_phrase(steps, self._pronoun(chain.takes)))
        forms: tuple[tuple[str, Callable[[str], str | None]], ...] = (("do", str), ("does", third_person), ("doing", gerund))
        for slot, form in forms:
            if "{" + slot + "}" in frame:
                frame = frame.replace("{" + slot + "}", self._join(self._clauses(steps), form))
            if "{" + slot.upper() + "}" in frame:
                frame = frame.replace("{" + slot.upper() + "}", self._join(self._named_clauses(steps, chain), form))
        return frame.replace("{x}", self._input(chain))

    def _with_rule(self, chain: Chain) -> tuple[Sequence[Step], str]:
        """The steps to be said in the frame, and a first or last step said as a rule beside it."""
        steps = chain.steps
        places = [place for place in {0, len(steps) - 1} if steps[place].primitive.be]
        if len(steps) == 1 or not places or self.rng.random() > 0.2:
            return steps, ""
        place = self.rng.choice(places)
        kept = [step for number, step in enumerate(steps) if number != place]
        return kept, self.wording(steps[place], "be")

    def _attach(self, goal: str, rule: str) -> str:
        if not rule:
            return goal
        stem = goal.rstrip(".?!")
        mark = "?" if goal.endswith("?") else "."
        return self.rng.choice(
            (
                f"{stem}{mark} {rule}",
                f"{stem}, {rule}",
                f"{stem}, but {rule}",
                f"{stem} ({rule})",
                f"{stem}; {rule}",
                f"{rule}. {goal}",
                f"{stem}{mark} note: {rule}",
                f"{stem}, where {rule}",
            )
        )

    def _numbered(self, chain: Chain) -> str:
        """The steps as a list of lines or points."""
        rng = self.rng
        x = self._input(chain)
        head = rng.choice(
            (
                f"given {x}:",
                f"take {x} and do this:",
                f"write a function that takes {x} and does the following:",
                "please do the following:",
                f"for {x}:",
                f"i have {x}. steps:",
                f"a program in steps for {x}:",
                "",
            )
        )
        style = rng.choice(
            ("\n{n}. {c}", "\n- {c}", "\n{n}) {c}", " ({n}) {c}", " {n}. {c}", "\n* {c}", " step {n}: {c}.", "\nstep {n}: {c}")
        )
        body = "".join(
            style.replace("{n}", str(number)).replace("{c}", clause) for number, clause in enumerate(self._clauses(chain.steps), 1)
        )
        return (head + body).strip()

    # Names asked for

    def _name(self, chain: Chain) -> str:
        rng = self.rng
        fragments = [rng.choice(step.primitive.name) for step in chain.steps]
        fragments = [re.sub(r"\W+", "_", step.fill(text)).strip("_").lower() for step, text in zip(chain.steps, fragments, strict=True)]
        name = rng.choice(
            (
                fragments[-1],
                "_".join(fragments),
                "_".join(reversed(fragments)),
                rng.choice(("solve", "process", "transform", "f", "compute", "convert", "do_it", "run", "my_function", "answer")),
            )
        )
        if rng.random() < 0.15:
            name = f"{rng.choice(('get', 'find', 'compute', 'make', 'my'))}_{name}"
        if not name.isidentifier() or len(name) > 40:
            raise UnsayableError(name)
        return name

    def _argument(self, chain: Chain) -> str:
        taken = chain.identifiers()
        free = [name for name in frames.ARGUMENT_NAMES[chain.takes] if name not in taken]
        if not free:
            raise UnsayableError("argument")
        return self.rng.choice(free)


def _of(wording: str, subject: str) -> str:
    """A noun phrase with its input put in; "them" only where it is an object."""
    if subject in ("them", "those", "these") and (wording.startswith("{x}") or "whether {x}" in wording):
        subject = "the list"
    return wording.replace("{x}", subject)


def _needed(text: str | None) -> str:
    if text is None:
        raise UnsayableError("form")
    return text


_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def _spoken_value(value: str, rng: random.Random) -> str:
    if value.isdigit():
        return _NUMBER_WORDS[int(value)] if int(value) < len(_NUMBER_WORDS) and rng.random() < 0.2 else value
    if not value.startswith('"'):
        return value
    inner = value[1:-1]
    style = rng.random()
    if style < 0.45 or "'" in inner or "`" in inner:
        return value
    if style < 0.75:
        return f"'{inner}'"
    if style < 0.8:
        return f"`{inner}`"
    if not inner.isalpha():
        return value
    kind = "the letter" if len(inner) == 1 else "the text" if rng.random() < 0.5 else "the word"
    return f"{kind} {inner}" if style < 0.9 else inner


_OBJECT = re.compile(r"\b(them|the list|the text|the string|the number|the dictionary|the dict|the matrix|the table)\b")
_IT = re.compile(r"\bit\b")


def _with_object(clause: str, subject: str, rng: random.Random, *, needed: bool) -> str:
    """The clause with its pronoun replaced by what it speaks of."""
    found = _OBJECT.search(clause) or _IT.search(clause)
    if found and (needed or rng.random() < 0.85):
        return clause[: found.start()] + subject + clause[found.end() :]
    if found:
        return clause
    if needed:
        return f"from {subject}, {clause}" if rng.random() < 0.5 else f"{clause}, working on {subject}"
    return f"{clause} {rng.choice(('in', 'in', 'of', 'from', 'for'))} {subject}" if rng.random() < 0.4 else clause
