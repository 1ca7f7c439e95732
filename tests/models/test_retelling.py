"""The second model of a folder: what it is asked, and when it is loaded."""

from collections.abc import Sequence
from typing import Any

from metagpt.models.local.retelling import Retelling, retell_prompt

END = 0


class Teller:
    """Weights that make a goal the likelier the more of its letters stand in the prompt."""

    end_tokens = frozenset({END})
    tokenizer = staticmethod(lambda text, **_: {"input_ids": [ord(letter) for letter in text]})

    def log_likelihoods(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        assert all(told[-1] == END for _, told in pairs)
        return [-float(sum(letter not in prompt for letter in told[:-1])) for prompt, told in pairs]


def test_a_goal_is_told_from_each_reading_to_its_end() -> None:
    teller: Any = Teller()
    retelling = Retelling({"product_manager.specify": "goal"}, lambda: teller)
    assert retelling.log_likelihoods("@@@", [("no", "str"), ("@", "str")]) == ([-3.0, 0.0], 4)


def test_a_type_of_argument_tells_readings_apart() -> None:
    assert retell_prompt("count", "str") != retell_prompt("count", "list[str]")


def test_weights_are_loaded_once_and_given_up_on_close() -> None:
    loads: list[Any] = []

    def load() -> Any:
        loads.append(Teller())
        return loads[-1]

    retelling = Retelling({"product_manager.specify": "goal"}, load)
    assert not loads
    retelling.log_likelihoods("x", [("a", "str")])
    retelling.log_likelihoods("x", [("a", "str")])
    assert len(loads) == 1
    retelling.close()
    retelling.log_likelihoods("x", [("a", "str")])
    assert len(loads) == 2
