"""The state of the studio as the sections of the Operations page. Pure; the texts are shown as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Action, Fact, Line, Row, Section, job_link, moment
from imagegeneration.dashboard.operations import choices
from imagegeneration.dashboard.operations.decisions import decisions
from imagegeneration.dashboard.operations.needs import clock, is_clock_wrong, needs
from imagegeneration.dashboard.operations.watch import watched
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.money.money import Limits, Spend, format_usd_exact
from imagegeneration.operations.state import OpenImage, OperationsState, QueueState, WaitingForStorage
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.providers.breaker import EVERYTHING, TESTED, Breaker


@dataclass(frozen=True)
class Look:
    """The parts of the page besides the state.

    `scopes` can be paused before any call has failed. `quotes` are the prices of retries that were asked for, by job,
    `listed` is the number of images listed, and `resets_at` when the budget starts again for the reader.
    """

    scopes: Sequence[str] = ()
    quotes: Mapping[str, RetryQuote] = field(default_factory=dict)
    listed: int = 20
    resets_at: str = ""


def overview(state: OperationsState, look: Look) -> list[Section]:
    """Return the sections of the page, from what needs an operator down to the record."""
    return [
        needs(state),
        _calls(state, look),
        watched(state),
        Section("runners", "Runners", tuple(map(_runner, state.runners)), empty="No runner was seen for a minute."),
        Section("queue", "Queue", (_queue(state.queue),)),
        Section("suggestions", "Prompt suggestions", (_suggestions(state),)),
        _storage(state),
        *([_set_aside(state, look)] if state.set_aside else []),
        _inbox(state, look),
        Section("budget", "Today's budget", (_spend(state.spend, state.ceilings, look.resets_at),)),
        Section("limits", "Limits", (_limits(state),)),
        decisions(state.audit),
    ]


def _calls(state: OperationsState, look: Look) -> Section:
    known = {breaker.scope: breaker for breaker in state.breakers}
    first = [EVERYTHING, *look.scopes]
    others = sorted(scope for scope in known if scope not in first)
    rows = [_breaker(known.get(scope, Breaker(scope=scope))) for scope in [*first, *others]]
    return Section("calls", "Calls to providers", tuple(rows))


def _breaker(breaker: Breaker) -> Row:
    scope, paused = breaker.scope, breaker.pause is not None
    return Row(
        key=scope,
        title=words.capital(words.scope(scope)),
        pill=("Paused", "bad") if paused else ("Running", "good"),
        lines=_streak(breaker),
        actions=tuple(_actions(breaker)),
    )


def _actions(breaker: Breaker) -> Iterator[Action]:
    if breaker.pause is None:
        yield choices.pause(breaker.scope)
        return
    kind, _, name = breaker.scope.partition(":")
    if kind == "provider" and breaker.pause.cause in TESTED:
        yield choices.test(name)
        yield choices.keep_paused(breaker.scope)
    yield choices.resume(breaker)


_ABOVE = "Why is said above, under Needs you."


def _streak(breaker: Breaker) -> tuple[Line, ...]:
    if breaker.scope == EVERYTHING:
        return ((choices.WHAT_A_PAUSE_DOES,),) if breaker.pause else (("New jobs start normally.",),)
    if not breaker.scope.startswith("provider:"):
        return ((_ABOVE,),) if breaker.pause else (("Pauses itself if a bill is above what was held for it.",),)
    if breaker.pause is not None:
        return ((_ABOVE,),)
    if breaker.failures == 0:
        return (("No failures in a row.",),)
    last = f" The last: {breaker.last_failure}" if breaker.last_failure else ""
    return ((f"{words.plural(breaker.failures, 'failure')} in a row.{last}",),)


def _runner(runner: RunnerInfo) -> Row:
    off = clock(runner)
    waiting = f"{runner.spooled}, {words.short_size(runner.spooled_bytes)}" if runner.spooled else "None"
    facts = [
        Fact("Calls in flight", (f"{runner.in_flight} of {runner.concurrency}",)),
        Fact("Uploads", (str(runner.uploading),)),
        Fact("Answers waiting", (waiting,)),
        Fact("Jobs at work", (str(len(runner.jobs)),)),
        Fact("Last seen", (moment(runner.seen_at),)),
        Fact("Started", (moment(runner.started_at),)),
    ]
    if runner.waiting:
        facts.append(Fact("Waiting for a provider's rate", (words.plural(runner.waiting, "image"),)))
    if off is not None:
        facts.append(Fact("Clock", (off,), "bad" if is_clock_wrong(runner) else "neutral"))
    return Row(
        key=runner.runner_id,
        title=runner.host,
        pill=("Takes no jobs", "bad") if runner.problem else ("Alive", "good"),
        lines=((runner.problem,),) if runner.problem else (),
        facts=tuple(facts),
    )


def _queue(queue: QueueState) -> Row:
    oldest: Line = ("Nobody waits",) if queue.waiting_since is None else (moment(queue.waiting_since, "for"),)
    facts = (
        Fact("Waiting", (words.plural(queue.queued, "job"),)),
        Fact("Running", (words.plural(queue.running, "job"),)),
        Fact("Users who wait", (str(queue.users_waiting),)),
        Fact("Longest wait", oldest),
    )
    return Row(key="queue", facts=facts)


def _suggestions(state: OperationsState) -> Row:
    times = state.suggestions
    share = f"{times.in_time} of {times.asked}"
    if times.asked:
        share = f"{share} ({100 * times.in_time // times.asked}%)"
    facts = (
        Fact("In time", (share,), "neutral" if times.in_time == times.asked else "bad"),
        Fact("Time limit", (f"{times.limit_seconds:g} s",)),
        Fact("Counted since", (moment(times.since),)),
        Fact("Cost today", (format_usd_exact(state.spend.text_micros),)),
    )
    return Row(key="suggestions", facts=facts)


def _storage(state: OperationsState) -> Section:
    return Section(
        "storage",
        "Waiting for storage",
        tuple(map(_machine, state.waiting_for_storage)),
        about="Images that are paid for and not yet in the bucket.",
        empty="Every image that was made is in the bucket.",
    )


def _machine(waiting: WaitingForStorage) -> Row:
    images = waiting.images
    cost = format_usd_exact(sum(image.cost_micros for image in images))
    what = f"{words.plural(len(images), 'image')}, paid for with {cost}, waiting for "
    how = (
        "A runner is there: it will deliver by itself."
        if waiting.is_alive
        else "No runner was seen there for a minute. If the machine comes back with its disk, it delivers by itself."
    )
    return Row(
        key=waiting.host,
        title=waiting.host or "An unknown machine",
        pill=("Alive", "good") if waiting.is_alive else ("Gone", "bad"),
        lines=((what, moment(min(image.since for image in images), "for"), "."), (how,)),
        links=tuple(job_link(image.job_id, f"{image.intent}, image {image.index + 1}") for image in images[:_NAMED]),
        actions=() if waiting.is_alive else (choices.declare_machine_lost(waiting),),
    )


_NAMED = 12
"""How many of a machine's images are named."""


def _set_aside(state: OperationsState, look: Look) -> Section:
    return Section(
        "set-aside",
        "Set aside",
        tuple(_kept(image, look.quotes.get(image.job_id)) for image in state.set_aside[: look.listed]),
        about="Images that are paid for, and whose answers are kept because they could not be taken in.",
    )


def _kept(image: OpenImage, quote: RetryQuote | None) -> Row:
    args = (image.job_id, image.index, image.attempt_id, image.cost_micros)
    return Row(
        key=image.attempt_id,
        title=image.intent,
        aside=format_usd_exact(image.cost_micros),
        lines=((f"Image {image.index + 1}, {image.model}, ", moment(image.since)), (image.message or "",)),
        links=(job_link(image.job_id),),
        actions=(*choices.set_aside(*args), choices.retry(image, quote)),
    )


def _inbox(state: OperationsState, look: Look) -> Section:
    listed = state.perhaps_charged[: look.listed]
    about, more, left = "", None, len(state.perhaps_charged) - len(listed)
    if listed:
        about = f"Up to {format_usd_exact(state.perhaps_charged_micros)} in all, counted as spent."
    if left > 0:
        more = Action("more", f"Show more ({left} left)", {"what": "more"})
    rows = tuple(_doubtful(image, look.quotes.get(image.job_id)) for image in listed)
    return Section("inbox", "Perhaps charged", rows, about, empty=_NO_DOUBT, more=more)


_NO_DOUBT = "No image is in doubt: the outcome of every call is known."


def _doubtful(image: OpenImage, quote: RetryQuote | None) -> Row:
    args = (image.job_id, image.index, image.attempt_id, image.cost_micros)
    return Row(
        key=image.attempt_id,
        title=image.intent,
        aside=f"Up to {format_usd_exact(image.cost_micros)}",
        lines=((f"Image {image.index + 1}, {image.model}, ", moment(image.since)), (image.message or "",)),
        links=(job_link(image.job_id),),
        actions=(choices.retry(image, quote), *choices.perhaps_charged(*args)),
    )


def _spend(spend: Spend, ceilings: Limits, resets_at: str) -> Row:
    left, limit = spend.left_micros, spend.limit_micros
    facts = (
        Fact("Spent", (format_usd_exact(spend.spent_micros),)),
        Fact("Held", (format_usd_exact(spend.held_micros),)),
        Fact("Left", (format_usd_exact(max(left, 0)),), "bad" if left <= 0 else "neutral"),
        Fact("Limit", (format_usd_exact(limit),)),
        Fact("Ceiling", (format_usd_exact(ceilings.daily_micros),)),
    )
    used = max(limit, spend.spent_micros + spend.held_micros, 1)
    account = "Sandbox money: nothing of it is real. " if spend.account == "sandbox" else ""
    over = f"The limit is passed by {format_usd_exact(-left)}. " if left < 0 else ""
    text = f"{account}{over}The budget of everybody together starts again at {resets_at}."
    return Row(key="budget", facts=facts, bar=(spend.spent_micros / used, spend.held_micros / used), lines=((text,),))


def _limits(state: OperationsState) -> Row:
    limits, version = state.limits, state.limits_version
    who: Line = ("Nobody has set limits, so that the ceilings are in force.",)
    if version is not None:
        who = (f"Set by {words.person(version.changed_by)}, ", moment(version.changed_at), f": {version.reason}")
    return Row(
        key="limits",
        facts=tuple(_limited(limits, state.ceilings)),
        lines=(who, *(() if version is None or _amounts(version.limits) == _amounts(limits) else (_LOWERED,))),
        actions=(choices.change_limits(limits, state.ceilings, version.version if version else 0),),
    )


def _amounts(limits: Limits) -> Limits:
    return limits.model_copy(update={"providers": ()})


_LOWERED: Line = ("A ceiling is lower than what was set, and is in force instead.",)


def _limited(limits: Limits, ceilings: Limits) -> Iterator[Fact]:
    pairs = (
        ("Everybody, a day", limits.daily_micros, ceilings.daily_micros),
        ("Each user, a day", limits.daily_per_user_micros, ceilings.daily_per_user_micros),
        ("One image", limits.per_image_micros, ceilings.per_image_micros),
    )
    for label, limit, ceiling in pairs:
        yield Fact(label, (format_usd_exact(limit),), note=f"Ceiling {format_usd_exact(ceiling)}")
