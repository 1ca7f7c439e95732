"""What a model costs: the user's own table first, then the snapshot of list prices that is installed beside us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from metagpt.models.interface import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, TieredPrices

__all__ = ["context_tokens_of", "price_of", "split_reference"]

_NO_PRICES: Mapping[str, Price] = MappingProxyType({})


def price_of(reference: str, *, prices: Mapping[str, Price] = _NO_PRICES, at: datetime | None = None) -> Price | None:
    """List price of the model a reference names, or None where nobody knows it.

    Args:
        reference: As users write it: `openai:gpt-5-mini`, `openai:NAME@BASE_URL`.
        prices: The user's own table, by reference (`openai:my-model@http://...`) or by name alone (`my-model`).
        at: The day whose prices count; None is today. Where a price rises with the length of the prompt, the
            price of short prompts is given.
    """
    name = split_reference(reference)[1]
    for key in (reference, name):
        if key in prices:
            return prices[key]
    model = _listed(reference)
    if model is None:
        return None
    listed = model.get_prices(at or datetime.now(UTC))
    fresh, output, cached = (_usd(each) for each in (listed.input_mtok, listed.output_mtok, listed.cache_read_mtok))
    if fresh is None or output is None:
        return None
    return Price(input=fresh, output=output, cached=cached)


def context_tokens_of(reference: str) -> int | None:
    """Window of prompt and answer together, or None where nobody knows it."""
    model = _listed(reference)
    return None if model is None else model.context_window


def split_reference(reference: str) -> tuple[str, str, str | None]:
    """Kind, name and base URL of a reference: `openai`, `gpt-5-mini`, None."""
    kind, _, rest = reference.partition(":")
    for scheme in ("@http://", "@https://"):
        name, found, address = rest.partition(scheme)
        if found:
            return kind, name, scheme[1:] + address
    return kind, rest, None


def _listed(reference: str) -> ModelInfo | None:
    kind, name, base_url = split_reference(reference)
    if not name or (base_url is not None and urlsplit(base_url).hostname in ("localhost", "127.0.0.1", "::1")):
        return None
    from genai_prices.data_snapshot import get_snapshot

    provider = None if base_url else kind
    try:
        return get_snapshot().find_provider_model(name, None, provider, base_url)[1]
    except LookupError:
        return None


def _usd(price: Decimal | TieredPrices | None) -> float | None:
    if price is None:
        return None
    # the dearer tiers of long prompts have no place in `Price`
    return float(price if isinstance(price, Decimal) else price.base)
