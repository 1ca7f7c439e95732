"""Examples inside a goal: the many ways people write an argument and its result."""

import json
import random
from collections.abc import Sequence
from typing import Any

__all__ = ["example_text"]

_SINGLE = (
    " for example, {a} -> {b}",
    " for example {a} gives {b}",
    " for example, {a} should give {b}",
    " e.g. {a} -> {b}",
    " e.g. {a} gives {b}",
    " example: {a} -> {b}",
    " example: {f}({a}) == {b}",
    " example: {f}({a}) returns {b}",
    " for instance, {a} becomes {b}",
    " for instance {f}({a}) is {b}",
    " so {a} becomes {b}",
    " so that {a} gives {b}",
    " so {f}({a}) should return {b}",
    " for {a} it should return {b}",
    " for {a} the answer is {b}",
    " with {a} i expect {b}",
    " i expect {b} for {a}",
    " {a} => {b}",
    " {a} → {b}",
    " ({a} -> {b})",
    " (e.g. {a} -> {b})",
    " (for example {a} gives {b})",
    " like {a} -> {b}",
    " like this: {a} turns into {b}",
    "\n{a} -> {b}",
    "\ninput: {a}\noutput: {b}",
    " input: {a} output: {b}",
    "\n>>> {f}({a})\n{b}",
    " assert {f}({a}) == {b}",
    "\nassert {f}({a}) == {b}",
    " {f}({a}) == {b}",
    " {f}({a}) -> {b}",
    " {f}({a}) = {b}",
    " if the input is {a}, the output is {b}",
    " when given {a} it should return {b}",
    " given {a}, return {b}",
    " it should turn {a} into {b}",
    " {a} should become {b}",
    " {a} must give {b}",
    " test: {a} gives {b}",
    " sample: {a} yields {b}",
)
_LINES = (
    "\n{a} -> {b}",
    "\n{f}({a}) == {b}",
    "\n>>> {f}({a})\n{b}",
    "\n{a} => {b}",
    "\ninput: {a} output: {b}",
    "\n- {a} gives {b}",
    "\nassert {f}({a}) == {b}",
    "\n{a}: {b}",
)
_HEADS = ("\nexamples:", " examples:", "\nfor example:", " e.g.:", "", " for instance:", "\ntests:", " it should pass these:")
_INLINE = (
    (" for example, {a} gives {b}", " and {a} gives {b}"),
    (" e.g. {a} -> {b}", ", {a} -> {b}"),
    (" {a} -> {b}", "; {a} -> {b}"),
    (" {f}({a}) is {b}", ", {f}({a}) is {b}"),
)


def example_text(pairs: Sequence[tuple[Any, Any]], name: str, rng: random.Random) -> str:
    """What to append to a goal so that it states these (argument, result) pairs."""
    write = rng.choice((repr, repr, repr, json.dumps, _tight, _bare if all(_is_bare(a, b) for a, b in pairs) else repr))
    function = name or rng.choice(("f", "f", "func", "solve", "fn", "g"))
    if len(pairs) == 1:
        return _filled(rng.choice(_SINGLE), pairs[0], function, write)
    if rng.random() < 0.4:
        first, other = rng.choice(_INLINE)
        return _filled(first, pairs[0], function, write) + "".join(_filled(other, pair, function, write) for pair in pairs[1:])
    line = rng.choice(_LINES)
    return rng.choice(_HEADS) + "".join(_filled(line, pair, function, write) for pair in pairs)


def _filled(template: str, pair: tuple[Any, Any], function: str, write: Any) -> str:
    return template.replace("{f}", function).replace("{a}", write(pair[0])).replace("{b}", write(pair[1]))


def _tight(value: Any) -> str:
    """Without spaces after commas and colons, which stay inside texts."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_tight(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        inner = ",".join(map(_tight, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


def _bare(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _is_bare(argument: Any, result: Any) -> bool:
    def plain(value: Any) -> bool:
        return isinstance(value, str) and value.strip() == value and 0 < len(value) < 20 and value.replace(" ", "").isalpha()

    return plain(argument) and (plain(result) or isinstance(result, int | float))
