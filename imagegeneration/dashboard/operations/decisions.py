"""The latest decisions of users and of the studio itself, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from imagegeneration.audit.entry import AuditEntry
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Link, Row, Section, job_link, moment
from imagegeneration.jobs.job import JobImage
from imagegeneration.money.money import Limits, ProviderLimits, format_usd_exact

_DECIDED: Mapping[str, str] = {
    "accept_lost": "An image accepted as lost",
    "not_charged": "An image marked as not charged",
    "declare_lost": "An image declared lost",
    "try_again": "An answer tried again",
}


def decisions(entries: Sequence[AuditEntry]) -> Section:
    """Return the section of who decided what, when and why, newest first."""
    return Section(
        "decisions", "Latest decisions", tuple(map(decision, entries)), empty="Nobody has decided anything yet."
    )


def decision(entry: AuditEntry) -> Row:
    """Return the row of one decision about money, calls or an image."""
    links: tuple[Link, ...] = ()
    reason = entry.reason
    if entry.action == "image.decided":
        title, reason = _image(entry)
        links = (job_link(entry.subject.partition("/")[0]),)
    elif entry.action == "limits.changed":
        title = _limits(entry)
    else:
        title = f"{words.capital(words.scope(entry.subject))} {entry.action}"
    by = f"{words.capital(words.person(entry.actor))}, "
    return Row(key=entry.entry_id, title=title, lines=((by, moment(entry.at)), (reason,)), links=links)


def _limits(entry: AuditEntry) -> str:
    try:
        before, after = (Limits.model_validate_json(state or "") for state in (entry.before, entry.after))
    except ValidationError:
        return "Limits changed"
    names = (
        ("everybody a day", before.daily_micros, after.daily_micros),
        ("each user a day", before.daily_per_user_micros, after.daily_per_user_micros),
        ("one image", before.per_image_micros, after.per_image_micros),
    )
    moved = [f"{name} {format_usd_exact(old)} → {format_usd_exact(new)}" for name, old, new in names if old != new]
    providers = {each.provider for each in (*before.providers, *after.providers)}
    for provider in sorted(providers):
        old_limits, new_limits = before.of(provider), after.of(provider)
        if old_limits != new_limits:
            moved.append(f"{words.provider(provider)} {_provider(old_limits)} → {_provider(new_limits)}")
    return f"Limits: {', '.join(moved)}" if moved else "Limits set again as they were"


def _provider(limits: ProviderLimits) -> str:
    said = (
        None if limits.concurrency is None else f"{limits.concurrency} at once",
        None if limits.per_minute is None else f"{limits.per_minute} a minute",
        None if limits.daily_micros is None else f"{format_usd_exact(limits.daily_micros)} a day",
    )
    return ", ".join(part for part in said if part is not None) or "not limited"


def _image(entry: AuditEntry) -> tuple[str, str]:
    decision, _, reason = entry.reason.partition(": ")
    title = _DECIDED.get(decision, "An image decided about")
    try:
        cost = JobImage.model_validate_json(entry.before or "").attempt.cost_micros
        title = f"{title}, {format_usd_exact(cost)}"
    except ValidationError:
        pass  # an entry of an older form is still worth showing
    return title, reason
