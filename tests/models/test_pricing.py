"""Prices: the user's table, the installed list, and no price at all."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from metagpt.models.interface import Price, TokenUsage
from metagpt.models.pricing import context_tokens_of, price_of, split_reference

OWN = Price(input=1.0, output=2.0)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("openai:gpt-5-mini", ("openai", "gpt-5-mini", None)),
        ("openai:qwen@http://127.0.0.1:8000/v1", ("openai", "qwen", "http://127.0.0.1:8000/v1")),
        ("openai:claude@20240229", ("openai", "claude@20240229", None)),
        ("embedded", ("embedded", "", None)),
    ],
)
def test_a_reference_has_a_kind_a_name_and_perhaps_a_base_url(reference: str, expected: tuple[str, str, str | None]) -> None:
    assert split_reference(reference) == expected


@pytest.mark.parametrize("key", ["gpt-5-mini", "openai:gpt-5-mini"])
def test_the_users_own_price_comes_first(key: str) -> None:
    assert price_of("openai:gpt-5-mini", prices={key: OWN}) == OWN


def test_the_users_own_price_counts_at_any_server() -> None:
    assert price_of("openai:my-model@http://127.0.0.1:1/v1", prices={"my-model": OWN}) == OWN


def test_the_list_price_of_a_known_model_is_found() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    assert price_of("openai:gpt-4o-2024-08-06", at=day) == Price(input=2.5, output=10.0, cached=1.25)


def test_a_price_that_rises_with_the_prompt_is_that_of_short_prompts() -> None:
    price = price_of("anthropic:claude-sonnet-4-5", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert price == Price(input=3.0, output=15.0, cached=0.3)


def test_a_model_at_another_provider_has_that_providers_price() -> None:
    price = price_of("openai:deepseek-chat@https://api.deepseek.com/v1")
    assert price is not None
    assert price.input < 1.0


@pytest.mark.parametrize(
    "reference",
    [
        "openai:no-such-model",
        "openai:gpt-5-mini@http://localhost:1/v1",
        "openai:gpt-5-mini@https://example.org/v1",
        "embedded",
        "local:x/y",
        "hub:x@1",
    ],
)
def test_an_unknown_price_is_none(reference: str) -> None:
    assert price_of(reference) is None


def test_the_window_of_a_known_model_is_found() -> None:
    assert context_tokens_of("openai:gpt-4o") == 128_000
    assert context_tokens_of("openai:no-such-model") is None


def test_cached_tokens_cost_their_own_price() -> None:
    price = Price(input=2.0, output=10.0, cached=0.5)
    assert price.usd(TokenUsage(input_tokens=1_000_000, output_tokens=100_000, cached_tokens=400_000)) == pytest.approx(2.4)


def test_the_price_list_is_loaded_by_the_first_question_only() -> None:
    code = (
        "import sys; from metagpt.models.pricing import price_of; from metagpt.models.interface import Price;"
        "price_of('openai:x', prices={'x': Price(input=1, output=1)}); assert 'genai_prices' not in sys.modules;"
        "price_of('openai:gpt-4o'); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
