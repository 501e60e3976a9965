"""Calls at once and calls a minute of each provider, over all runners: a call that is one too many waits.

Where a provider has neither limit nothing is asked and nothing written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from imagegeneration.core.cache import CachedValue
from imagegeneration.core.errors import StudioError
from imagegeneration.core.ids import ProviderName
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import ProviderLimits
from imagegeneration.mongo.connection import Connection
from imagegeneration.providers.pace import Pace
from imagegeneration.providers.pace_store import PaceStore

SLOT_SECONDS = 60.0
"""How long a call counts as in flight after its runner was heard of last."""

ASK_SECONDS = 1.0
"""How often it is asked whether another runner's call has made room; one's own say so at once."""

LIMITS_SECONDS = 1.2
PACES_SECONDS = 2.0
"""How old the limits, and the paces that are shown, may be."""

log = logging.getLogger(__name__)


class Pacing:
    """What one process may begin, and what it has begun."""

    def __init__(self, connection: Connection, store: PaceStore, limits: SpendLimits) -> None:
        self._connection = connection
        self._paces = store
        self._limits = CachedValue(
            lambda: {each.provider: each for each in limits.read().providers if each.is_paced}, LIMITS_SECONDS
        )
        self._shown: CachedValue[Mapping[ProviderName, Pace]] = CachedValue(self._read, PACES_SECONDS)
        self._ensured: set[ProviderName] = set()
        self._mine: dict[str, ProviderName] = {}
        self._full: set[ProviderName] = set()
        self._not_before: dict[ProviderName, tuple[ProviderLimits, float]] = {}
        self._lock = threading.Lock()

    def look(self) -> None:
        """Read the limits now."""
        self._limits.refresh()

    @property
    def is_needed(self) -> bool:
        """Whether any provider is limited in this way."""
        return bool(self._limits.get())

    def begin(self, provider: ProviderName, attempt_id: str) -> bool:
        """Whether the attempt's call may begin; it then counts until `end`. Raises DatabaseDown."""
        limits = self._limits.get().get(provider)
        if limits is None:
            return True
        measured_by, not_before = self._not_before.get(provider, (limits, 0.0))
        if measured_by == limits and time.monotonic() < not_before:
            return False
        pace = self._take(limits, attempt_id)
        if pace.has(attempt_id):
            with self._lock:
                self._mine[attempt_id] = provider
            return True
        rate_waits = pace.rate_waits(limits).total_seconds()
        with self._lock:
            self._not_before[provider] = (limits, time.monotonic() + (rate_waits or ASK_SECONDS))
            if rate_waits:
                self._full.discard(provider)
            else:
                self._full.add(provider)
        return False

    def _take(self, limits: ProviderLimits, attempt_id: str) -> Pace:
        if limits.provider not in self._ensured:
            self._paces.ensure(limits.provider)
            self._ensured.add(limits.provider)
        pace = self._paces.take(limits, attempt_id, SLOT_SECONDS)
        if pace is None:  # somebody has removed the document
            self._ensured.discard(limits.provider)
            return self._take(limits, attempt_id)
        return pace

    def end(self, attempt_id: str) -> None:
        """The attempt's call is over, or was not made. Where that cannot be written it is forgotten with time."""
        with self._lock:
            provider = self._mine.pop(attempt_id, None)
        if provider is None:
            return
        try:
            self._paces.end(provider, attempt_id)
        except StudioError as error:
            log.warning("A call to %s counts as in flight for another minute: %s", provider, error)
        with self._lock:
            if provider in self._full:
                self._full.discard(provider)
                self._not_before.pop(provider, None)

    def renew(self) -> None:
        """This process's calls are still in flight."""
        with self._lock:
            mine = list(self._mine)
        if mine:
            self._paces.renew(mine, SLOT_SECONDS)

    def of(self, provider: ProviderName) -> Pace | None:
        """How fast a limited provider is being called now; None for one that is not limited, or was not called yet."""
        return self._shown.get().get(provider)

    def hindrance(self, provider: ProviderName) -> str | None:
        """Why no call to the provider is begun at present; None if one would be."""
        limits, pace = self._limits.get().get(provider), self.of(provider)
        return None if limits is None or pace is None else pace.hindrance(limits)

    def _read(self) -> Mapping[ProviderName, Pace]:
        limited = self._limits.get()
        if not limited:
            return {}
        now = self._connection.now()
        return {pace.provider: pace.at(now) for pace in self._paces.all() if pace.provider in limited}
