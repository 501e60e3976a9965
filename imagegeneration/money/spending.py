"""Today's money: what is spent and held, and what the limits leave."""

from __future__ import annotations

from datetime import datetime

from imagegeneration.core.actor import Actor
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import MAX_MICROS
from imagegeneration.money.budget_store import BudgetStore
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import Spend, account_of, budget_day, budget_reset
from imagegeneration.mongo.connection import Connection


class Spending:
    """The counters of today, beside the limits in force."""

    def __init__(self, connection: Connection, budgets: BudgetStore, limits: SpendLimits) -> None:
        self._connection = connection
        self._budgets = budgets
        self._limits = limits

    def today(self, actor: Actor) -> Spend:
        """Return today's use of the budget of all users, or of the actor's own budget if less of it is left."""
        now, limits = self._connection.now(), self._limits.in_force()
        own = self._on_day(now, limits.daily_per_user_micros, user_id=actor.user_id)
        return min(self._on_day(now, limits.daily_micros), own, key=lambda spend: spend.left_micros)

    def today_in_all(self) -> Spend:
        """Return today's use of the budget of all users together."""
        return self._on_day(self._connection.now(), self._limits.in_force().daily_micros)

    def today_of_user(self, user_id: str) -> Spend:
        """Return today's use of one user's budget."""
        return self._on_day(self._connection.now(), self._limits.in_force().daily_per_user_micros, user_id=user_id)

    def today_of(self, provider: ProviderName) -> Spend:
        """Return today's spend on a provider, with or without a budget of its own."""
        limit = self._limits.in_force().of(provider).daily_micros
        return self._on_day(self._connection.now(), MAX_MICROS if limit is None else limit, provider=provider)

    def _on_day(
        self, now: datetime, limit: int, *, user_id: str | None = None, provider: ProviderName | None = None
    ) -> Spend:
        account = self._limits.account if provider is None else account_of(provider)
        budget = self._budgets.get(account, budget_day(now), user_id, provider)
        return Spend(
            account=account,
            day=budget.day,
            spent_micros=budget.spent_micros,
            held_micros=budget.held_micros,
            text_micros=budget.text_micros,
            limit_micros=limit,
            resets_at=budget_reset(now),
        )
