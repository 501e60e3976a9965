"""The collections `credits` and `credit_entries`: what people have left, and every movement of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pymongo import ASCENDING, IndexModel

from imagegeneration.domain.credits import Balance, CreditEntry
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator


@translated
class CreditStore:
    """Moves balances, each with entries that add up to it, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._balances = connection.collection("credits")
        self._entries = connection.collection("credit_entries")

    def prepare(self) -> None:
        """Create the collections, their validators and indexes; `_id` of a balance is the person's id."""
        self._connection.prepare("credits", validator(Balance, key="personId"), [])
        indexes = [
            IndexModel("entryId", unique=True),
            IndexModel([("personId", ASCENDING), ("at", ASCENDING)]),
            IndexModel([("jobId", ASCENDING), ("at", ASCENDING)]),
        ]
        self._connection.prepare("credit_entries", validator(CreditEntry), indexes)

    def balance(self, person_id: str, *, session: Session | None = None) -> Balance | None:
        """What the person has left; None for one who is not metered."""
        found = self._balances.find_one({"_id": person_id}, session=session)
        return None if found is None else Balance.model_validate({"personId": found.pop("_id"), **found})

    def balances(self, person_ids: Collection[str]) -> list[Balance]:
        """What these people have left; those who are not metered are left out."""
        found = self._balances.find({"_id": {"$in": list(person_ids)}})
        return [Balance.model_validate({"personId": document.pop("_id"), **document}) for document in found]

    def begin(self, balance: Balance, *, session: Session) -> None:
        """Meter a person from now on."""
        document = balance.document()
        self._balances.insert_one({"_id": document.pop("personId"), **document}, session=session)

    def move(self, person_id: str, delta: int, *, at_least: int | None = None, session: Session) -> bool:
        """Add to the balance, if at least `at_least` are there (None: a fact, whatever is there); False if not."""
        enough = {} if at_least is None else {"credits": {"$gte": at_least}}
        moved = self._balances.update_one({"_id": person_id, **enough}, {"$inc": {"credits": delta}}, session=session)
        return moved.matched_count == 1

    def append(self, entries: Sequence[CreditEntry], *, session: Session) -> None:
        """Add entries, inside the transaction that also moves the balance."""
        self._entries.insert_many([entry.document() for entry in entries], session=session)
