"""A MongoDB collection whose documents are values of one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pymongo import IndexModel, ReturnDocument
from pymongo.collation import Collation
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from imagegeneration.core.value import Value
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document, validator
from imagegeneration.mongo.transaction import Session

T = TypeVar("T", bound=Value)
Sort = Sequence[tuple[str, int]]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class AlreadyExists(Exception):
    """A unique index that already has an entry for this value."""


@translated
class Collection(Generic[T]):
    """A store of values of one type. MongoDB's validator refuses all other documents.

    `key` names the field that is stored as `_id`; without one, `_id` is not part of the value. Every method raises
    DatabaseDown (IMG_014) if the database cannot be used. Inside a transaction the driver's own errors pass instead,
    because they decide whether the transaction runs again; AlreadyExists is the exception.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        model: type[T],
        *,
        key: str | None = None,
        indexes: Sequence[IndexModel] = (),
        write_concern: WriteConcern | None = None,
    ) -> None:
        self._schema, self._name, self._model = connection.schema, name, model
        self._key, self._indexes = key, indexes
        connection.collections.append(self)
        self.raw = connection.collection(name).with_options(write_concern=write_concern)
        """The driver's collection, for aggregations and other calls that have no method here."""

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes, or bring them up to date. Safe to repeat."""
        self._schema.apply(self._name, validator(self._model, key=self._key), list(self._indexes))

    def parse(self, found: Document | None) -> T | None:
        """Return the value of a document, or None if there is none. Raises ValidationError if it has another form."""
        return None if found is None else self._value(found)

    def get(self, query: Mapping[str, Any], *, sort: Sort | None = None, session: Session | None = None) -> T | None:
        """Return the first value that matches, or None if none does."""
        return self.parse(self.raw.find_one(query, sort=sort, session=session))

    def find(
        self,
        query: Mapping[str, Any],
        *,
        sort: Sort = (),
        limit: int = 0,
        collation: Collation | None = None,
        session: Session | None = None,
    ) -> list[T]:
        """Return up to `limit` values that match; 0 means all."""
        found = self.raw.find(query, sort=list(sort) or None, limit=limit, collation=collation, session=session)
        return [self._value(document) for document in found]

    def insert(self, value: T, *, session: Session | None = None) -> None:
        """Add a value. Raises AlreadyExists if a unique index refuses it."""
        try:
            self.raw.insert_one(self._document(value), session=session)
        except DuplicateKeyError as error:
            raise AlreadyExists from error

    def append(self, values: Sequence[T], *, session: Session) -> None:
        """Add values, if there are any, in a transaction. A duplicate raises the driver's error."""
        if values:
            self.raw.insert_many([self._document(value) for value in values], session=session)

    def ensure(self, value: T, identity: str | None = None) -> None:
        """Add the value unless its key exists, so that all other writes only update.

        `identity` is the `_id` of a value without a key.
        """
        fresh = self._document(value)
        try:
            self.raw.update_one({"_id": fresh.pop("_id", identity)}, {"$setOnInsert": fresh}, upsert=True)
        except DuplicateKeyError:
            return  # another process inserted it at the same time

    def compare_and_set(self, expected: Mapping[str, Any], update: Update, *, session: Session | None = None) -> bool:
        """Update the one document that matches `expected`. Return False, and change nothing, if none does."""
        return self.raw.update_one(expected, update, session=session).matched_count == 1

    def replace(self, expected: Mapping[str, Any], value: T, *, session: Session | None = None) -> bool:
        """Replace the one document that matches `expected` by the value. Return False if none does."""
        return self.raw.replace_one(expected, self._document(value), session=session).matched_count == 1

    def update(
        self,
        query: Mapping[str, Any],
        update: Update,
        *,
        upsert: bool = False,
        after: bool = True,
        session: Session | None = None,
    ) -> T | None:
        """Update the first document that matches and return it, or None if none does.

        With `after` it is returned as it is after the update, else as it was before. Raises AlreadyExists if two
        upserts insert the same key at once: the other document exists now.
        """
        which = ReturnDocument.AFTER if after else ReturnDocument.BEFORE
        try:
            found = self.raw.find_one_and_update(query, update, upsert=upsert, return_document=which, session=session)
        except DuplicateKeyError as error:
            raise AlreadyExists from error
        return self.parse(found)

    def _value(self, found: Document) -> T:
        identity = found.pop("_id", None)
        return self._model.model_validate(found if self._key is None else {self._key: identity, **found})

    def _document(self, value: T) -> Document:
        document = value.document()
        return document if self._key is None else {"_id": document.pop(self._key), **document}
