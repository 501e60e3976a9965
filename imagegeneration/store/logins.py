"""The collections `logins` and `sign_ins`: browsers in which somebody is signed in, and is about to be."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field
from pymongo import ASCENDING, IndexModel

from imagegeneration.domain.person import SIGN_IN_SECONDS, Login
from imagegeneration.domain.value import LATER, Moment, Value
from imagegeneration.store.connection import Connection, Document, translated
from imagegeneration.store.schema import validator

_NO_ID = {"_id": False}


class SignInAttempt(Value):
    """A person was sent to a provider; what is needed when the person comes back.

    It serves once, in one browser: `taken_at` is when it did, `browser_sha256` the hash of that browser's cookie.
    """

    schema_version: Literal[1] = 1
    state_sha256: str
    browser_sha256: str = Field(default="", json_schema_extra=LATER)
    provider: str
    nonce: str
    verifier: str
    next: str
    began_at: Moment
    taken_at: Moment | None = Field(default=None, json_schema_extra=LATER)


@translated
class LoginStore:
    """Finds a login by the hash of its cookie; the server's clock says whether it is over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logins = connection.collection("logins")
        self._attempts = connection.collection("sign_ins")

    def prepare(self) -> None:
        """Create the collections, their validators and indexes; what is over is deleted."""
        logins = [
            IndexModel("tokenSha256", unique=True),
            IndexModel("personId"),
            IndexModel([("provider", ASCENDING), ("sid", ASCENDING)]),
            IndexModel("endsAt", expireAfterSeconds=0),
        ]
        self._connection.prepare("logins", validator(Login), logins)
        attempts = [
            IndexModel("stateSha256", unique=True),
            IndexModel("beganAt", expireAfterSeconds=SIGN_IN_SECONDS),
        ]
        self._connection.prepare("sign_ins", validator(SignInAttempt), attempts)

    def begin(self, login: Login) -> None:
        """Add a login."""
        self._logins.insert_one(login.document())

    def find(self, token_sha256: str, idle_seconds: float) -> Login | None:
        """The login, unless it is over or nobody was there for `idle_seconds`."""
        found = self._logins.find_one(_alive(token_sha256, idle_seconds), _NO_ID)
        return None if found is None else Login.model_validate(found)

    def seen(self, token_sha256: str, idle_seconds: float) -> None:
        """Somebody is there; a login that is over stays over."""
        self._logins.update_one(_alive(token_sha256, idle_seconds), {"$currentDate": {"seenAt": True}})

    def end(self, token_sha256: str) -> None:
        """The person has signed out in this browser."""
        self._logins.delete_one({"tokenSha256": token_sha256})

    def end_all(self, person_id: str, provider: str | None = None) -> int:
        """End all logins of a person (with `provider`: those by this provider). Return how many there were."""
        by = {} if provider is None else {"provider": provider}
        return self._logins.delete_many({"personId": person_id, **by}).deleted_count

    def end_session(self, provider: str, sid: str) -> set[str]:
        """End the logins of one session of the provider's. Return the ids of the people who were signed in by it."""
        session = {"provider": provider, "sid": sid}
        people: set[str] = set(self._logins.distinct("personId", session))
        self._logins.delete_many(session)
        return people

    def expect(self, attempt: SignInAttempt) -> None:
        """A person was sent to a provider."""
        self._attempts.insert_one(attempt.document())

    def take(self, state_sha256: str, browser_sha256: str, since: datetime) -> SignInAttempt | None:
        """Return the attempt of this state and browser, begun since then, as it was before; from now on it is taken."""
        found = self._attempts.find_one_and_update(
            {"stateSha256": state_sha256, "browserSha256": browser_sha256, "beganAt": {"$gte": since}},
            [{"$set": {"takenAt": {"$ifNull": ["$takenAt", "$$NOW"]}}}],
            projection=_NO_ID,
        )
        return None if found is None else SignInAttempt.model_validate(found)


def _alive(token_sha256: str, idle_seconds: float) -> Document:
    idle_since = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": round(idle_seconds)}}
    alive = {"$and": [{"$gt": ["$endsAt", "$$NOW"]}, {"$gt": ["$seenAt", idle_since]}]}
    return {"tokenSha256": token_sha256, "$expr": alive}
