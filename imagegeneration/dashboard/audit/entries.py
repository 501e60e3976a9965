"""Entries of the audit record in words, with what they changed. Pure; the texts are shown as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode

from pydantic import ValidationError

from imagegeneration.audit.entry import Action, AuditEntry
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Change, Details, Fact, Line, Link, Row, job_link, moment
from imagegeneration.dashboard.operations.decisions import decision
from imagegeneration.jobs.job import Approval
from imagegeneration.money.credit import Balance
from imagegeneration.money.money import format_usd_exact
from imagegeneration.people.person import Person

ACTION_WORDS: Mapping[Action, str] = {
    "approved": "Job approved",
    "retried": "Job queued again",
    "canceled": "Job canceled",
    "image.decided": "Image decided about",
    "limits.changed": "Limits changed",
    "paused": "Calls paused",
    "resumed": "Calls resumed",
    "tested": "Provider tested",
    "signed-in": "Signed in",
    "signed-out": "Signed out",
    "sign-in.failed": "Sign-in failed",
    "person.changed": "Person changed",
    "credits.granted": "Credits granted",
    "key.made": "Key made",
    "key.revoked": "Key revoked",
    "lora.added": "LoRA added",
    "lora.changed": "LoRA changed",
    "lora.deleted": "LoRA deleted",
}

Names = Mapping[str, str]
"""Display names of users, by id."""


def action_words(action: Action) -> str:
    """Return the name of an action in words."""
    return ACTION_WORDS.get(action) or words.capital(action.replace(".", " "))


def entry_row(entry: AuditEntry, names: Names) -> Row:
    """Return the row of an entry: what was done, by whom, when and why, and on demand everything else about it."""
    with_key = f" with the key “{entry.key}”" if entry.key else ""
    title, reason = _said(entry, names)
    line: Line = (f"{_who(entry.actor, names)}{with_key}, ", moment(entry.at), f": {reason}" if reason else "")
    return Row(
        key=entry.entry_id,
        title=title,
        aside=f"#{entry.number:,}",
        lines=(line,),
        links=tuple(_links(entry)),
        details=Details(tuple(_facts(entry, names)), tuple(changes(entry.before, entry.after))),
    )


def _who(user_id: str, names: Names) -> str:
    if user_id in names:
        return names[user_id]
    return user_id if user_id.startswith("usr_") else words.capital(words.person(user_id))


def _said(entry: AuditEntry, names: Names) -> tuple[str, str]:
    """Return what was done, and why."""
    if entry.action in ("image.decided", "limits.changed", "paused", "resumed", "tested"):
        row = decision(entry)
        return row.title, str(row.lines[-1][0])
    tell = _TELLING.get(entry.action)
    return (action_words(entry.action), entry.reason) if tell is None else tell(entry, names)


def _approved(entry: AuditEntry, _names: Names) -> tuple[str, str]:
    try:
        approval = Approval.model_validate_json(entry.after or "")
    except ValidationError:  # an entry of another form is still worth showing
        return action_words(entry.action), entry.reason
    return f"{action_words(entry.action)} for up to {format_usd_exact(approval.quoted_micros)}", entry.reason


def _person(entry: AuditEntry, names: Names) -> tuple[str, str]:
    name = names.get(entry.subject, entry.subject)
    try:
        before, after = (Person.model_validate_json(state or "") for state in (entry.before, entry.after))
    except ValidationError:
        return f"{name} changed", entry.reason
    moved = []
    if (before.roles, before.effective_roles) != (after.roles, after.effective_roles):
        configured = " as configured" if after.roles is None else ""
        moved.append(f"{words.roles(before.effective_roles)} → {words.roles(after.effective_roles)}{configured}")
    if before.plan != after.plan:
        moved.append(f"plan {before.plan} → {after.plan}")
    if before.is_disabled != after.is_disabled:
        moved.append("disabled" if after.is_disabled else "let in again")
    return f"{name}: {', '.join(moved) or 'set again as before'}", entry.reason


def _credits_granted(entry: AuditEntry, names: Names) -> tuple[str, str]:
    name = names.get(entry.subject, entry.subject)
    try:
        before = None if entry.before is None else Balance.model_validate_json(entry.before)
        after = Balance.model_validate_json(entry.after or "")
    except ValidationError:
        return f"{name}: credits granted", entry.reason
    had = "not metered" if before is None else str(before.credits)
    return f"{name}: {had} → {words.plural(after.credits, 'credit')}", entry.reason


def _key_made(entry: AuditEntry, _names: Names) -> tuple[str, str]:
    return f"Key “{entry.reason}” made", ""


def _key_revoked(entry: AuditEntry, _names: Names) -> tuple[str, str]:
    return (f"Key “{entry.reason}” revoked", "") if entry.reason else (action_words(entry.action), "")


def _lora(entry: AuditEntry, _names: Names) -> tuple[str, str]:
    return f"{action_words(entry.action)}: {entry.subject}", entry.reason


_TELLING: Mapping[Action, Callable[[AuditEntry, Names], tuple[str, str]]] = {
    "approved": _approved,
    "retried": _approved,
    "person.changed": _person,
    "credits.granted": _credits_granted,
    "key.made": _key_made,
    "key.revoked": _key_revoked,
    "lora.added": _lora,
    "lora.changed": _lora,
    "lora.deleted": _lora,
}


def _links(entry: AuditEntry) -> Iterator[Link]:
    subject = entry.subject.partition("/")[0]
    if subject.startswith("imgjob_"):
        yield job_link(subject)
    yield Link("All about this", f"audit?{urlencode({'subject': subject})}")


def _facts(entry: AuditEntry, names: Names) -> Iterator[Fact]:
    known = (
        ("About", _with_name(entry.subject, names)),
        ("By", _with_name(entry.actor, names)),
        ("Key", entry.key),
        ("Request", entry.request_id),
        ("Entry", entry.entry_id),
        ("At", entry.at.isoformat(timespec="milliseconds")),
        ("SHA-256", entry.sha256),
    )
    for label, value in known:
        if value:
            yield Fact(label, (value,))


def _with_name(user_id: str, names: Names) -> str:
    return f"{names[user_id]} ({user_id})" if user_id in names else user_id


def changes(before: str | None, after: str | None) -> Iterator[Change]:
    """Yield the values that differ between two states, which are JSON objects."""
    old, new = _values(before), _values(after)
    for label in dict.fromkeys([*old, *new]):
        if old.get(label) != new.get(label):
            yield Change(label, old.get(label, ""), new.get(label, ""))


def _values(state: str | None) -> dict[str, str]:
    try:
        return dict(_flat("", json.loads(state or "{}")))
    except ValueError:
        return {"state": state or ""}


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield each plain value with its path: `pause.reason`, `attempts.0.costMicros`."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        parts = {str(index): one for index, one in enumerate(value)}.items()
    else:
        yield path, _plain(value)
        return
    for name, part in parts:
        yield from _flat(f"{path}.{name}" if path else name, part)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
