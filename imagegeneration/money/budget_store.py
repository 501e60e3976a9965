"""The collection `budgets`: the counters of each UTC day, for an account, its users and each provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegeneration.core.ids import ProviderName
from imagegeneration.money.money import Account, Budget, budget_id
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session


@translated
class BudgetStore:
    """The store of the counters. A hold moves them only within the limits, by compare-and-set in the database."""

    def __init__(self, connection: Connection) -> None:
        self._budgets = Collection(connection, "budgets", Budget, key="budgetId")

    def ensure(
        self, account: Account, day: str, user_id: str | None = None, provider: ProviderName | None = None
    ) -> None:
        """Create the counters of the day if they are missing, so that transactions only update them."""
        key = budget_id(account, day, user_id, provider)
        self._budgets.ensure(Budget(budget_id=key, account=account, day=day, user_id=user_id, provider=provider))

    def hold(self, limits: Mapping[str, int], micros: int, *, session: Session) -> bool:
        """Hold `micros` more on each budget if its held and spent money stays within its limit.

        `limits` are in micro-dollars by the budget's key. Returns False if one budget is too small; the caller must
        then abort the transaction. One command moves all counters, because all approvals wait for them.
        """
        limit = {"$switch": {"branches": [_limit_of(key, micros) for key, micros in limits.items()]}}
        counted = [
            "$heldMicros",
            "$spentMicros",  # guard: budget-counts-spent
            micros,
        ]
        query = {
            "_id": {"$in": list(limits)},
            "$expr": {"$lte": [{"$add": counted}, limit]},  # guard: budget-limit
        }
        changed = self._budgets.raw.update_many(query, {"$inc": {"heldMicros": micros}}, session=session)
        return changed.matched_count == len(limits)  # guard: budget-all-limits

    def move(self, keys: Sequence[str], held: int, spent: int, text: int = 0, *, session: Session) -> None:
        """Add to the counters without a limit, because releases, settlements and debts are facts."""
        deltas: Document = {"heldMicros": held, "spentMicros": spent, "textMicros": text}
        self._budgets.raw.update_many({"_id": {"$in": list(keys)}}, {"$inc": deltas}, session=session)

    def get(
        self, account: Account, day: str, user_id: str | None = None, provider: ProviderName | None = None
    ) -> Budget:
        """Return the counters of a day, all zero if nothing happened yet."""
        key = budget_id(account, day, user_id, provider)
        none = Budget(budget_id=key, account=account, day=day, user_id=user_id, provider=provider)
        return self._budgets.get({"_id": key}) or none

    def days(self) -> list[str]:
        """Return the days that have counters."""
        return [str(day) for day in self._budgets.raw.distinct("day")]

    def of_day(self, day: str, *, session: Session) -> list[Budget]:
        """Return all counters of a day."""
        return self._budgets.find({"day": day}, session=session)


def _limit_of(key: str, limit_micros: int) -> Document:
    return {"case": {"$eq": ["$_id", key]}, "then": limit_micros}
