"""The active health check: at start and every few minutes one runner asks each provider, for all runners."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from imagegeneration.core.actor import Actor
from imagegeneration.core.cache import CachedValue
from imagegeneration.core.errors import InvalidRequest, StudioError
from imagegeneration.core.ids import ProviderName, new_id
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.check_store import CheckStore
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.health import Checked, ProviderHealth, Tested
from imagegeneration.providers.pauses import Pauses
from imagegeneration.providers.provider import Provider

START_SECONDS = 30.0
"""How long runners that start together share one check, in seconds. New credentials are checked at once."""

READ_SECONDS = 5.0

log = logging.getLogger(__name__)


class Checks:
    """The free checks and their results. They pause nothing: breakers do, by the results of calls."""

    def __init__(
        self,
        store: CheckStore,
        pauses: Pauses,
        breakers: Breakers,
        providers: Mapping[ProviderName, Provider],
        endpoints: Mapping[ProviderName, Endpoint],
        minutes: float,
    ) -> None:
        self._checks = store
        self._pauses = pauses
        self._breakers = breakers
        self._providers = providers
        self._endpoints = endpoints
        self._seconds = minutes * 60
        self._has_started = False
        self._known = CachedValue(self.all, READ_SECONDS)

    def all(self) -> Mapping[ProviderName, ProviderHealth]:
        """Return the stored health of each configured provider."""
        return {found.provider: found for found in self._checks.all() if found.provider in self._endpoints}

    def of(self, provider: ProviderName) -> ProviderHealth | None:
        """Return the health of a provider, at most READ_SECONDS old, or None before its first check."""
        return self._known.get().get(provider)

    def run(self) -> None:
        """Check every provider whose last check is old enough. Every failure is logged."""
        # A little less than the time between two rounds, so that a round is never skipped for being early.
        older_than = 0.9 * self._seconds if self._has_started else min(START_SECONDS, 0.9 * self._seconds)
        self._has_started = True
        with ThreadPoolExecutor(max(1, len(self._providers)), thread_name_prefix="check") as pool:
            for name in self._providers:
                pool.submit(self._check, name, older_than)

    def test(self, actor: Actor, name: ProviderName, reason: str) -> Tested:
        """Check a provider now. If it paused itself and the check finds no trouble, the next call tests it.

        Raises InvalidRequest (IMG_009) for a provider that is not configured.
        """
        if name not in self._providers:
            raise InvalidRequest(f"The provider {name} is not configured.")
        claim_id = new_id("chk")
        self._checks.claim(name, claim_id, self._endpoints[name].fingerprint, 0)
        found = self._ask(name, claim_id)
        is_let = self._pauses.test(actor, name, reason, found)
        pause = self._pauses.board.of_provider(name)
        return Tested(
            provider=name,
            status=found.status,
            problem=found.problem,
            paused=None if pause is None else pause.reason,
            next_call_tests=is_let,
        )

    def _ask(self, name: ProviderName, claim_id: str) -> Checked:
        found = self._providers[name].check()
        self._checks.record(name, claim_id, found)
        self._known.invalidate()
        return found

    def _check(self, name: ProviderName, older_than: float) -> None:
        claim_id = new_id("chk")
        try:
            before = self._checks.claim(name, claim_id, self._endpoints[name].fingerprint, older_than)
            if before is not None:
                found = self._ask(name, claim_id)
                self._breakers.checked(name, found, was_trouble=before.is_trouble)
                _tell(name, before, found)
        except StudioError as error:
            log.warning("The check of the provider %s could not be recorded: %s", name, error)
        except Exception:  # pool threads have no caller: log here or lose the traceback
            log.exception("The check of the provider %s failed in an unforeseen way", name)


def _tell(name: ProviderName, before: ProviderHealth, found: Checked) -> None:
    """Log one line for trouble each time, and one when the provider works again."""
    if found.status == "refused":
        log.error("The credentials of the provider %s do not work: %s", name, found.problem)
    elif found.status == "unreachable":
        log.warning("The provider %s does not work: %s", name, found.problem)
    elif before.is_trouble:
        log.info("The provider %s works again", name)
