"""The collection `ledger`: every movement of money, append-only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel

from imagegeneration.domain.generation import ProviderName
from imagegeneration.domain.money import LedgerEntry, account_of
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator


@translated
class LedgerStore:
    """Appends and reads entries; there is no way to change one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ledger = connection.collection("ledger")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes."""
        indexes = [
            IndexModel("entryId", unique=True),
            IndexModel([("account", ASCENDING), ("day", ASCENDING), ("userId", ASCENDING)]),
            IndexModel([("jobId", ASCENDING), ("at", ASCENDING)]),
            IndexModel([("account", ASCENDING), ("at", ASCENDING)]),
        ]
        self._connection.prepare("ledger", validator(LedgerEntry), indexes)

    def append(self, entries: Sequence[LedgerEntry], *, session: Session) -> None:
        """Add entries, inside the transaction that also moves the counters."""
        self._ledger.insert_many([entry.document() for entry in entries], session=session)

    def of_job(self, job_id: str) -> list[LedgerEntry]:
        """The entries of a job, oldest first."""
        found = self._ledger.find({"jobId": job_id}, {"_id": False}).sort([("at", ASCENDING), ("entryId", ASCENDING)])
        return [LedgerEntry.model_validate(entry) for entry in found]

    def spent_since(self, provider: ProviderName, since: datetime) -> int:
        """Micro-dollars that were spent on the provider since then, taken together."""
        movements: list[dict[str, Any]] = [
            {"$match": {"account": account_of(provider), "at": {"$gte": since}, "provider": provider}},
            {"$group": {"_id": None, "micros": {"$sum": "$spentDeltaMicros"}}},
        ]
        found = self._ledger.aggregate(movements).to_list()
        return int(found[0]["micros"]) if found else 0
