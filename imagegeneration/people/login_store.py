"""The collections `logins` and `sign_ins`: browsers in which somebody is signed in, and is about to be."""

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
    """A person was sent to a provider; what is needed when the person comes back.

    It serves once, in one browser: `taken_at` is when it did, `browser_sha256` the hash of that browser's cookie.
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
    """Finds a login by the hash of its cookie; the server's clock says whether it is over."""

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
        """Record that the person did something; a login that is over stays over."""
        self._logins.compare_and_set(_alive(token_sha256, idle_seconds), {"$currentDate": {"seenAt": True}})

    def end(self, token_sha256: str) -> None:
        """End the login: the person has signed out in this browser."""
        self._logins.raw.delete_one({"tokenSha256": token_sha256})

    def end_all(self, person_id: str, provider: str | None = None) -> int:
        """End all logins of a person (with `provider`: those by this provider). Return how many there were."""
        by = {} if provider is None else {"provider": provider}
        return self._logins.raw.delete_many({"personId": person_id, **by}).deleted_count

    def end_session(self, provider: str, sid: str) -> set[str]:
        """End the logins of one session of the provider's. Return the ids of the people who were signed in by it."""
        session = {"provider": provider, "sid": sid}
        people: set[str] = set(self._logins.raw.distinct("personId", session))
        self._logins.raw.delete_many(session)
        return people

    def expect(self, attempt: SignInAttempt) -> None:
        """Record that a person was sent to a provider."""
        self._attempts.insert(attempt)

    def take(self, state_sha256: str, browser_sha256: str, since: datetime) -> SignInAttempt | None:
        """Return the attempt of this state and browser, begun since then, as it was before; from now on it is taken."""
        return self._attempts.update(
            {"stateSha256": state_sha256, "browserSha256": browser_sha256, "beganAt": {"$gte": since}},
            [{"$set": {"takenAt": {"$ifNull": ["$takenAt", "$$NOW"]}}}],
            after=False,
        )


def _alive(token_sha256: str, idle_seconds: float) -> Document:
    idle_since = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": round(idle_seconds)}}
    alive = {"$and": [{"$gt": ["$endsAt", "$$NOW"]}, {"$gt": ["$seenAt", idle_since]}]}
    return {"tokenSha256": token_sha256, "$expr": alive}
