"""The collection `people`: all users who have signed in."""

from __future__ import annotations

import re
from collections.abc import Collection as Some

from pymongo import ASCENDING, IndexModel
from pymongo.collation import Collation

from imagegeneration.mongo.collection import AlreadyExists, Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.person import Person

_NAME_ORDER = [("name", ASCENDING), ("personId", ASCENDING)]
_BY_NAME = Collation("en", strength=2)
"""The collation for names, which ignores letter case."""

_INDEXES = (
    IndexModel("personId", unique=True),
    IndexModel([("issuer", ASCENDING), ("subject", ASCENDING)], unique=True),
    IndexModel(_NAME_ORDER, collation=_BY_NAME),
)


@translated
class PeopleStore:
    """The store of users, found by issuer and subject, and changed by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._people = Collection(connection, "people", Person, indexes=_INDEXES)

    def get(self, person_id: str, *, session: Session | None = None) -> Person | None:
        """Return the user, or None if there is none."""
        return self._people.get({"personId": person_id}, session=session)

    def confirmed(self, person_id: str, seconds: float) -> Person | None:
        """Return the user if they signed in within the last `seconds` of the server's clock, or None."""
        since = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": round(seconds)}}
        return self._people.get({"personId": person_id, "$expr": {"$gt": ["$signedInAt", since]}})

    def find(self, issuer: str, subject: str) -> Person | None:
        """Return the user the issuer calls `subject`, or None if there is none."""
        return self._people.get({"issuer": issuer, "subject": subject})

    def signed_in(self, person: Person) -> Person:
        """Store what the provider says now; all other fields of `person` apply to a new user only."""
        known = {"issuer": person.issuer, "subject": person.subject}
        said = person.model_dump(by_alias=True, include={"email", "name", "granted_roles", "signed_in_at"})
        fresh = {name: value for name, value in person.document().items() if name not in said | known}
        for _ in range(2):
            try:
                found = self._people.update(known, {"$set": said, "$setOnInsert": fresh}, upsert=True)
            except AlreadyExists:
                continue  # two windows signed in for the first time at once: the other created the user
            if found is not None:
                return found
        raise AssertionError("unreachable: a person who exists is only updated")

    def change(self, old: Person, new: Person, *, session: Session) -> bool:
        """Replace `old` by `new`. Return False if it has changed since it was read."""
        return self._people.replace({"personId": old.person_id, "version": old.version}, new, session=session)

    def page(self, after: str | None, limit: int, text: str = "") -> list[Person]:
        """Return up to `limit` users by name, after the id `after`, with `text` in their name or e-mail address."""
        conditions: list[Document] = []
        if after is not None:
            last = self.get(after)
            if last is None:
                return []
            same_name = {"name": last.name, "personId": {"$gt": last.person_id}}
            conditions.append({"$or": [{"name": {"$gt": last.name}}, same_name]})
        if text:
            contains = {"$regex": re.escape(text), "$options": "i"}
            conditions.append({"$or": [{"name": contains}, {"email": contains}]})
        query = {"$and": conditions} if conditions else {}
        return self._people.find(query, sort=_NAME_ORDER, limit=limit, collation=_BY_NAME)

    def names(self, ids: Some[str]) -> dict[str, str]:
        """Return the names of these users by id; unknown ids are left out."""
        found = self._people.raw.find({"personId": {"$in": list(ids)}}, {"_id": False, "personId": True, "name": True})
        return {person["personId"]: person["name"] for person in found}
