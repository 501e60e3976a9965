"""API keys: creation, use and revocation."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.cache import TTLCache
from imagegeneration.core.errors import Busy, NotAllowed, NotFound, WrongState
from imagegeneration.core.ids import new_id
from imagegeneration.core.roles import Permission
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.key import PREFIX, ApiKey, key_sha256, new_key
from imagegeneration.people.key_store import KeyStore
from imagegeneration.people.people import People

KNOWN_SECONDS = 5.0
"""How long a key's look-up is cached: a revocation reaches every process within this time."""

KNOWN_KEYS = 10_000
KEYS_OF_A_PERSON = 50
"""The most valid keys of a user, and the most invalid ones; older invalid keys are deleted."""

KEYS_A_DAY = 100
TOUCH_SECONDS = 60.0
"""How often the use of a key is recorded."""


_DAY = timedelta(days=1)

log = logging.getLogger(__name__)


class Keys:
    """The API keys of users. A key acts for its user, within its scopes."""

    def __init__(
        self, connection: Connection, store: KeyStore, people: People, audit: Audit, confirmation: timedelta
    ) -> None:
        """Take `confirmation`: how long a key works after the last sign-in of its user.

        A user who has left cannot sign in any more, and the studio learns no more than that.
        """
        self._confirmation = confirmation
        self._connection = connection
        self._keys = store
        self._people = people
        self._audit = audit
        self._known = TTLCache(self._find, KNOWN_SECONDS, KNOWN_KEYS)
        self._used = TTLCache(self._note_use, TOUCH_SECONDS, KNOWN_KEYS)

    def make(self, actor: Actor, name: str, scopes: Sequence[Permission], days: int | None) -> tuple[str, ApiKey]:
        """Create a key of the actor, shown now and never again. It expires after `days` (None: never).

        Raises WrongState (IMG_011) for too many keys, for a scope that the actor lacks, and without sign-in. Raises
        Busy (IMG_005) above KEYS_A_DAY. Raises NotAllowed (IMG_010) if a key asks: a leaked key must not create or
        revoke keys.
        """
        _require_person(actor)
        missing = set(scopes) - actor.permissions
        if missing:
            raise WrongState(
                f"You may not {min(missing)} yourself, so a key of yours may not either.",
                resolution="Choose among what you may do yourself.",
            )
        now = self._connection.now()
        text = new_key()
        key = ApiKey(
            key_id=new_id("key"),
            person_id=actor.user_id,
            name=name,
            hint=text[: len(PREFIX) + 4],
            key_sha256=key_sha256(text),
            scopes=tuple(dict.fromkeys(scopes)),
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )

        def work(session: Session) -> None:
            self._make_room(actor.user_id, now, session)
            self._keys.insert(key, session=session)
            self._audit.write(actor, "key.made", key.key_id, name, now=now, session=session)

        self._connection.transaction(work)
        return text, key

    def _make_room(self, person_id: str, now: datetime, session: Session) -> None:
        """Refuse a key above the limits, and delete the oldest invalid keys.

        Every new key writes the end of the audit chain. Two requests at once therefore conflict and cannot share one
        free place.
        """
        own = self._keys.of_person(person_id, session=session)
        if sum(key.is_valid(now) for key in own) >= KEYS_OF_A_PERSON:
            raise WrongState(f"At most {KEYS_OF_A_PERSON} keys at once.", resolution="Revoke one that is not used.")
        lately = [key.created_at for key in own if key.created_at > now - _DAY]
        if len(lately) >= KEYS_A_DAY:
            free_in = lately[-KEYS_A_DAY] + _DAY - now
            raise Busy(f"At most {KEYS_A_DAY} keys a day.", retry_after=round(free_in.total_seconds()))
        over = [key.key_id for key in own if not key.is_valid(now) and key.created_at <= now - _DAY]
        if len(over) > KEYS_OF_A_PERSON:
            self._keys.delete(over[:-KEYS_OF_A_PERSON], session=session)

    def actor(self, text: str) -> Actor | None:
        """Return the actor of the key, or None if it is wrong, malformed, expired or revoked, all in the same time."""
        return self._known.get(key_sha256(text))

    def recall(self, text: str) -> Actor | None:
        """Return the actor of the key if it is cached, else None. Never waits."""
        return self._known.peek(key_sha256(text))

    def use(self, key_id: str) -> None:
        """Record that a key is in use, at most once every TOUCH_SECONDS."""
        self._used.get(key_id)

    def was_used(self, key_id: str) -> bool:
        """Return whether the use was recorded recently. Never waits."""
        return self._used.peek(key_id) is True

    def of_actor(self, actor: Actor) -> Sequence[ApiKey]:
        """Return the actor's keys, oldest first, with revoked ones."""
        return self._keys.of_person(actor.user_id)

    def revoke(self, actor: Actor, key_id: str) -> None:
        """Revoke a key of the actor.

        Raises NotFound (IMG_008) if it is another user's or already revoked; NotAllowed (IMG_010) if a key asks.
        """
        _require_person(actor)
        now = self._connection.now()

        def work(session: Session) -> bool:
            revoked = self._keys.revoke(actor.user_id, key_id, now, session=session)
            if revoked is None:
                return False
            self._audit.write(actor, "key.revoked", key_id, revoked.name, now=now, session=session)
            return True

        if not self._connection.transaction(work):
            raise NotFound("There is no such key.")
        self._known.invalidate()

    def _note_use(self, key_id: str) -> bool:
        self._keys.used(key_id)
        return True

    def _find(self, sha256: str) -> Actor | None:
        key = self._keys.find(sha256)
        if key is None or not secrets.compare_digest(key.key_sha256, sha256):
            return None
        person = self._people.confirmed(key.person_id, self._confirmation)
        if person is None:
            log.info("The key %s rests: its person has not signed in for %s", key.key_id, self._confirmation)
            return None
        if not person.may_enter:
            return None
        return person.actor().model_copy(update={"key": key.name, "key_id": key.key_id, "scopes": key.scopes})


def _require_person(actor: Actor) -> None:
    if actor.key is not None:
        raise NotAllowed("A key cannot manage keys.", resolution="Sign in to do that.")
    if actor.user_id == LOCAL.user_id:
        raise WrongState(
            "Without sign-in there are no keys: programs on this machine need none, and no others are answered.",
            resolution="Set SIGN_IN_PROVIDERS and PUBLIC_URL, and start the studio again.",
        )
