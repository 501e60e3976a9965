"""The collection `loras`: what people choose from."""

from __future__ import annotations

import re
from collections.abc import Collection

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.lora import CollectedLora
from imagegeneration.store.connection import Connection, Document, Session, translated
from imagegeneration.store.schema import validator

_NO_ID = {"_id": False}


class NameTaken(Exception):
    """There is a LoRA of this name already."""


@translated
class LoraStore:
    """Keeps LoRAs by their names, and changes them by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loras = connection.collection("loras")

    def prepare(self) -> None:
        """Create the collection, its validator and its index."""
        self._connection.prepare("loras", validator(CollectedLora), [IndexModel("name", unique=True)])

    def insert(self, lora: CollectedLora, *, session: Session) -> None:
        """Add one. Raises NameTaken."""
        try:
            self._loras.insert_one(lora.document(), session=session)
        except DuplicateKeyError as error:
            raise NameTaken from error

    def count(self, *, session: Session) -> int:
        """How many there are."""
        return self._loras.count_documents({}, session=session)

    def named(self, names: Collection[str]) -> list[CollectedLora]:
        """Those of these names that are there."""
        found = self._loras.find({"name": {"$in": list(names)}}, _NO_ID)
        return [CollectedLora.model_validate(lora) for lora in found]

    def page(self, text: str, after: str | None, limit: int, *, disabled_too: bool) -> list[CollectedLora]:
        """Up to `limit` by name, those after `after`, with `text` in what is said of them."""
        query: Document = {} if disabled_too else {"enabled": True}
        if after is not None:
            query["name"] = {"$gt": after}
        if text:
            contains = {"$regex": re.escape(text), "$options": "i"}
            said = ("name", "label", "description", "family", "triggerWords")
            query["$or"] = [{field: contains} for field in said]
        found = self._loras.find(query, _NO_ID).sort("name", ASCENDING).limit(limit)
        return [CollectedLora.model_validate(lora) for lora in found]

    def change(self, old: CollectedLora, new: CollectedLora, *, session: Session) -> bool:
        """Put `new` where `old` is as it was read; False if somebody changed or deleted it meanwhile."""
        as_read = {"name": old.name, "version": old.version}
        return self._loras.replace_one(as_read, new.document(), session=session).matched_count == 1

    def delete(self, lora: CollectedLora, *, session: Session) -> bool:
        """Take it out; False if somebody changed or deleted it meanwhile."""
        as_read = {"name": lora.name, "version": lora.version}
        return self._loras.delete_one(as_read, session=session).deleted_count == 1
