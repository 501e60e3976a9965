"""The collection `people`: everybody who has signed in."""

from __future__ import annotations

import re
from collections.abc import Collection

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.collation import Collation
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.person import Person
from imagegeneration.store.connection import Connection, Document, Session, translated
from imagegeneration.store.schema import validator

_NO_ID = {"_id": False}
_NAME_ORDER = [("name", ASCENDING), ("personId", ASCENDING)]
_BY_NAME = Collation("en", strength=2)
"""As a person sorts names: capital or not is the same."""


@translated
class PeopleStore:
    """Finds people by who vouches for them, and changes them by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._people = connection.collection("people")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes."""
        indexes = [
            IndexModel("personId", unique=True),
            IndexModel([("issuer", ASCENDING), ("subject", ASCENDING)], unique=True),
            IndexModel(_NAME_ORDER, collation=_BY_NAME),
        ]
        self._connection.prepare("people", validator(Person), indexes)

    def get(self, person_id: str, *, session: Session | None = None) -> Person | None:
        """The person, or None."""
        found = self._people.find_one({"personId": person_id}, _NO_ID, session=session)
        return None if found is None else Person.model_validate(found)

    def confirmed(self, person_id: str, seconds: float) -> Person | None:
        """Return the person if they have signed in within so many seconds by the server's clock, or None."""
        since = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": round(seconds)}}
        query = {"personId": person_id, "$expr": {"$gt": ["$signedInAt", since]}}
        found = self._people.find_one(query, _NO_ID)
        return None if found is None else Person.model_validate(found)

    def find(self, issuer: str, subject: str) -> Person | None:
        """The person that this issuer calls `subject`, or None."""
        found = self._people.find_one({"issuer": issuer, "subject": subject}, _NO_ID)
        return None if found is None else Person.model_validate(found)

    def signed_in(self, person: Person) -> Person:
        """Keep what the provider says now; a person who is new gets what `person` has else."""
        known = {"issuer": person.issuer, "subject": person.subject}
        said = person.model_dump(by_alias=True, include={"email", "name", "granted_roles", "signed_in_at"})
        fresh = {name: value for name, value in person.document().items() if name not in said | known}
        for _ in range(2):
            try:
                found = self._people.find_one_and_update(
                    known,
                    {"$set": said, "$setOnInsert": fresh},
                    upsert=True,
                    projection=_NO_ID,
                    return_document=ReturnDocument.AFTER,
                )
                return Person.model_validate(found)
            except DuplicateKeyError:
                continue  # two windows signed in for the first time at once: the other has made the person
        raise AssertionError("unreachable: a person who exists is only updated")

    def change(self, old: Person, new: Person, *, session: Session) -> bool:
        """Put `new` where `old` is as it was read; False if somebody changed it meanwhile."""
        changed = self._people.replace_one(
            {"personId": old.person_id, "version": old.version}, new.document(), session=session
        )
        return changed.matched_count == 1

    def page(self, after: str | None, limit: int, text: str = "") -> list[Person]:
        """Up to `limit` people by name, those after the id `after`, with `text` in their name or e-mail address."""
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
        found = self._people.find(query, _NO_ID).collation(_BY_NAME).sort(_NAME_ORDER).limit(limit)
        return [Person.model_validate(person) for person in found]

    def names(self, ids: Collection[str]) -> dict[str, str]:
        """What these people are called; others are left out."""
        found = self._people.find({"personId": {"$in": list(ids)}}, {"_id": False, "personId": True, "name": True})
        return {person["personId"]: person["name"] for person in found}
