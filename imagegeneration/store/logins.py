"""The collections `logins` and `sign_ins`: browsers in which somebody is signed in, and is about to be."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pymongo import IndexModel

from imagegeneration.domain.person import SIGN_IN_SECONDS, Login
from imagegeneration.domain.value import Moment, Value
from imagegeneration.store.connection import Connection, Document, translated
from imagegeneration.store.schema import validator

_NO_ID = {"_id": False}


class SignInAttempt(Value):
    """A person was sent to a provider; what is needed when the person comes back, once."""

    schema_version: Literal[1] = 1
    state_sha256: str
    provider: str
    nonce: str
    verifier: str
    next: str
    began_at: Moment


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

    def end_all(self, person_id: str) -> None:
        """Nobody is signed in as this person any more, anywhere."""
        self._logins.delete_many({"personId": person_id})

    def expect(self, attempt: SignInAttempt) -> None:
        """A person was sent to a provider."""
        self._attempts.insert_one(attempt.document())

    def take(self, state_sha256: str, since: datetime) -> SignInAttempt | None:
        """The attempt that this state stands for, begun since then; it is gone afterwards, so that it serves once."""
        found = self._attempts.find_one_and_delete(
            {"stateSha256": state_sha256, "beganAt": {"$gte": since}}, projection=_NO_ID
        )
        return None if found is None else SignInAttempt.model_validate(found)


def _alive(token_sha256: str, idle_seconds: float) -> Document:
    idle_since = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": round(idle_seconds)}}
    alive = {"$and": [{"$gt": ["$endsAt", "$$NOW"]}, {"$gt": ["$seenAt", idle_since]}]}
    return {"tokenSha256": token_sha256, "$expr": alive}
