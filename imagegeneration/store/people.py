"""The collection `people`: everybody who has signed in."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.person import Person
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator

_NO_ID = {"_id": False}


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
            IndexModel([("name", ASCENDING), ("personId", ASCENDING)]),
        ]
        self._connection.prepare("people", validator(Person), indexes)

    def get(self, person_id: str) -> Person | None:
        """The person, or None."""
        found = self._people.find_one({"personId": person_id}, _NO_ID)
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

    def page(self, after: str | None, limit: int) -> list[Person]:
        """Up to `limit` people by their id, those after `after`."""
        query = {} if after is None else {"personId": {"$gt": after}}
        found = self._people.find(query, _NO_ID).sort("personId", ASCENDING).limit(limit)
        return [Person.model_validate(person) for person in found]
