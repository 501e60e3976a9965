"""The spend limits in force: those that operators set at run time, within the ceilings of the environment."""

from __future__ import annotations

from collections.abc import Collection

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.cache import CachedValue
from imagegeneration.core.errors import InvalidRequest, WrongState
from imagegeneration.core.ids import ProviderName, new_id
from imagegeneration.money.limits_store import LimitsStore
from imagegeneration.money.money import Account, Limits, LimitsVersion, format_usd
from imagegeneration.mongo.collection import AlreadyExists
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

READ_SECONDS = 1.0
"""How old the limits of a hold may be: a change reaches every process within this time."""

_CEILINGS = {
    "daily_micros": "DAILY_BUDGET_USD",
    "daily_per_user_micros": "DAILY_BUDGET_PER_USER_USD",
    "per_image_micros": "MAX_COST_PER_IMAGE_USD",
}


class SpendLimits:
    """The versioned, audited spend limits. A version never changes; the highest counts."""

    def __init__(
        self,
        connection: Connection,
        store: LimitsStore,
        audit: Audit,
        ceilings: Limits,
        account: Account,
        providers: Collection[ProviderName],
    ) -> None:
        """Take the providers that may be limited, and the ceilings, which hold until an operator sets limits."""
        self._providers = providers
        self.ceilings = ceilings
        self.account = account
        self._connection = connection
        self._limits = store
        self._audit = audit
        self._latest: CachedValue[LimitsVersion | None] = CachedValue(
            lambda: self._limits.latest(account), READ_SECONDS
        )

    def in_force(self) -> Limits:
        """Return the latest limits, never above the ceilings, or the ceilings if no limits were set."""
        latest = self._latest.get()
        return self.ceilings if latest is None else latest.limits.within(self.ceilings)

    def read(self) -> Limits:
        """Return the limits in force, read now."""
        self._latest.refresh()
        return self.in_force()

    def latest(self) -> LimitsVersion | None:
        """Return the latest version as it was set, read now, or None if there is none."""
        return self._limits.latest(self.account)

    def change(self, actor: Actor, limits: Limits, *, version: int, reason: str) -> LimitsVersion:
        """Set limits. `version` is the number of the version that the actor saw, 0 if there was none.

        Money that is held or spent stays; only later holds must fit the new limits. Raises WrongState (IMG_011) above a
        ceiling, or if the limits were changed meanwhile. Raises InvalidRequest (IMG_009) for an unknown provider.
        """
        for each in limits.providers:
            if each.provider not in self._providers:
                raise InvalidRequest(f"{each.provider} is not a provider of the catalog.")
        for name, variable in _CEILINGS.items():
            ceiling = getattr(self.ceilings, name)
            if getattr(limits, name) > ceiling:
                raise WrongState(f"At most {format_usd(ceiling)} is possible here: {variable} is the ceiling.")
        latest = self.latest()
        if (latest.version if latest else 0) != version:
            raise WrongState("Somebody else has changed the limits meanwhile.")
        now = self._connection.now()
        changed = LimitsVersion(
            limits_id=new_id("lim"),
            account=self.account,
            version=version + 1,
            limits=limits,
            reason=reason,
            changed_by=actor.user_id,
            changed_at=now,
        )

        def work(session: Session) -> None:
            self._limits.insert(changed, session=session)
            before = latest.limits if latest else self.ceilings
            subject = f"limits:{self.account}"
            self._audit.write(
                actor, "limits.changed", subject, reason, before=before, after=limits, now=now, session=session
            )

        try:
            self._connection.transaction(work)
        except AlreadyExists:
            raise WrongState("Somebody else has changed the limits meanwhile.") from None
        self._latest.invalidate()
        return changed
