"""The providers on the Operations page: whether each works, how fast it is called, and what it cost today. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Action, Fact, Line, Row, Section, moment
from imagegeneration.dashboard.operations import choices
from imagegeneration.money.money import ProviderLimits, format_usd_exact
from imagegeneration.operations.state import OperationsState, ProviderState
from imagegeneration.providers.breaker import TESTED, Breaker, provider_scope
from imagegeneration.providers.health import HealthStatus

PILLS: Mapping[HealthStatus, tuple[str, words.Tone]] = {
    "works": ("Works", "good"),
    "reached": ("Answers", "neutral"),
    "refused": ("Account refused", "bad"),
    "unreachable": ("Does not work", "bad"),
}
_NOT_CHECKED: tuple[str, words.Tone] = ("Not checked yet", "neutral")

NONE = "None of its own"


def watched(state: OperationsState) -> Section:
    """Return the section with each configured provider."""
    version = state.limits_version.version if state.limits_version else 0
    breakers = {breaker.scope: breaker for breaker in state.breakers}
    rows = [
        _row(each, state.limits.of(each.provider), breakers.get(provider_scope(each.provider)), version)
        for each in state.providers
    ]
    about = "Each is asked every few minutes for something that costs nothing. A check pauses nothing."
    return Section("providers", "Providers", tuple(rows), about, empty="No provider is configured.")


def _row(state: ProviderState, limits: ProviderLimits, breaker: Breaker | None, version: int) -> Row:
    return Row(
        key=state.provider,
        title=words.capital(words.provider(state.provider)),
        pill=PILLS[state.status] if state.status else _NOT_CHECKED,
        lines=tuple(_lines(state)),
        facts=tuple(_facts(state, limits, breaker)),
        actions=(*_tests(state, breaker), choices.change_provider_limits(limits, version)),
    )


def _tests(state: ProviderState, breaker: Breaker | None) -> Iterator[Action]:
    """Yield the test of a provider, unless it is already beside the provider's pause."""
    pause = None if breaker is None else breaker.pause
    if pause is None or pause.cause not in TESTED:
        yield choices.test(state.provider)


def _lines(state: ProviderState) -> Iterator[Line]:
    """Yield when it was asked, and what it waits for; what keeps it from working is under Needs you."""
    if state.problem and state.status not in ("refused", "unreachable"):
        yield (state.problem,)
    if state.checked_at is not None:
        yield ("Checked ", moment(state.checked_at), ".")
    if state.hindrance:
        yield (state.hindrance,)


def _facts(state: ProviderState, limits: ProviderLimits, breaker: Breaker | None) -> Iterator[Fact]:
    failures = 0 if breaker is None else breaker.failures
    yield Fact("Failures in a row", (str(failures),), "bad" if failures else "neutral")
    yield Fact("Calls at once", (_of(state.in_flight, limits.concurrency),))
    yield Fact("Calls a minute", (_of(state.last_minute, limits.per_minute),))
    yield Fact("Spent and held today", (format_usd_exact(state.spend.spent_micros + state.spend.held_micros),))
    if limits.daily_micros is None:
        yield Fact("Daily budget", (NONE,))
    else:
        left = state.spend.left_micros
        yield Fact(
            "Daily budget",
            (format_usd_exact(limits.daily_micros),),
            "bad" if left <= 0 else "neutral",
            note=f"{format_usd_exact(max(left, 0))} left",
        )


def _of(count: int | None, limit: int | None) -> str:
    return "Not limited" if limit is None else f"{count or 0} of {limit}"
