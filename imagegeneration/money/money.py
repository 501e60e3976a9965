"""Amounts, prices and the daily budget, in integer micro-dollars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Moment, Value, sparse

MICROS_PER_USD = 1_000_000

PRICE_STEP = 100
"""The step of prices: one rounding, so that price times count is what is shown, held and recorded."""

MAX_PER_MINUTE = 1_000
"""The most calls a minute that a limit can name, because an exact rate remembers each start."""

Account = Literal["real", "sandbox"]
"""The account that pays. Sandbox money is counted like real money, and apart from it."""


def account_of(provider: ProviderName) -> Account:
    """Return the account that pays for calls to `provider`."""
    return "sandbox" if provider == "sandbox" else "real"


def tokens_cost(*parts: tuple[int, int]) -> int:
    """Return the cost of one call in micro-dollars, rounded up once.

    Each part is (tokens, micro-dollars a million tokens).
    """
    return -(-sum(tokens * price for tokens, price in parts) // 1_000_000)


def quoted(micros: int) -> int:
    """Round a price up to PRICE_STEP. Every price of an image is rounded here and only here."""
    return -(-micros // PRICE_STEP) * PRICE_STEP


def format_usd(micros: int) -> str:
    """Return dollars with two to four decimals, rounded up: exactly what a quote shows and a hold takes."""
    return format_usd_exact(quoted(micros))


def format_left(micros: int) -> str:
    """Return dollars with two to four decimals, rounded down, so that too small a rest never looks sufficient."""
    return format_usd_exact(micros // PRICE_STEP * PRICE_STEP)


def format_usd_exact(micros: int) -> str:
    """Return dollars to the micro-dollar with at least two decimals, as a record shows them."""
    whole, fraction = divmod(micros, MICROS_PER_USD)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{decimals}"


def budget_day(moment: datetime) -> str:
    """Return the UTC day, as `2026-11-20`, whose budget a hold made at `moment` uses."""
    return moment.strftime("%Y-%m-%d")


def budget_reset(moment: datetime) -> datetime:
    """Return the next midnight UTC after `moment` (UTC), when its budget starts again."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


class ProviderLimits(Value):
    """The limits of a provider over all runners: calls at once, calls begun in any minute, and money a UTC day.

    None: no limit of its own.
    """

    provider: ProviderName
    concurrency: int | None = Field(default=None, ge=1, le=256)
    per_minute: int | None = Field(default=None, ge=1, le=MAX_PER_MINUTE)
    daily_micros: Micros | None = None

    @property
    def is_paced(self) -> bool:
        """Return whether a call may have to wait for others."""
        return self.concurrency is not None or self.per_minute is not None


class Limits(Value):
    """Spend limits in micro-dollars, for a UTC day and for an image, and the limits of single providers."""

    daily_micros: Micros
    daily_per_user_micros: Micros
    per_image_micros: Micros
    providers: Many[ProviderLimits] = sparse(())

    @field_validator("providers")
    @classmethod
    def _are_of_different_ones(cls, providers: tuple[ProviderLimits, ...]) -> tuple[ProviderLimits, ...]:
        if len({each.provider for each in providers}) < len(providers):
            raise ValueError("must name each provider once")
        return providers

    def of(self, provider: ProviderName) -> ProviderLimits:
        """Return the limits of the provider."""
        found = (each for each in self.providers if each.provider == provider)
        return next(found, ProviderLimits(provider=provider))

    def within(self, ceilings: Limits) -> Limits:
        """Return these limits, each at most its ceiling, with the ceilings of providers that they do not name."""
        providers = {each.provider: each for each in (*ceilings.providers, *self.providers)}
        return Limits(
            daily_micros=min(self.daily_micros, ceilings.daily_micros),
            daily_per_user_micros=min(self.daily_per_user_micros, ceilings.daily_per_user_micros),
            per_image_micros=min(self.per_image_micros, ceilings.per_image_micros),
            providers=tuple(providers.values()),
        )


class TextLimits(Value):
    """The budgets of prompt suggestions in micro-dollars a UTC day: of all users together, and of each user."""

    daily_micros: Micros
    per_user_micros: Micros

    def within(self, limits: Limits) -> TextLimits:
        """Return these budgets, each at most the daily budget of images: if that is 0, no suggestion is paid for."""
        return TextLimits(
            daily_micros=min(self.daily_micros, limits.daily_micros),
            per_user_micros=min(self.per_user_micros, limits.daily_per_user_micros),
        )


class LimitsVersion(Value):
    """Limits that an operator set: a document of the collection `limits`.

    It never changes; the highest version counts.
    """

    schema_version: Literal[1] = 1
    limits_id: str
    account: Account
    version: int
    limits: Limits
    reason: str
    changed_by: str
    changed_at: Moment


class Budget(Value):
    """The cost of one UTC day so far: of an account, of one of its users (`user_id` set), or of a provider.

    `text_micros` is the enhancer's cost; it has its own budget (docs/adr/0027-text-budget.md).
    """

    schema_version: Literal[1] = 1
    budget_id: str
    account: Account
    day: str
    user_id: str | None
    provider: ProviderName | None = sparse(None)
    held_micros: int = 0
    spent_micros: int = 0
    text_micros: int = 0


def budget_id(account: Account, day: str, user_id: str | None = None, provider: ProviderName | None = None) -> str:
    """Return the key of the budget document of a day, or of one user's or one provider's share of it."""
    if provider is not None:
        return f"{account}:{day}/{provider}"  # guard: provider-budget-day
    return f"{account}:{day}" if user_id is None else f"{account}:{day}:{user_id}"


LedgerKind = Literal["hold", "release", "settle", "adjust", "text"]
"""The kinds of entries. `adjust` takes back spent money: a user or a late answer has shown that it was less."""


class LedgerEntry(Value):
    """One movement of money; append-only. The sums of the deltas are the counters of the budgets."""

    schema_version: Literal[1] = 1
    entry_id: str
    kind: LedgerKind
    account: Account
    day: str
    user_id: str
    job_id: str | None
    index: int | None
    attempt_id: str | None
    provider: ProviderName
    model: str
    held_delta_micros: int
    spent_delta_micros: int
    text_delta_micros: int
    at: Moment


class Spend(Value):
    """Today's money as a page shows it, in micro-dollars."""

    account: Account
    day: str
    spent_micros: int
    held_micros: int
    text_micros: int
    limit_micros: int
    resets_at: Moment

    @property
    def left_micros(self) -> int:
        """Return what may still be held; below zero if the limit was lowered or a bill exceeded its hold."""
        return self.limit_micros - self.held_micros - self.spent_micros
