"""The request rates of users, keys and addresses."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import Busy, DatabaseDown
from imagegeneration.people.plan import PLANS
from imagegeneration.people.rate import ACTION_RATES, FAILED_SIGN_INS, SIGN_INS, WRONG_KEYS, Action, Rate, Standing
from imagegeneration.people.rate_store import Counter, MemoryRates, RateStore, tightest

log = logging.getLogger(__name__)


class Rates:
    """Counters that refuse uses above a rate.

    An actor without a plan (the local admin) is counted for suggestions only.

    While the counters cannot be reached, requests that cost nothing are allowed: a look at images must not depend on
    them. Actions that cost money are refused, because they must not happen uncounted.
    """

    def __init__(self, store: RateStore, requests_per_minute: int) -> None:
        self._store = store
        self._here = MemoryRates()
        self._requests = Rate(what="requests", amount=requests_per_minute, seconds=60)

    def require_usable(self) -> None:
        """Raise DatabaseDown unless the counters can be written."""
        self._store.open()

    def request(self, actor: Actor, *, is_written: bool = True) -> Standing | None:
        """Count an API request of the user, or of the key that was used. Return the standing, or None if unknown.

        With `is_written` False it is counted in this process only. Raises Busy (IMG_005) above the rate.
        """
        if actor.plan is None:
            return None
        if not is_written:
            return self._take_here(self._requests_of(actor))
        return self._take_if_possible(self._requests_of(actor))

    def act(self, actor: Actor, action: Action) -> None:
        """Count an action that costs money, by the minute, and approvals also by the plan. All keys of a user share it.

        Raises Busy (IMG_005) above a rate, DatabaseDown (IMG_014) if it cannot be counted.
        """
        if action == "enhance":  # answering a suggestion writes nothing to the database
            self._take_here(Counter(ACTION_RATES[action], actor.user_id))
            return
        if actor.plan is None:
            return
        taken = self._store.take(_actions_of(actor, action))
        if not taken.passed:
            raise _busy(taken.standing)

    def sign_in(self, step: str, address: str) -> None:
        """Count a step of a sign-in on the client's address. Raises Busy (IMG_005) above the rate."""
        self._take_if_possible(Counter(SIGN_INS, f"{step} {address}"))

    def may_record_failed_sign_in(self) -> bool:
        """Count a failed sign-in. Return False above the rate, so that clients cannot fill the audit record."""
        try:
            self._take_if_possible(Counter(FAILED_SIGN_INS, "all"))
        except Busy:
            return False
        return True

    def wrong_key(self, address: str) -> None:
        """Count a wrong key on the client's address. Raises Busy (IMG_005) above the rate."""
        self._take_if_possible(Counter(WRONG_KEYS, address))

    def standings(self, actor: Actor) -> Sequence[Standing]:
        """Return the standings of all rates of the actor. Raises DatabaseDown (IMG_014)."""
        if actor.plan is None:
            return ()
        requests, *approvals = self._store.standings([self._requests_of(actor), *_actions_of(actor, "approve")])
        return [requests, self._here.standing(Counter(ACTION_RATES["enhance"], actor.user_id)), *approvals]

    def after(self, actor: Actor, action: Action) -> Standing | None:
        """Return the standing of the tightest rate of an action, or None if there is none or it is unknown."""
        if action == "enhance":
            return self._here.standing(Counter(ACTION_RATES[action], actor.user_id))
        if actor.plan is None:
            return None
        try:
            return tightest(self._store.standings(_actions_of(actor, action)))
        except DatabaseDown:
            return None

    def close(self) -> None:
        """Close the connections."""
        self._store.close()

    def _requests_of(self, actor: Actor) -> Counter:
        return Counter(self._requests, actor.key_id or actor.user_id)

    def _take_here(self, counter: Counter) -> Standing:
        taken = self._here.take(counter)
        if not taken.passed:
            raise _busy(taken.standing)
        return taken.standing

    def _take_if_possible(self, counter: Counter) -> Standing | None:
        try:
            taken = self._store.take([counter])
        except DatabaseDown:
            log.warning("Requests are not counted: the counters cannot be reached.")
            return None
        if not taken.passed:
            raise _busy(taken.standing)
        return taken.standing


def _actions_of(actor: Actor, action: Action) -> Sequence[Counter]:
    rates = [ACTION_RATES[action]]
    if action == "approve" and actor.plan is not None:
        rates += PLANS[actor.plan].rates
    return [Counter(rate, actor.user_id) for rate in rates]


def _busy(standing: Standing) -> Busy:
    resolution = None
    if standing.rate.plan is not None:
        resolution = "Wait, then send the same request again; or ask an administrator for a larger plan."
    return Busy(
        f"At most {standing.rate.words}. The next is possible in {_duration(standing.resets_in)}.",
        retry_after=standing.resets_in,
        resolution=resolution,
        standing=standing.headers,
    )


def _duration(seconds: int) -> str:
    """Return a duration in words, rounded up."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds > size:
            return f"{-(-seconds // size)} {unit}s"
    return f"{seconds} second{'s' if seconds > 1 else ''}"
