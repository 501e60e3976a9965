"""API keys as rows. Pure; the texts are shown as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Action, Ask, Fact, Line, Row, Section, moment
from imagegeneration.people.key import ApiKey


def key_sections(keys: Sequence[ApiKey], now: datetime, confirmation_days: int) -> list[Section]:
    """Return the keys that work, newest first, and at the end those that no longer work.

    All keys of a user rest while the user has not signed in for `confirmation_days`.
    """
    newest = sorted(keys, key=lambda key: key.created_at, reverse=True)
    valid = tuple(_row(key, now) for key in newest if key.is_valid(now))
    over = tuple(_row(key, now) for key in newest if not key.is_valid(now))
    about = f"They stop {words.plural(confirmation_days, 'day')} after your last sign-in, until you sign in again."
    sections = [
        Section(
            "keys",
            "Your keys",
            valid,
            about=about if valid else "",
            empty="You have no key that works. Make one above.",
        )
    ]
    if over:
        sections.append(Section("over", "Revoked and expired", over, about="They open nothing any more."))
    return sections


def example(key: str, public_url: str) -> str:
    """Return a call with the key that shows whether it works."""
    return f'curl -H "Authorization: Bearer {key}" {public_url}/image/me'


def _row(key: ApiKey, now: datetime) -> Row:
    return Row(
        key=key.key_id,
        title=key.name,
        aside=f"{key.hint}…",
        pill=_state(key, now),
        facts=(_scopes(key), _last_use(key), _end(key, now), Fact("Made", (moment(key.created_at),))),
        actions=(_revoke(key),) if key.is_valid(now) else (),
    )


def _state(key: ApiKey, now: datetime) -> tuple[str, words.Tone]:
    if key.revoked_at is not None:
        return "Revoked", "neutral"
    return ("Works", "good") if key.is_valid(now) else ("Expired", "neutral")


def _scopes(key: ApiKey) -> Fact:
    return Fact("May", (", ".join(words.PERMISSION_WORDS[scope][0] for scope in key.scopes),))


def _last_use(key: ApiKey) -> Fact:
    used: Line = ("Never",) if key.last_used_at is None else (moment(key.last_used_at),)
    return Fact("Last used", used)


def _end(key: ApiKey, now: datetime) -> Fact:
    if key.revoked_at is not None:
        return Fact("Revoked", (moment(key.revoked_at),))
    if key.expires_at is None:
        return Fact("Expires", ("Never",))
    if key.expires_at <= now:
        return Fact("Expired", (moment(key.expires_at),))
    return Fact("Expires", (moment(key.expires_at, "until"),))


def _revoke(key: ApiKey) -> Action:
    ask = Ask(
        f"Programs that send “{key.name}” are refused within seconds, for good. This cannot be undone.",
        confirm="Revoke this key",
        danger=True,
    )
    return Action(f"revoke {key.key_id}", "Revoke", {"what": "revoke", "key_id": key.key_id}, ask)
