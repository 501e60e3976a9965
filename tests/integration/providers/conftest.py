"""The asynchronous providers are asked without the pauses that a real one is granted."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagegeneration.providers.asynchronous.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("imagegeneration.providers.asynchronous.LONGEST_PAUSE_SECONDS", 0.1)
