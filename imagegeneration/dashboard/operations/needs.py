"""Alerts: what needs an operator. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Line, Row, Section, moment
from imagegeneration.money.money import format_usd, format_usd_exact
from imagegeneration.operations.state import OperationsState, ProviderState, WaitingForStorage
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.providers.breaker import Breaker, provider_scope

CLOCK_SHOWN_SECONDS = 5.0
CLOCK_WRONG_SECONDS = 15 * 60.0
"""How far a runner's clock may be off before it is shown, in seconds; the bucket refuses signatures beyond that."""


def needs(state: OperationsState) -> Section:
    """Return the section of everything that waits for a decision; it has no rows if all is well."""
    return Section("needs", "Needs you", tuple(_needs(state)), empty="Nothing needs you")


def _needs(state: OperationsState) -> Iterator[Row]:
    if not state.runners:
        waiting = "" if state.queue.queued == 0 else f" {words.plural(state.queue.queued, 'job')} in the queue."
        text = f"Nothing is made until one is started: python -m imagegeneration.runner.{waiting}"
        yield _need("no-runner", "No runner is alive", ((text,),), to="runners")
    for found in state.mismatches:
        key, title = f"mismatch {found.process_id} {found.text}", "Two processes have different settings"
        yield _need(key, title, ((found.text,),), to="runners")
    yield from (_paused(breaker) for breaker in state.breakers if breaker.pause is not None)
    paused = {breaker.scope for breaker in state.breakers if breaker.pause is not None}
    for provider in state.providers:
        if provider.status in ("refused", "unreachable") and provider_scope(provider.provider) not in paused:
            yield _refused(provider)
    if state.perhaps_charged:
        yield _perhaps_charged(state)
    if state.set_aside:
        yield _set_aside(state)
    yield from (_gone(waiting) for waiting in state.waiting_for_storage if not waiting.is_alive)
    for runner in state.runners:
        yield from _troubled(runner)


def _pause_lines(breaker: Breaker) -> tuple[Line, ...]:
    """Return why, since when and by whom something is paused, and how it ends. The page says this here only."""
    pause = breaker.pause
    if pause is None:
        return ()
    ends: Line = ("Until somebody resumes it.",)
    if pause.probe_at is not None:
        ends = ("One call is let through ", moment(pause.probe_at, "until"), ". If it succeeds, the pause is over.")
    return ((pause.reason,), (f"By {words.person(pause.paused_by)}, ", moment(pause.paused_at), ". ", *ends))


def clock(runner: RunnerInfo) -> str | None:
    """Return how far the runner's clock is off, in words, or None while it is right."""
    ahead = runner.clock_ahead_seconds
    if abs(ahead) <= CLOCK_SHOWN_SECONDS:
        return None
    off = f"{words.duration(abs(ahead))} {'ahead' if ahead > 0 else 'behind'}"
    return f"{off}: uploads are refused" if is_clock_wrong(runner) else off


def is_clock_wrong(runner: RunnerInfo) -> bool:
    """Return whether the bucket refuses the runner's signatures because of its clock."""
    return abs(runner.clock_ahead_seconds) > CLOCK_WRONG_SECONDS


def _paused(breaker: Breaker) -> Row:
    name = words.capital(words.scope(breaker.scope))
    return _need(f"paused {breaker.scope}", f"{name} is paused", _pause_lines(breaker), to="calls")


def _refused(provider: ProviderState) -> Row:
    name = words.capital(words.provider(provider.provider))
    title = f"{name} {'refuses the account' if provider.status == 'refused' else 'does not work'}"
    return _need(f"provider {provider.provider}", title, ((provider.problem or "",),), to="providers")


def _perhaps_charged(state: OperationsState) -> Row:
    count = len(state.perhaps_charged)
    title = f"{words.plural(count, 'image')} {'was' if count == 1 else 'were'} perhaps charged"
    sum_ = format_usd(state.perhaps_charged_micros)
    text = f"Up to {sum_} is counted as spent, for images that did not come. Somebody has to decide what becomes of it."
    return _need("perhaps-charged", title, ((text,),), to="inbox")


def _set_aside(state: OperationsState) -> Row:
    count = len(state.set_aside)
    title = f"{words.plural(count, 'answer')} could not be taken in"
    cost = format_usd_exact(sum(image.cost_micros for image in state.set_aside))
    text = f"Paid for with {cost}, and kept. Have them tried again, or give them up."
    return _need("set-aside", title, ((text,),), to="set-aside")


def _gone(waiting: WaitingForStorage) -> Row:
    what, one = words.plural(len(waiting.images), "image"), len(waiting.images) == 1
    cost = format_usd_exact(sum(image.cost_micros for image in waiting.images))
    text = f"Paid for with {cost}, and only on the disk of {waiting.host or 'an unknown machine'}."
    title = f"{what} {'is' if one else 'are'} on a machine that is gone"
    return _need(f"gone {waiting.host}", title, ((text,),), to="storage")


def _troubled(runner: RunnerInfo) -> Iterator[Row]:
    if is_clock_wrong(runner):
        text = f"It is {clock(runner)}. Images wait on its disk until the clock is set."
        yield _need(f"clock {runner.runner_id}", f"The clock of {runner.host} is wrong", ((text,),), to="runners")
    if runner.problem is not None:
        yield _need(f"problem {runner.runner_id}", f"{runner.host} takes no jobs", ((runner.problem,),), to="runners")


def _need(key: str, title: str, lines: tuple[Line, ...], to: str) -> Row:
    return Row(key=key, title=title, lines=lines, jump=to)
