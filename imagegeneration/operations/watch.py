"""The status of each configured provider: the latest check, its throttle, today's money."""

from __future__ import annotations

from collections.abc import Sequence

from imagegeneration.core.ids import ProviderName
from imagegeneration.money.spending import Spending
from imagegeneration.operations.state import ProviderState
from imagegeneration.providers.checks import Checks
from imagegeneration.providers.throttle import Pacing


class ProviderWatch:
    """The status of providers, at most a few seconds old."""

    def __init__(self, providers: Sequence[ProviderName], checks: Checks, pacing: Pacing, spending: Spending) -> None:
        self._providers = providers
        self._checks = checks
        self._pacing = pacing
        self._spending = spending

    def all(self) -> Sequence[ProviderState]:
        """Return the state of every configured provider."""
        return [self._state(name) for name in self._providers]

    def _state(self, name: ProviderName) -> ProviderState:
        health, pace = self._checks.of(name), self._pacing.of(name)
        return ProviderState(
            provider=name,
            status=None if health is None else health.status,
            problem=None if health is None else health.problem,
            checked_at=None if health is None else health.checked_at,
            in_flight=None if pace is None else len(pace.slots),
            last_minute=None if pace is None else len(pace.starts),
            hindrance=self._pacing.hindrance(name),
            spend=self._spending.today_of(name),
        )
