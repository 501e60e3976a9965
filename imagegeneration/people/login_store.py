"""The collections `logins` and `sign_ins`: signed-in browsers, and sign-ins in progress."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pymongo import ASCENDING, IndexModel

from imagegeneration.core.value import Moment, Value
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.people.person import SIGN_IN_SECONDS, Login

_LOGINS = (
    IndexModel("tokenSha256", unique=True),
    IndexModel("personId"),
    IndexModel([("provider", ASCENDING), ("sid", ASCENDING)]),
    IndexModel("endsAt", expireAfterSeconds=0),
)
_ATTEMPTS = (
    IndexModel("stateSha256", unique=True),
    IndexModel("beganAt", expireAfterSeconds=SIGN_IN_SECONDS),
)


class SignInAttempt(Value):
    """A sign-in in progress: what is needed when the user comes back from the provider.

    It works once, in one browser. `taken_at` is when it was used; `browser_sha256` is the hash of that browser's
    cookie.
    """

    schema_version: Literal[1] = 1
    state_sha256: str
    browser_sha256: str = ""
    provider: str
    nonce: str
    verifier: str
    next: str
    began_at: Moment
    taken_at: Moment | None = None


@translated
class LoginStore:
    """The store of logins, found by the hash of the cookie. The server's clock decides whether one is over."""

    def __init__(self, connection: Connection) -> None:
        self._logins = Collection(connection, "logins", Login, indexes=_LOGINS)
        self._attempts = Collection(connection, "sign_ins", SignInAttempt, indexes=_ATTEMPTS)

    def begin(self, login: Login) -> None:
        """Add a login."""
        self._logins.insert(login)

    def find(self, token_sha256: str, idle_seconds: float) -> Login | None:
        """Return the login, or None if it is over or was idle for `idle_seconds`."""
        return self._logins.get(_alive(token_sha256, idle_seconds))

    def seen(self, token_sha256: str, idle_seconds: float) -> None:
        """Record an action of the user. A login that is over stays over."""
        self._logins.compare_and_set(_alive(token_sha256, idle_seconds), {"$currentDate": {"seenAt": True}})

    def end(self, token_sha256: str) -> None:
        """End the login, because the user has signed out in this browser."""
        self._logins.raw.delete_one({"tokenSha256": token_sha256})

    def end_all(self, person_id: str, provider: str | None = None) -> int:
        """End all logins of a user (with `provider`: those by this provider). Return their number."""
        by = {} if provider is None else {"provider": provider}
        return self._logins.raw.delete_many({"personId": person_id, **by}).deleted_count

    def end_session(self, provider: str, sid: str) -> set[str]:
        """End the logins of one session of the provider. Return the ids of the users who were signed in by it."""
        session = {"provider": provider, "sid": sid}
        people: set[str] = set(self._logins.raw.distinct("personId", session))
        self._logins.raw.delete_many(session)
        return people

    def expect(self, attempt: SignInAttempt) -> None:
        """Record that a user was sent to a provider."""
        self._attempts.insert(attempt)

    def take(self, state_sha256: str, browser_sha256: str, since: datetime) -> SignInAttempt | None:
        """Return the attempt with this state and browser as it was, and mark it as taken, or None if there is none.

        It must have begun at `since` or later.
        """
        return self._attempts.update(
            {"stateSha256": state_sha256, "browserSha256": browser_sha256, "beganAt": {"$gte": since}},
            [{"$set": {"takenAt": {"$ifNull": ["$takenAt", "$$NOW"]}}}],
            after=False,
        )


def _alive(token_sha256: str, idle_seconds: float) -> Document:
    idle_since = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": round(idle_seconds)}}
    alive = {"$and": [{"$gt": ["$endsAt", "$$NOW"]}, {"$gt": ["$seenAt", idle_since]}]}
    return {"tokenSha256": token_sha256, "$expr": alive}
