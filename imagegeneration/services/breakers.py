"""Whether work may be started: the pause switch, and breakers that trip by themselves.

A provider is paused when its calls fail in a row, when it does not accept this account, or when money goes
faster than allowed; a model, when a bill is above its hold, because then its price in the catalog is wrong
(DESIGN.md, section 4). What was started already is finished and recorded all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.breaker import (
    EVERYTHING,
    TESTED,
    Barred,
    Breaker,
    BreakerRules,
    Cause,
    Pause,
    model_scope,
    provider_scope,
)
from imagegeneration.domain.generation import CallFailed, GenerationParameters, ProviderName
from imagegeneration.domain.health import Checked
from imagegeneration.domain.job import Attempt
from imagegeneration.domain.money import format_usd, format_usd_exact
from imagegeneration.errors import InvalidRequest, ModelUnavailable, WrongState
from imagegeneration.services.audit import STUDIO, Audit
from imagegeneration.services.recent import Recent
from imagegeneration.store import Session, Stores

READ_SECONDS = 1.2
"""How old what is known of the breakers may be: a pause reaches every process within this. A runner reads them with
each tick, a second apart by default, so that no claim waits for it."""

BURN_WINDOW = timedelta(minutes=10)
"""The burn rate is what was spent in this time, for an hour."""


class Breakers:
    """What is paused; known to every process within a second."""

    def __init__(self, stores: Stores, audit: Audit, rules: BreakerRules, scopes: Collection[str]) -> None:
        """`scopes` are all that a person may pause."""
        self._connection = stores.connection
        self._breakers = stores.breakers
        self._ledger = stores.ledger
        self._audit = audit
        self._rules = rules
        self._scopes = scopes
        self._known: Recent[dict[str, Breaker]] = Recent(
            lambda: {breaker.scope: breaker for breaker in self._breakers.all()}, READ_SECONDS
        )

    def all(self) -> Sequence[Breaker]:
        """Every breaker, by scope, paused or not."""
        return self._breakers.all()

    def of(self, provider: ProviderName) -> Breaker:
        """The provider's own breaker."""
        scope = provider_scope(provider)
        return self._known.get().get(scope) or Breaker(scope=scope)

    def look(self) -> None:
        """Read the breakers now."""
        self._known.refresh()

    def pause_of(self, scope: str) -> Pause | None:
        """Return the pause of this scope; None if it is not paused."""
        breaker = self._known.get().get(scope)
        return None if breaker is None else breaker.pause

    def stopping(self, provider: ProviderName) -> Pause | None:
        """The pause that keeps new calls from the provider: the pause switch, or its own."""
        return self.pause_of(EVERYTHING) or self.pause_of(provider_scope(provider))

    def is_everything_paused(self) -> bool:
        """Whether the pause switch is on."""
        return self.pause_of(EVERYTHING) is not None

    def barred(self) -> Barred:
        """The models and providers whose jobs wait."""
        return Barred(models=tuple(self.paused_models()), providers=tuple(self._paused(provider_scope(""))))

    def due_probe(self, provider: ProviderName) -> datetime | None:
        """Since when one call should find out whether the paused provider works again; None if none should."""
        pause = self.pause_of(provider_scope(provider))
        if pause is None or pause.probe_at is None or self.pause_of(EVERYTHING) is not None:
            return None
        return pause.probe_at if pause.probe_at <= self._connection.now() else None

    def paused_models(self) -> Sequence[str]:
        """The models whose jobs wait."""
        return self._paused(model_scope(""))

    def _paused(self, prefix: str) -> Sequence[str]:
        return [
            scope.removeprefix(prefix)
            for scope in self._known.get()
            if scope.startswith(prefix) and self.pause_of(scope)
        ]

    def admits(self, request: GenerationParameters) -> bool:
        """Whether a call may be started now. Of a paused provider, only one call is let through each time."""
        if self.pause_of(EVERYTHING) is not None or self.pause_of(model_scope(request.model)) is not None:
            return False
        scope = provider_scope(request.provider)
        pause = self.pause_of(scope)
        return pause is None or self._takes_probe(scope, pause)

    def hindrance(self, request: GenerationParameters) -> str | None:
        """Why no call of these may be started now, beside a probe: provider or model is paused; None if neither is."""
        pause = self.pause_of(provider_scope(request.provider))
        if pause is not None:
            return f"{request.provider} is paused: {pause.reason}"
        pause = self.pause_of(model_scope(request.model))
        return None if pause is None else f"The model {request.model} is paused: {pause.reason}"

    def check_model(self, model: str) -> None:
        """Raise ModelUnavailable (IMG_013) if the model is paused: nothing can be promised for it."""
        pause = self.pause_of(model_scope(model))
        if pause is not None:
            raise ModelUnavailable(
                f"The model {model} is paused: {pause.reason}",
                resolution="Choose another model, or ask an operator to look into this one and to resume it.",
            )

    def succeeded(self, provider: ProviderName, started_at: datetime | None) -> None:
        """The provider answered a call that was started then: no failures in a row any more.

        A pause that is tested ends with it, unless the call was started before the pause began.
        """
        breaker = self._breakers.succeeded(provider_scope(provider))
        pause = None if breaker is None else breaker.pause
        if pause is None or pause.cause not in TESTED or started_at is None or started_at < pause.paused_at:
            return
        self._end(STUDIO, provider_scope(provider), pause, "A call succeeded.")

    def failed(self, provider: ProviderName, failure: CallFailed, started_at: datetime | None) -> None:
        """A call failed. Trips the breaker if the account is refused, or if too many failed in a row.

        A refused request says that the provider works.
        """
        if failure.credentials:
            self._begin(STUDIO, provider_scope(provider), "credentials", failure.message)
        elif failure.retryable or failure.certainty == "unknown":
            self.count_failure(provider, failure.message)
        else:
            self.succeeded(provider, started_at)

    def count_failure(self, provider: ProviderName, message: str) -> None:
        """One more failure in a row; the one too many trips the breaker."""
        scope = provider_scope(provider)
        self._breakers.ensure(scope)
        breaker = self._breakers.failed(scope, message)
        if breaker is not None and breaker.pause is None and breaker.failures >= self._rules.failures:
            reason = f"{breaker.failures} calls failed in a row."  # everybody reads it: no word about one's prompt
            self._begin(STUDIO, scope, "failures", reason)

    def check_burn_rate(self, provider: ProviderName) -> None:
        """Pause the provider if its money goes faster than BURN_LIMIT_USD_PER_HOUR; a person resumes it."""
        limit = self._rules.burn_micros_per_hour
        breaker = self._known.get().get(provider_scope(provider))
        if limit is None or (breaker is not None and breaker.pause is not None):
            return
        now = self._connection.now()
        since = now - BURN_WINDOW
        if breaker is not None and breaker.resumed_at is not None:
            since = max(since, breaker.resumed_at)
        spent = self._ledger.spent_since(provider, since)
        rate = round(spent * timedelta(hours=1) / BURN_WINDOW)
        if rate > limit:
            reason = f"Money goes at {format_usd(rate)} an hour; the limit is {format_usd(limit)}."
            self._begin(STUDIO, provider_scope(provider), "burn_rate", reason)

    def prepare_model(self, model: str) -> None:
        """Make sure that the model can be paused inside a transaction."""
        self._breakers.ensure(model_scope(model))

    def pause_for_bill(self, attempt: Attempt, now: datetime, *, session: Session) -> None:
        """Pause the attempt's model, in the transaction that records a bill above its hold."""
        reason = (
            f"A bill of {format_usd_exact(attempt.cost_micros)} was above the {format_usd_exact(attempt.most_micros)} "
            "held for it: the price in the catalog is too low."
        )
        pause = Pause(cause="bill", reason=reason, paused_by=STUDIO.user_id, paused_at=now)
        self._write(STUDIO, model_scope(attempt.model), pause, session)
        self._known.forget()

    def pause(self, actor: Actor, scope: str, reason: str) -> None:
        """Pause by hand. Raises WrongState (IMG_011) if it is paused already, but for a pause that ends by itself.

        Raises InvalidRequest (IMG_009) for what is no provider and no model of the catalog.
        """
        if scope not in self._scopes:
            raise InvalidRequest(f"{scope} is not a provider or a model of the catalog.")
        if not self._begin(actor, scope, "person", reason):
            raise WrongState("It is paused already.")

    def resume(self, actor: Actor, scope: str, reason: str, *, paused_at: datetime) -> None:
        """End the pause that began then, whatever its cause. Raises WrongState (IMG_011) if there is none such."""
        pause = next((breaker.pause for breaker in self._breakers.all() if breaker.scope == scope), None)
        if pause is None or pause.paused_at != paused_at or not self._end(actor, scope, pause, reason):
            raise WrongState("This pause is over, or another has begun.")

    def test(self, actor: Actor, provider: ProviderName, reason: str, found: Checked) -> bool:
        """Let the next call of a provider that paused itself find out whether it works; return whether it is.

        None is let through if it would fail by what was `found`. What the actor did goes on record with that.
        """
        scope = provider_scope(provider)
        self._known.refresh()
        pause = self.pause_of(scope)
        now = self._connection.now()

        def work(session: Session) -> bool:
            is_let = pause is not None and pause.cause in TESTED and not found.is_trouble
            if pause is not None and is_let:
                is_let = self._breakers.prolong(scope, pause, now, pause.seconds, session=session)
            self._audit.write(actor, "tested", scope, reason, before=pause, after=found, now=now, session=session)
            return is_let

        is_let = self._connection.transaction(work)
        self._known.forget()
        return is_let

    def checked(self, provider: ProviderName, found: Checked, *, was_trouble: bool) -> None:
        """Take over what a check found: no call tests an account that is refused, and one does once it is accepted."""
        scope = provider_scope(provider)
        pause = self.pause_of(scope)
        if pause is None or pause.cause != "credentials":
            return
        now = self._connection.now()
        if found.status == "refused":
            self._breakers.prolong(scope, pause, now + timedelta(seconds=pause.seconds), pause.seconds)
        elif was_trouble and not found.is_trouble:
            self._breakers.prolong(scope, pause, now, pause.seconds)
        self._known.forget()

    def _takes_probe(self, scope: str, pause: Pause) -> bool:
        now = self._connection.now()
        if pause.probe_at is None or pause.probe_at > now:
            return False
        first, most = TESTED[pause.cause]
        seconds = min(max(pause.seconds * 2, first), most)
        taken = self._breakers.prolong(scope, pause, now + timedelta(seconds=seconds), seconds)
        self._known.forget()
        return taken

    def _begin(self, actor: Actor, scope: str, cause: Cause, reason: str) -> bool:
        self._breakers.ensure(scope)
        seconds = TESTED[cause][0] if cause in TESTED else 0.0
        now = self._connection.now()
        probe_at = now + timedelta(seconds=seconds) if seconds else None
        pause = Pause(
            cause=cause, reason=reason, paused_by=actor.user_id, paused_at=now, probe_at=probe_at, seconds=seconds
        )

        begun = self._connection.transaction(lambda session: self._write(actor, scope, pause, session))
        self._known.forget()
        return begun

    def _write(self, actor: Actor, scope: str, pause: Pause, session: Session) -> bool:
        """Begin the pause and put it on record; False, and nothing written, if the scope is paused already."""
        if not self._breakers.pause(scope, pause, session=session):
            return False
        self._audit.write(actor, "paused", scope, pause.reason, after=pause, now=pause.paused_at, session=session)
        return True

    def _end(self, actor: Actor, scope: str, pause: Pause, reason: str) -> bool:
        now = self._connection.now()

        def work(session: Session) -> bool:
            by_person = actor != STUDIO
            if not self._breakers.resume(scope, pause, now if by_person else None, session=session):
                return False
            self._audit.write(actor, "resumed", scope, reason, before=pause, now=now, session=session)
            return True

        ended = self._connection.transaction(work)
        self._known.forget()
        return ended
