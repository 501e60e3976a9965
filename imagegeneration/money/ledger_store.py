"""The collection `ledger`: every movement of money, append-only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel

from imagegeneration.core.ids import ProviderName
from imagegeneration.money.money import LedgerEntry, account_of, budget_id
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.transaction import Session

Moved = Counter[tuple[str, ProviderName, str]]
"""Micro-dollars `held` or `spent`, by day and provider."""

_INDEXES = (
    IndexModel("entryId", unique=True),
    IndexModel([("account", ASCENDING), ("day", ASCENDING), ("userId", ASCENDING)]),
    IndexModel([("jobId", ASCENDING), ("at", ASCENDING)]),
    IndexModel([("account", ASCENDING), ("at", ASCENDING)]),
)
_SUMS = {name: {"$sum": f"${name}DeltaMicros"} for name in ("held", "spent", "text")}


@translated
class LedgerStore:
    """The store of ledger entries. It appends and reads; it has no method that changes an entry."""

    def __init__(self, connection: Connection) -> None:
        self._ledger = Collection(connection, "ledger", LedgerEntry, indexes=_INDEXES)

    def append(self, entries: Sequence[LedgerEntry], *, session: Session) -> None:
        """Add entries, in the transaction that also moves the counters."""
        self._ledger.append(entries, session=session)

    def of_job(self, job_id: str) -> list[LedgerEntry]:
        """Return the entries of a job, oldest first."""
        return self._ledger.find({"jobId": job_id}, sort=[("at", ASCENDING), ("entryId", ASCENDING)])

    def spent_since(self, provider: ProviderName, since: datetime) -> int:
        """Return the micro-dollars spent on the provider since then, in all."""
        movements: list[dict[str, Any]] = [
            {"$match": {"account": account_of(provider), "at": {"$gte": since}, "provider": provider}},
            {"$group": {"_id": None, "micros": {"$sum": "$spentDeltaMicros"}}},
        ]
        found = self._ledger.raw.aggregate(movements).to_list()
        return int(found[0]["micros"]) if found else 0

    def job_ids(self) -> list[str]:
        """Return the ids of the jobs that have entries."""
        found = self._ledger.raw.aggregate([{"$match": {"jobId": {"$ne": None}}}, {"$group": {"_id": "$jobId"}}])
        return [str(group["_id"]) for group in found]

    def days(self) -> list[str]:
        """Return the days that have entries."""
        return [str(group["_id"]) for group in self._ledger.raw.aggregate([{"$group": {"_id": "$day"}}])]

    def moved_by(self, job_id: str, *, session: Session) -> Moved:
        """Return the sums of the entries of a job."""
        stages: list[dict[str, Any]] = [
            {"$match": {"jobId": job_id}},
            {"$group": {"_id": {"day": "$day", "provider": "$provider"}, **_SUMS}},
        ]
        moved: Moved = Counter()
        for group in self._ledger.raw.aggregate(stages, session=session):
            for what in ("held", "spent"):
                moved[group["_id"]["day"], group["_id"]["provider"], what] = group[what]
        return moved

    def sums_of_day(self, day: str, *, session: Session) -> dict[str, Counter[str]]:
        """Return the sums of the entries of a day, by the id of each budget that they move."""
        by = {name: f"${name}" for name in ("account", "userId", "provider")}
        stages: list[dict[str, Any]] = [{"$match": {"day": day}}, {"$group": {"_id": by, **_SUMS}}]
        sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for group in self._ledger.raw.aggregate(stages, session=session):
            account, user_id, provider = (group["_id"][name] for name in by)
            for key in (
                budget_id(account, day),
                budget_id(account, day, user_id),
                budget_id(account, day, provider=provider),
            ):
                for name in _SUMS:
                    sums[key][name] += group[name]
        return sums
