"""Money: the quote before, the hold at approval, the settlement after, and the ledger of all three."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import OverBudget
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import MAX_MICROS
from imagegeneration.jobs.job import Attempt, Job, JobImage, new_id
from imagegeneration.jobs.lifecycle import money_moved
from imagegeneration.money.budget_store import BudgetStore
from imagegeneration.money.ledger_store import LedgerStore
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import (
    Account,
    LedgerEntry,
    LedgerKind,
    Limits,
    Spend,
    account_of,
    budget_day,
    budget_id,
    budget_reset,
    format_usd,
)
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session


class Spending:
    """Keeps spend below the limits, however many act at once, and writes down every movement."""

    def __init__(self, connection: Connection, budgets: BudgetStore, ledger: LedgerStore, limits: SpendLimits) -> None:
        self._connection = connection
        self._budgets = budgets
        self._ledger = ledger
        self._limits = limits
        self._account = limits.account
        self._ensured: set[str] = set()

    def check_price(self, hold_micros: int) -> None:
        """Raise OverBudget (IMG_006) if one image may cost more than the limit of an image."""
        limit = self._limits.in_force().per_image_micros
        if hold_micros > limit:
            raise OverBudget(
                f"An image costs up to {format_usd(hold_micros)}; the limit is {format_usd(limit)} an image.",
                resolution="Shorten the prompt, or ask an operator to raise the limit or choose a cheaper quality.",
            )

    def prepare(self, account: Account, day: str, user_id: str, provider: ProviderName) -> None:
        """Make the counters of a day before a transaction moves them: it then only updates, and conflicts less."""
        for owner, of_provider in ((user_id, None), (None, None), (None, provider)):
            self._ensure(account, day, owner, of_provider)

    def prepare_providers(self, images: Iterable[JobImage]) -> None:
        """Make the counters of the providers that a change of these images may move."""
        for attempt in (attempt for image in images for attempt in image.attempts):
            self._ensure(account_of(attempt.provider), attempt.budget_day, None, attempt.provider)

    def _ensure(self, account: Account, day: str, user_id: str | None, provider: ProviderName | None) -> None:
        key = budget_id(account, day, user_id, provider)
        if key not in self._ensured:
            self._budgets.ensure(account, day, user_id, provider)
            self._ensured.add(key)

    def record(
        self, job: Job, old: Sequence[JobImage], new: Sequence[JobImage], now: datetime, *, session: Session
    ) -> None:
        """Write the money that the change from `old` to `new` moves, in the transaction that makes the change.

        What is newly held must fit the limits of its day, or OverBudget (IMG_006) is raised; all else is a fact
        and is recorded as it is. The counters come last: they are what others wait for.
        """
        before = {image.index: image for image in old}
        entries = [
            entry
            for image in new
            for entry in self._entries(job, [before[image.index]] if image.index in before else [], image, now)
        ]
        if not entries:
            return
        self._ledger.append(entries, session=session)
        moved = money_moved(old, new)
        limits = self._limits.in_force()
        allowed: dict[str, int] = {}
        deltas: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for (day, provider), (held, spent) in moved.items():
            for key, limit in self._counters(job.user_id, day, provider, limits).items():
                allowed[key] = limit
                deltas[key] = (deltas[key][0] + held, deltas[key][1] + spent)
        for held, spent in sorted(set(deltas.values()) - {(0, 0)}):
            keys = [key for key, delta in deltas.items() if delta == (held, spent)]
            if held <= 0 or spent != 0:
                self._budgets.move(keys, held, spent, session=session)
            elif not self._budgets.hold({key: allowed[key] for key in keys}, held, session=session):
                raise self._over_budget(job.user_id, moved, limits, now)

    @staticmethod
    def _counters(user_id: str, day: str, provider: ProviderName, limits: Limits) -> Mapping[str, int]:
        """The counters that money of this provider moves, and what each may reach."""
        account = account_of(provider)
        own = limits.of(provider).daily_micros
        provider_limit = MAX_MICROS if own is None else own  # guard: provider-budget-limit
        return {
            budget_id(account, day, user_id): limits.daily_per_user_micros,
            budget_id(account, day): limits.daily_micros,
            budget_id(account, day, provider=provider): provider_limit,
        }

    def text_today(self, user_id: str) -> tuple[str, int, int]:
        """Return today, and what the ledger knows that suggestions have cost: of everybody, and of this person."""
        day = budget_day(self._connection.now())
        whole, own = (self._budgets.get(self._account, day, owner).text_micros for owner in (None, user_id))
        return day, whole, own

    def record_text(self, user_id: str, model: str, micros: int, day: str) -> None:
        """Write down what the enhancer cost on a day: its own counter, outside the limits of images."""
        now, account = self._connection.now(), self._account
        provider = "sandbox" if account == "sandbox" else "openai"
        self.prepare(account, day, user_id, provider)
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
            self._ledger.append([entry], session=session)
            keys = [budget_id(account, day, owner) for owner in (user_id, None)]
            keys.append(budget_id(account, day, provider=provider))
            self._budgets.move(keys, 0, 0, micros, session=session)

        self._connection.transaction(work)

    def today(self, actor: Actor) -> Spend:
        """What today's budget has been used for: everybody's, or the actor's own where less is left of that."""
        now = self._connection.now()
        limits = self._limits.in_force()
        everybodys = self._spend(None, limits.daily_micros, now)
        own = self._spend(actor.user_id, limits.daily_per_user_micros, now)
        return min(everybodys, own, key=lambda spend: spend.left_micros)

    def today_in_all(self) -> Spend:
        """What today's budget of everybody together has been used for."""
        return self._spend(None, self._limits.in_force().daily_micros, self._connection.now())

    def today_of(self, provider: ProviderName) -> Spend:
        """What has been spent on a provider today, whether or not it has a budget of its own."""
        limit = self._limits.in_force().of(provider).daily_micros
        return self._spend(None, MAX_MICROS if limit is None else limit, self._connection.now(), provider)

    def _spend(self, user_id: str | None, limit: int, now: datetime, provider: ProviderName | None = None) -> Spend:
        account = self._account if provider is None else account_of(provider)
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

    def _entries(self, job: Job, old: Sequence[JobImage], image: JobImage, now: datetime) -> list[LedgerEntry]:
        return [
            LedgerEntry(
                entry_id=new_id("led"),
                kind=_kind(held, spent),
                account=account_of(provider),
                day=day,
                user_id=job.user_id,
                job_id=job.job_id,
                index=image.index,
                attempt_id=attempt.attempt_id,
                provider=provider,
                model=attempt.model,
                held_delta_micros=held,
                spent_delta_micros=spent,
                text_delta_micros=0,
                at=now,
            )
            for (day, provider), (held, spent) in money_moved(old, [image]).items()
            for attempt in [_paid_by(image, day, provider)]
        ]

    def _over_budget(
        self,
        user_id: str,
        moved: Mapping[tuple[str, ProviderName], tuple[int, int]],
        limits: Limits,
        now: datetime,
    ) -> OverBudget:
        for (_day, provider), (held, _spent) in moved.items():
            limit_of_provider = limits.of(provider).daily_micros
            if limit_of_provider is None:
                continue
            of_provider = self._spend(None, limit_of_provider, now, provider)
            if held > of_provider.left_micros:
                return OverBudget(
                    f"This needs {format_usd(held)}, which is more than is left of the daily budget of "
                    f"{format_usd(limit_of_provider)} for the provider {provider}. "
                    f"The budget resets at {of_provider.resets_at:%Y-%m-%d %H:%M} UTC.",
                    resets_at=of_provider.resets_at,
                    resolution="Choose a model of another provider, wait, or ask an operator to raise the limit.",
                )
        needed = sum(held for held, _spent in moved.values())
        own = self._spend(user_id, limits.daily_per_user_micros, now)
        personal = needed > own.left_micros
        whose = "your daily budget" if personal else "the daily budget"
        limit = limits.daily_per_user_micros if personal else limits.daily_micros
        return OverBudget(
            f"This needs {format_usd(needed)}, which is more than is left of {whose} of {format_usd(limit)}. "
            f"The budget resets at {own.resets_at:%Y-%m-%d %H:%M} UTC.",
            resets_at=own.resets_at,
        )


def _paid_by(image: JobImage, day: str, provider: ProviderName) -> Attempt:
    """The latest attempt whose money is of this day and this provider."""
    return next(
        attempt for attempt in reversed(image.attempts) if (attempt.budget_day, attempt.provider) == (day, provider)
    )


def _kind(held: int, spent: int) -> LedgerKind:
    if held > 0:
        return "hold"
    if spent < 0:
        return "adjust"
    return "settle" if spent else "release"
