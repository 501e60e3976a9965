"""Look-ups that strangers can ask for: what is kept of those who are refused."""

from __future__ import annotations

import pytest

from imagegeneration.api import lookups
from imagegeneration.api.lookups import Lookups
from imagegeneration.core.errors import Busy
from tests.support import run_async


def test_nothing_is_kept_of_an_address_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "WAITING", 0)

    async def ask() -> Lookups:
        full = Lookups(1)
        with pytest.raises(Busy):
            await full.run("192.0.2.1", str.upper, "secret")
        return full

    assert not run_async(ask)._inside


def test_nothing_is_kept_of_an_address_that_was_answered() -> None:
    async def ask() -> tuple[str, Lookups]:
        idle = Lookups(1)
        return await idle.run("192.0.2.1", str.upper, "secret"), idle

    found, idle = run_async(ask)
    assert found == "SECRET"
    assert not idle._inside
    assert not idle._own
