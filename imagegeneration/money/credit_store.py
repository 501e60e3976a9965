"""The collections `credits` and `credit_entries`: the balances of users, and every movement."""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel

from imagegeneration.money.credit import Balance, CreditEntry
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

_INDEXES = (
    IndexModel("entryId", unique=True),
    IndexModel([("personId", ASCENDING), ("at", ASCENDING)]),
    IndexModel([("jobId", ASCENDING), ("at", ASCENDING)]),
)


class CreditStore:
    """The store of balances. Each moves in one transaction with the entries that add up to it."""

    def __init__(self, connection: Connection) -> None:
        self._balances = Collection(connection, "credits", Balance, key="personId")
        self._entries = Collection(connection, "credit_entries", CreditEntry, indexes=_INDEXES)

    def balance(self, person_id: str, *, session: Session | None = None) -> Balance | None:
        """Return the user's balance, or None if the user is not metered."""
        return self._balances.get({"_id": person_id}, session=session)

    def balances(self, person_ids: Some[str]) -> list[Balance]:
        """Return the balances of these users; users who are not metered are left out."""
        return self._balances.find({"_id": {"$in": list(person_ids)}})

    def begin(self, balance: Balance, *, session: Session) -> None:
        """Meter a user from now on."""
        self._balances.append([balance], session=session)

    def move(self, person_id: str, delta: int, *, at_least: int | None = None, session: Session) -> bool:
        """Add to the balance. Return False, and change nothing, if it is below `at_least` (None: no check)."""
        enough = {} if at_least is None else {"credits": {"$gte": at_least}}
        return self._balances.compare_and_set(
            {"_id": person_id, **enough}, {"$inc": {"credits": delta}}, session=session
        )

    def append(self, entries: Sequence[CreditEntry], *, session: Session) -> None:
        """Add entries, in the transaction that also moves the balance."""
        self._entries.append(entries, session=session)
