"""What all tests of the software team share."""

import pytest

from metagpt.roles.software import judging


@pytest.fixture(autouse=True)
def _agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is what is tested here, not where its threshold was tuned to."""
    monkeypatch.setattr(judging, "AGREEMENT", 0.6)
