"""The ledger: every movement of money, written once with the credits and budgets that it moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from imagegeneration.core.errors import OverBudget
from imagegeneration.core.ids import ProviderName, new_id
from imagegeneration.core.value import MAX_MICROS
from imagegeneration.money.budget_store import BudgetStore
from imagegeneration.money.credits import Credits
from imagegeneration.money.ledger_store import LedgerStore
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import (
    LedgerEntry,
    LedgerKind,
    Limits,
    account_of,
    budget_day,
    budget_id,
    format_usd,
)
from imagegeneration.money.movement import Movement, money_moved
from imagegeneration.money.spending import Spending
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session


class Ledger:
    """The ledger of all movements. It keeps spend within the limits under any number of concurrent writers."""

    def __init__(
        self,
        connection: Connection,
        entries: LedgerStore,
        budgets: BudgetStore,
        limits: SpendLimits,
        spending: Spending,
        credits_: Credits,
    ) -> None:
        self._connection = connection
        self._entries = entries
        self._budgets = budgets
        self._limits = limits
        self._spending = spending
        self._credits = credits_
        self._ensured: set[str] = set()

    def prepare(self, movements: Sequence[Movement]) -> None:
        """Create the counters that the movements change, so that the transaction only updates and conflicts less."""
        for each in movements:
            self._ensure(each.day, each.user_id, each.provider)

    def record(self, movements: Sequence[Movement], now: datetime, *, session: Session) -> None:
        """Write the movements of one job, in the transaction of the change.

        Raises OverBudget (IMG_006) if a new hold exceeds a limit of its day, or if the credits are too few. All other
        movements are facts and recorded as they are. The counters come last, because other writers wait for them.
        """
        self._credits.record(movements, now, session=session)
        entries = entries_of(movements, now)
        if entries:
            self._entries.append(entries, session=session)
            self._count(movements, session)

    def text_today(self, user_id: str) -> tuple[str, int, int]:
        """Return today, and the recorded cost of suggestions today: in all, and of this user."""
        day, account = budget_day(self._connection.now()), self._limits.account
        whole, own = (self._budgets.get(account, day, owner).text_micros for owner in (None, user_id))
        return day, whole, own

    def record_text(self, user_id: str, model: str, micros: int, day: str) -> None:
        """Write down the enhancer's cost on a day, in its own counter outside the limits of images."""
        now, account = self._connection.now(), self._limits.account
        provider = "sandbox" if account == "sandbox" else "openai"
        self._ensure(day, user_id, provider)
        entry = LedgerEntry(
            entry_id=new_id("led"),
            kind="text",
            account=account,
            day=day,
            user_id=user_id,
            job_id=None,
            index=None,
            attempt_id=None,
            provider=provider,
            model=model,
            held_delta_micros=0,
            spent_delta_micros=0,
            text_delta_micros=micros,
            at=now,
        )

        def work(session: Session) -> None:
            self._entries.append([entry], session=session)
            keys = list(_limits_of(day, user_id, provider, self._limits.in_force()))
            self._budgets.move(keys, 0, 0, micros, session=session)

        self._connection.transaction(work)

    def _ensure(self, day: str, user_id: str, provider: ProviderName) -> None:
        account = account_of(provider)
        for owner, of_provider in ((user_id, None), (None, None), (None, provider)):
            key = budget_id(account, day, owner, of_provider)
            if key not in self._ensured:
                self._budgets.ensure(account, day, owner, of_provider)
                self._ensured.add(key)

    def _count(self, movements: Sequence[Movement], session: Session) -> None:
        limits = self._limits.in_force()
        allowed: dict[str, int] = {}
        deltas: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for each in movements:
            for key, limit in _limits_of(each.day, each.user_id, each.provider, limits).items():
                allowed[key] = limit
                held, spent = deltas[key]
                deltas[key] = (held + each.held_micros, spent + each.spent_micros)
        for held, spent in sorted(set(deltas.values()) - {(0, 0)}):
            keys = [key for key, delta in deltas.items() if delta == (held, spent)]
            if held <= 0 or spent != 0:
                self._budgets.move(keys, held, spent, session=session)
            elif not self._budgets.hold({key: allowed[key] for key in keys}, held, session=session):
                raise self._over_budget(movements, limits)

    def _over_budget(self, movements: Sequence[Movement], limits: Limits) -> OverBudget:
        moved = money_moved(movements)
        for (_day, provider), (held, _spent) in moved.items():
            limit_of_provider = limits.of(provider).daily_micros
            if limit_of_provider is None:
                continue
            of_provider = self._spending.today_of(provider)
            if held > of_provider.left_micros:
                return OverBudget(
                    f"This needs {format_usd(held)}, which is more than is left of the daily budget of "
                    f"{format_usd(limit_of_provider)} for the provider {provider}. "
                    f"The budget resets at {of_provider.resets_at:%Y-%m-%d %H:%M} UTC.",
                    resets_at=of_provider.resets_at,
                    resolution="Choose a model of another provider, wait, or ask an operator to raise the limit.",
                )
        needed = sum(held for held, _spent in moved.values())
        own = self._spending.today_of_user(movements[0].user_id)
        personal = needed > own.left_micros
        whose = "your daily budget" if personal else "the daily budget"
        limit = limits.daily_per_user_micros if personal else limits.daily_micros
        return OverBudget(
            f"This needs {format_usd(needed)}, which is more than is left of {whose} of {format_usd(limit)}. "
            f"The budget resets at {own.resets_at:%Y-%m-%d %H:%M} UTC.",
            resets_at=own.resets_at,
        )


def entries_of(movements: Sequence[Movement], now: datetime) -> list[LedgerEntry]:
    """Return the entries of these movements, one for each image, day and provider, under their latest attempt.

    What one attempt gives back and the next one takes is no movement of money.
    """
    grouped: defaultdict[tuple[str, int, str, ProviderName], list[Movement]] = defaultdict(list)
    for each in movements:
        grouped[each.job_id, each.index, each.day, each.provider].append(each)
    return [
        LedgerEntry(
            entry_id=new_id("led"),
            kind=_kind(held, spent),
            account=account_of(last.provider),
            day=last.day,
            user_id=last.user_id,
            job_id=last.job_id,
            index=last.index,
            attempt_id=last.attempt_id,
            provider=last.provider,
            model=last.model,
            held_delta_micros=held,
            spent_delta_micros=spent,
            text_delta_micros=0,
            at=now,
        )
        for last, held, spent in (
            (each[-1], sum(one.held_micros for one in each), sum(one.spent_micros for one in each))
            for each in grouped.values()
        )
        if (held, spent) != (0, 0)
    ]


def _limits_of(day: str, user_id: str, provider: ProviderName, limits: Limits) -> Mapping[str, int]:
    """Return the counters that this user's money at this provider moves, with the limit of each."""
    account = account_of(provider)
    own = limits.of(provider).daily_micros
    provider_limit = MAX_MICROS if own is None else own  # guard: provider-budget-limit
    return {
        budget_id(account, day, user_id): limits.daily_per_user_micros,
        budget_id(account, day): limits.daily_micros,
        budget_id(account, day, provider=provider): provider_limit,
    }


def _kind(held: int, spent: int) -> LedgerKind:
    if held > 0:
        return "hold"
    if spent < 0:
        return "adjust"
    return "settle" if spent else "release"
