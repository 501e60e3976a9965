"""Breakers: the results of calls, bills and checks pause a provider or a model, or end its pause.

A provider is paused when its calls fail in a row, when it does not accept this account, or when money is spent faster
than allowed. A model is paused when a bill is above its hold, because its price in the catalog is then wrong
(docs/reliability.md). Calls already started finish and are recorded all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from imagegeneration.audit.log import STUDIO
from imagegeneration.core.ids import ProviderName
from imagegeneration.money.ledger_store import LedgerStore
from imagegeneration.money.money import format_usd, format_usd_exact
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breaker import TESTED, BreakerRules, Pause, model_scope, provider_scope
from imagegeneration.providers.breaker_store import BreakerStore
from imagegeneration.providers.generation import CallFailed, GenerationParameters
from imagegeneration.providers.health import Checked
from imagegeneration.providers.pauses import Pauses

BURN_WINDOW = timedelta(minutes=10)
"""The window of the burn rate, which is the money spent in it, scaled to an hour."""


class Breakers:
    """The decisions whether a call may be started, and the automatic pauses."""

    def __init__(
        self, connection: Connection, store: BreakerStore, ledger: LedgerStore, pauses: Pauses, rules: BreakerRules
    ) -> None:
        self._connection = connection
        self._store = store
        self._ledger = ledger
        self._pauses = pauses
        self._rules = rules

    def allow_call(self, request: GenerationParameters) -> bool:
        """Return whether a call may be started now. One call may test a paused provider, each time a test is due."""
        board = self._pauses.board
        if board.is_everything_paused or board.of_scope(model_scope(request.model)) is not None:
            return False
        scope = provider_scope(request.provider)
        pause = board.of_scope(scope)
        return pause is None or self._takes_probe(scope, pause)

    def due_probe(self, provider: ProviderName) -> datetime | None:
        """Return since when a probe of the paused provider has been due, or None if none is."""
        board = self._pauses.board
        pause = board.of_scope(provider_scope(provider))
        if pause is None or pause.probe_at is None or board.is_everything_paused:
            return None
        return pause.probe_at if pause.probe_at <= self._connection.now() else None

    def succeeded(self, provider: ProviderName, started_at: datetime | None) -> None:
        """Reset the failures in a row, and end a tested pause, unless the call was started before the pause began."""
        breaker = self._store.succeeded(provider_scope(provider))
        pause = None if breaker is None else breaker.pause
        if pause is None or pause.cause not in TESTED or started_at is None or started_at < pause.paused_at:
            return
        self._pauses.end(STUDIO, provider_scope(provider), pause, "A call succeeded.")

    def failed(self, provider: ProviderName, failure: CallFailed, started_at: datetime | None) -> None:
        """Count a failed call. Pause the provider if it refused the account, or if too many failed in a row.

        A refused request shows that the provider works.
        """
        if failure.credentials:
            self._pauses.begin(STUDIO, provider_scope(provider), "credentials", failure.message)
        elif failure.retryable or failure.certainty == "unknown":
            self.count_failure(provider, failure.message)
        else:
            self.succeeded(provider, started_at)

    def count_failure(self, provider: ProviderName, message: str) -> None:
        """Count one more failure in a row. Pause the provider when the number reaches the limit."""
        scope = provider_scope(provider)
        self._store.ensure(scope)
        breaker = self._store.failed(scope, message)
        if breaker is not None and breaker.pause is None and breaker.failures >= self._rules.failures:
            reason = f"{breaker.failures} calls failed in a row."  # shown to all users: no words about a prompt
            self._pauses.begin(STUDIO, scope, "failures", reason)

    def check_burn_rate(self, provider: ProviderName) -> None:
        """Pause the provider if its spend exceeds BURN_LIMIT_USD_PER_HOUR. A user has to resume it."""
        limit = self._rules.burn_micros_per_hour
        breaker = self._pauses.board.breaker(provider)
        if limit is None or breaker.pause is not None:
            return
        since = self._connection.now() - BURN_WINDOW
        if breaker.resumed_at is not None:
            since = max(since, breaker.resumed_at)
        spent = self._ledger.spent_since(provider, since)
        rate = round(spent * timedelta(hours=1) / BURN_WINDOW)
        if rate > limit:
            reason = f"Money goes at {format_usd(rate)} an hour; the limit is {format_usd(limit)}."
            self._pauses.begin(STUDIO, provider_scope(provider), "burn_rate", reason)

    def prepare_model(self, model: str) -> None:
        """Create the model's breaker, so that the model can be paused inside a transaction."""
        self._store.ensure(model_scope(model))

    def pause_for_bill(
        self, model: str, bill_micros: int, hold_micros: int, now: datetime, *, session: Session
    ) -> None:
        """Pause the model, in the transaction that records a bill above its hold."""
        reason = (
            f"A bill of {format_usd_exact(bill_micros)} was above the {format_usd_exact(hold_micros)} "
            "held for it: the price in the catalog is too low."
        )
        pause = Pause(cause="bill", reason=reason, paused_by=STUDIO.user_id, paused_at=now)
        self._pauses.write(STUDIO, model_scope(model), pause, session=session)

    def paused_for_bill(self) -> None:
        """Publish a pause by `pause_for_bill`, once its transaction is committed."""
        self._pauses.invalidate()

    def checked(self, provider: ProviderName, found: Checked, *, was_trouble: bool) -> None:
        """Apply the result of a check: a refused account delays the probe, and one accepted again is due for it now."""
        scope = provider_scope(provider)
        pause = self._pauses.board.of_scope(scope)
        if pause is None or pause.cause != "credentials":
            return
        now = self._connection.now()
        if found.status == "refused":
            self._pauses.prolong(scope, pause, now + timedelta(seconds=pause.seconds), pause.seconds)
        elif was_trouble and not found.is_trouble:
            self._pauses.prolong(scope, pause, now, pause.seconds)

    def _takes_probe(self, scope: str, pause: Pause) -> bool:
        now = self._connection.now()
        if pause.probe_at is None or pause.probe_at > now:
            return False
        first, most = TESTED[pause.cause]
        seconds = min(max(pause.seconds * 2, first), most)
        return self._pauses.prolong(scope, pause, now + timedelta(seconds=seconds), seconds)
