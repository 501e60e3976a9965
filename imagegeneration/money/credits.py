"""Credits: granted by admins, spent by approvals, given back for images that were not charged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import OverBudget, WrongState
from imagegeneration.core.ids import new_id
from imagegeneration.money.credit import Balance, CreditEntry, EntryKind
from imagegeneration.money.credit_store import CreditStore
from imagegeneration.money.movement import Movement, credits_moved
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.people import People


class Credits:
    """The balances of users, with a record of every movement. A user without any grant is not metered."""

    def __init__(self, connection: Connection, store: CreditStore, people: People, audit: Audit) -> None:
        self._connection = connection
        self._credits = store
        self._people = people
        self._audit = audit

    def balance(self, user_id: str) -> int | None:
        """Return the user's credits, or None if the user is not metered. The local admin never is."""
        found = None if user_id == LOCAL.user_id else self._credits.balance(user_id)
        return None if found is None else found.credits

    def balances(self, user_ids: Collection[str]) -> Mapping[str, int]:
        """Return the credits of these users by id; users who are not metered are left out."""
        return {balance.person_id: balance.credits for balance in self._credits.balances(user_ids)}

    def record(self, movements: Sequence[Movement], now: datetime, *, session: Session) -> None:
        """Write the credits that the movements of one job move, in the transaction of the change.

        A new approval raises OverBudget (IMG_006) if the balance is too small. All other movements are facts and always
        recorded.
        """
        entries = entries_of(movements, now)
        if not entries:
            return
        user_id = entries[0].person_id
        self._credits.append(entries, session=session)
        delta = sum(entry.delta for entry in entries)
        needed = -sum(entry.delta for entry in entries if entry.kind == "spent")
        if not self._credits.move(user_id, delta, at_least=needed or None, session=session):
            raise self._over_balance(user_id, needed, session)

    def grant(self, actor: Actor, person_id: str, amount: int, reason: str) -> Balance:
        """Grant a user credits, or take some back (`amount` below zero). The first grant starts the metering.

        Raises NotFound (IMG_008), or WrongState (IMG_011) if the balance is below the amount to take.
        """
        self._people.get(person_id)
        now = self._connection.now()

        def work(session: Session) -> Balance:
            before = self._credits.balance(person_id, session=session)
            after = Balance(person_id=person_id, credits=(before.credits if before else 0) + amount)
            if amount < 0 and after.credits < 0:
                raise WrongState("More would be taken than is left.", resolution="Look at the balance, then try again.")
            if before is None:
                self._credits.begin(after, session=session)
            else:
                self._credits.move(person_id, amount, session=session)
            entry = _entry("granted", person_id, amount, now, by=actor.user_id, reason=reason)
            self._credits.append([entry], session=session)
            self._audit.write(
                actor, "credits.granted", person_id, reason, before=before, after=after, now=now, session=session
            )
            return after

        return self._connection.transaction(work)

    def _over_balance(self, user_id: str, needed: int, session: Session) -> OverBudget:
        found = self._credits.balance(user_id, session=session)
        left = 0 if found is None else max(found.credits, 0)
        return OverBudget(
            f"This costs {needed} credit{'s' if needed != 1 else ''}, and {left} {'are' if left != 1 else 'is'} left.",
            resolution="Ask for fewer images, or ask an administrator for more credits.",
        )


def entries_of(movements: Sequence[Movement], now: datetime) -> list[CreditEntry]:
    """Return the entries of these movements, one for each image whose credits change."""
    by_image: defaultdict[tuple[str, int], list[Movement]] = defaultdict(list)
    for each in movements:
        by_image[each.job_id, each.index].append(each)
    return [
        _entry(_kind(moved, group[-1]), group[-1].user_id, -moved, now, job_id=job_id, index=index)
        for (job_id, index), group in by_image.items()
        if (moved := credits_moved(group))
    ]


def _kind(moved: int, last: Movement) -> EntryKind:
    """Return the kind of the movement. Credits used up before a provider was called belong to an approval."""
    if moved < 0:
        return "given_back"
    return "spent" if last.attempt_id is None else "charged_after_all"


def _entry(
    kind: EntryKind,
    person_id: str,
    delta: int,
    now: datetime,
    *,
    job_id: str | None = None,
    index: int | None = None,
    by: str | None = None,
    reason: str = "",
) -> CreditEntry:
    return CreditEntry(
        entry_id=new_id("cre"),
        kind=kind,
        person_id=person_id,
        delta=delta,
        job_id=job_id,
        index=index,
        by=by,
        reason=reason,
        at=now,
    )
