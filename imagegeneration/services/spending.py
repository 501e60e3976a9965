"""Money: the quote before, the hold at approval, the settlement after, and the ledger of all three."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.job import Job, JobImage, new_id
from imagegeneration.domain.lifecycle import money_moved
from imagegeneration.domain.money import (
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
from imagegeneration.errors import OverBudget
from imagegeneration.services.limits import SpendLimits
from imagegeneration.store import Session, Stores


class Spending:
    """Keeps spend below the limits, however many act at once, and writes down every movement."""

    def __init__(self, stores: Stores, limits: SpendLimits) -> None:
        self._connection = stores.connection
        self._budgets = stores.budgets
        self._ledger = stores.ledger
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

    def prepare(self, account: Account, day: str, user_id: str) -> None:
        """Make the counters of a day before a transaction moves them: it then only updates, and conflicts less."""
        for owner in (user_id, None):
            key = budget_id(account, day, owner)
            if key not in self._ensured:
                self._budgets.ensure(account, day, owner)
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
        account = account_of(job.request.provider)
        for day, (held, spent) in money_moved(old, new).items():
            own, everybodys = budget_id(account, day, job.user_id), budget_id(account, day)
            if held > 0 and spent == 0:
                limits = self._limits.in_force()
                allowed = {own: limits.daily_per_user_micros, everybodys: limits.daily_micros}
                if not self._budgets.hold(allowed, held, session=session):
                    raise self._over_budget(job.user_id, held, limits, now)
            else:
                self._budgets.move([own, everybodys], held, spent, session=session)

    def record_text(self, user_id: str, model: str, micros: int) -> None:
        """Write down what the enhancer cost: its own counter, outside the limits of images."""
        now = self._connection.now()
        day, account = budget_day(now), self._account
        self.prepare(account, day, user_id)
        entry = LedgerEntry(
            entry_id=new_id("led"),
            kind="text",
            account=account,
            day=day,
            user_id=user_id,
            job_id=None,
            index=None,
            attempt_id=None,
            provider="sandbox" if account == "sandbox" else "openai",
            model=model,
            held_delta_micros=0,
            spent_delta_micros=0,
            text_delta_micros=micros,
            at=now,
        )

        def work(session: Session) -> None:
            self._ledger.append([entry], session=session)
            keys = [budget_id(account, day, owner) for owner in (user_id, None)]
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

    def _spend(self, user_id: str | None, limit: int, now: datetime) -> Spend:
        budget = self._budgets.get(self._account, budget_day(now), user_id)
        return Spend(
            account=self._account,
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
                account=account_of(job.request.provider),
                day=day,
                user_id=job.user_id,
                job_id=job.job_id,
                index=image.index,
                attempt_id=image.attempt.attempt_id,
                provider=image.attempt.provider,
                model=image.attempt.model,
                held_delta_micros=held,
                spent_delta_micros=spent,
                text_delta_micros=0,
                at=now,
            )
            for day, (held, spent) in money_moved(old, [image]).items()
        ]

    def _over_budget(self, user_id: str, needed: int, limits: Limits, now: datetime) -> OverBudget:
        own = self._spend(user_id, limits.daily_per_user_micros, now)
        personal = needed > own.left_micros
        whose = "your daily budget" if personal else "the daily budget"
        limit = limits.daily_per_user_micros if personal else limits.daily_micros
        return OverBudget(
            f"This needs {format_usd(needed)}, which is more than is left of {whose} of {format_usd(limit)}. "
            f"The budget resets at {own.resets_at:%Y-%m-%d %H:%M} UTC.",
            resets_at=own.resets_at,
        )


def _kind(held: int, spent: int) -> LedgerKind:
    if held > 0:
        return "hold"
    if spent < 0:
        return "adjust"
    return "settle" if spent else "release"
