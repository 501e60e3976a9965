"""The collection `loras`: the LoRAs that users choose from."""

from __future__ import annotations

import re
from collections.abc import Collection as Some

from pymongo import ASCENDING, IndexModel

from imagegeneration.models.lora import CollectedLora
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session


@translated
class LoraStore:
    """The store of LoRAs by name, changed by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._loras = Collection(connection, "loras", CollectedLora, indexes=[IndexModel("name", unique=True)])

    def insert(self, lora: CollectedLora, *, session: Session) -> None:
        """Add a LoRA. Raises AlreadyExists if the name is taken."""
        self._loras.insert(lora, session=session)

    def count(self, *, session: Session) -> int:
        """Count the LoRAs."""
        return self._loras.raw.count_documents({}, session=session)

    def named(self, names: Some[str]) -> list[CollectedLora]:
        """Return the LoRAs that have these names."""
        return self._loras.find({"name": {"$in": list(names)}})

    def page(self, text: str, after: str | None, limit: int, *, disabled_too: bool) -> list[CollectedLora]:
        """Return up to `limit` LoRAs by name, those after `after`, with `text` in a field that describes them."""
        query: Document = {} if disabled_too else {"enabled": True}
        if after is not None:
            query["name"] = {"$gt": after}
        if text:
            contains = {"$regex": re.escape(text), "$options": "i"}
            said = ("name", "label", "description", "family", "triggerWords")
            query["$or"] = [{field: contains} for field in said]
        return self._loras.find(query, sort=[("name", ASCENDING)], limit=limit)

    def change(self, old: CollectedLora, new: CollectedLora, *, session: Session) -> bool:
        """Replace `old` by `new`. Return False if it was changed or deleted since it was read."""
        as_read = {
            "name": old.name,
            "version": old.version,  # guard: lora-change-as-read
        }
        return self._loras.replace(as_read, new, session=session)

    def delete(self, lora: CollectedLora, *, session: Session) -> bool:
        """Delete the LoRA. Return False if it was changed or deleted since it was read."""
        as_read = {
            "name": lora.name,
            "version": lora.version,  # guard: lora-delete-as-read
        }
        return self._loras.raw.delete_one(as_read, session=session).deleted_count == 1
