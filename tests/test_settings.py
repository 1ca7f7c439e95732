"""metagpt.toml and the `METAGPT_…` variables over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metagpt.errors import ConfigError
from metagpt.settings import FILE_NAME, BudgetSettings, ModelSettings, PriceSettings, Settings, read_settings

EXAMPLE = """
[models.default]
ref = "openai:gpt-5-mini"
max_concurrency = 16
[models.engineer]
ref = "local:Qwen/Qwen3-4B"
device = "cuda"
[prices."my-model"]
input = 0.1
output = 0.4
[budget]
usd = 2.0
"""


def test_the_documented_example_reads_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "metagpt.toml").write_text(EXAMPLE)
    assert read_settings(tmp_path, {}) == Settings(
        models={
            "default": ModelSettings(ref="openai:gpt-5-mini", options={"max_concurrency": 16}),
            "engineer": ModelSettings(ref="local:Qwen/Qwen3-4B", options={"device": "cuda"}),
        },
        prices={"my-model": PriceSettings(input=0.1, output=0.4)},
        budget=BudgetSettings(usd=2.0),
        file=tmp_path / "metagpt.toml",
    )


def test_the_nearest_file_above_counts(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "metagpt.toml").write_text("[budget]\ncalls = 1\n")
    (tmp_path / "a" / "metagpt.toml").write_text("[budget]\ncalls = 2\n")
    assert read_settings(below, {}).budget.calls == 2


def test_without_file_and_variables_nothing_is_set(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {"HOME": "/root"}) == Settings()


def test_variables_override_the_file(tmp_path: Path) -> None:
    (tmp_path / "metagpt.toml").write_text(EXAMPLE)
    settings = read_settings(
        tmp_path,
        {
            "METAGPT_MODEL": "embedded",
            "METAGPT_MODELS_ENGINEER_MAX_BATCH": "4",
            "METAGPT_MODELS__PRODUCT_MANAGER__REF": "mine:7",
            "METAGPT_MODELS__PRODUCT_MANAGER__OWN_OPTION": "true",
            "METAGPT_BUDGET_USD": "0.5",
            "METAGPT_BUDGET__TOKENS": "1000",
        },
    )
    assert settings.models["default"].ref == "embedded"
    assert settings.models["engineer"] == ModelSettings(ref="local:Qwen/Qwen3-4B", options={"device": "cuda", "max_batch": 4})
    assert settings.models["product_manager"] == ModelSettings(ref="mine:7", options={"own_option": True})
    assert settings.budget == BudgetSettings(usd=0.5, tokens=1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bugdet]\nusd = 1", "Did you mean 'budget'?"),
        ("budget = 2", r"expected a table. Write \[budget\]"),
        ("[models]\nref = 'x'", r"found ref = 'x' in \[models\]"),
        ("[models.default]\nreff = 'x'", r"\[models.default\]: found only 'reff'; expected a ref"),
        ("[models.default]\nref = 7", "found ref = 7; expected text"),
        ("[prices.x]\ninput = 1", "found no output"),
        ("[prices.x]\ninput = 1\noutput = -1", "found output = -1; expected a number, 0 or more"),
        ("[budget]\nusdd = 1", "Did you mean 'usd'?"),
        ("[budget]\nusd = 'much'", "found usd = 'much'; expected a number, more than 0"),
        ("[budget]\ncalls = 1.5", "found calls = 1.5; expected a whole number"),
        ("[budget]\ncalls = true", "found calls = True; expected a whole number"),
        ("[budget\nusd = 1", "no TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "metagpt.toml").write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read_settings(tmp_path, {})
    assert str(caught.value).startswith(str(tmp_path / "metagpt.toml"))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("METAGPT_BUDGT_USD", "1", "Did you mean 'METAGPT_BUDGET_USD'?"),
        ("METAGPT_MODLE", "embedded", "Did you mean 'METAGPT_MODEL'?"),
        ("METAGPT_BUDGET_USD", "much", "METAGPT_BUDGET_USD='much'; expected a number"),
        ("METAGPT_BUDGET_USD", "-1", "METAGPT_… variables: .budget.: found usd = -1"),
        ("METAGPT_MODELS_ENGINEER_DEVICE", "cpu", "expected a ref"),
    ],
)
def test_what_is_wrong_in_a_variable_is_named_with_the_variable(tmp_path: Path, variable: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_settings(tmp_path, {variable: value})


def test_the_hub_s_folder_is_seen_from_the_file_that_names_it_and_a_variable_wins(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('[hub]\npath = "models"\n')
    assert read_settings(tmp_path, {}).hub.path == tmp_path / "models"
    assert read_settings(tmp_path, {"METAGPT_HUB": "1"}).hub.path == Path("1")
    (tmp_path / FILE_NAME).write_text("[hub]\npath = 3\n")
    with pytest.raises(ConfigError, match=r"\[hub\]: found path = 3; expected a folder, as text"):
        read_settings(tmp_path, {})
