"""The throttle of providers: concurrent calls and calls a minute, over all runners. A call above them waits.

For a provider with neither limit, nothing is read or written.
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
"""How long a call counts as in flight after its runner last renewed it, in seconds."""

ASK_SECONDS = 1.0
"""How often to ask whether another runner's call has made room, in seconds. The end of an own call is known at once."""

LIMITS_SECONDS = 1.2
PACES_SECONDS = 2.0
"""Maximum age of the limits, and of the paces that are shown, in seconds."""

log = logging.getLogger(__name__)


class Pacing:
    """The throttle of one process: what it may start, and what it has started."""

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
        """Return whether any provider has such a limit."""
        return bool(self._limits.get())

    def begin(self, provider: ProviderName, attempt_id: str) -> bool:
        """Take a slot for the attempt's call. Return whether it may start.

        It counts until `end`. Raises DatabaseDown.
        """
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
        if pace is None:  # the document was deleted
            self._ensured.discard(limits.provider)
            return self._take(limits, attempt_id)
        return pace

    def end(self, attempt_id: str) -> None:
        """Release the slot of the attempt's call, if it has one. A slot that cannot be released expires."""
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
        """Renew the slots of this process's calls."""
        with self._lock:
            mine = list(self._mine)
        if mine:
            self._paces.renew(mine, SLOT_SECONDS)

    def of(self, provider: ProviderName) -> Pace | None:
        """Return the current pace of a limited provider, or None if it has no limit or was not called yet."""
        return self._shown.get().get(provider)

    def hindrance(self, provider: ProviderName) -> str | None:
        """Return why no call to the provider is started at present, or None if one may be."""
        limits, pace = self._limits.get().get(provider), self.of(provider)
        return None if limits is None or pace is None else pace.hindrance(limits)

    def _read(self) -> Mapping[ProviderName, Pace]:
        limited = self._limits.get()
        if not limited:
            return {}
        now = self._connection.now()
        return {pace.provider: pace.at(now) for pace in self._paces.all() if pace.provider in limited}
