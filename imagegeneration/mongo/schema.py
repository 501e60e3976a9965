"""Validators derived from the value types, and how they and the indexes are applied."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from imagegeneration.core.value import Value
from imagegeneration.mongo.errors import NOT_PERMITTED, not_permitted, studio_error

Document = dict[str, Any]

_NAMESPACE_EXISTS = 48
_INDEX_DIFFERS = 86

_BSON_TYPES: Mapping[str, Any] = {
    "string": "string",
    "integer": ["int", "long"],
    "number": ["int", "long", "double"],
    "boolean": "bool",
    "null": "null",
}


class Schema:
    """The validators and indexes of one database."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def apply(self, name: str, validator: Mapping[str, Any], indexes: list[pymongo.IndexModel]) -> None:
        """Create the collection with this validator and these indexes, or bring them up to date."""
        wanted: Document = {"$jsonSchema": validator}
        try:
            if self._validators.get(name) != wanted:
                self._create(name, wanted)
            if indexes:
                self._index(self._database[name], indexes)
        except OperationFailure as error:
            if error.code in NOT_PERMITTED:
                raise not_permitted(self._database.name, error) from None
            raise studio_error(error) from error
        except PyMongoError as error:
            raise studio_error(error) from error

    @functools.cached_property
    def _validators(self) -> Mapping[str, Document]:
        """Return the validators at the start, because setting one again would lock its collection for all clients."""
        with self._database.list_collections() as found:
            return {collection["name"]: collection["options"].get("validator", {}) for collection in found}

    def _create(self, name: str, validator: Document) -> None:
        try:
            self._database.create_collection(name, check_exists=False, validator=validator)
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            self._database.command("collMod", name, validator=validator)

    @staticmethod
    def _index(collection: Collection[Document], indexes: list[pymongo.IndexModel]) -> None:
        try:
            collection.create_indexes(indexes)
        except OperationFailure as error:
            if error.code != _INDEX_DIFFERS:
                raise
            known = collection.index_information()
            for index in indexes:  # an index of another version has the name, so drop it
                name = index.document["name"]
                if name in known and dict(known[name]["key"]) != dict(index.document["key"]):
                    collection.drop_index(name)
            collection.create_indexes(indexes)


@functools.cache
def validator(model: type[Value], *, key: str | None = None) -> dict[str, Any]:
    """Return the `$jsonSchema` of the documents of `model`, with all fields required except sparse ones.

    Other fields are not allowed. `key` names the field that is stored as `_id` instead of under its own name.
    """
    described = model.model_json_schema(by_alias=True, mode="serialization")
    schema = _convert(described, described.get("$defs", {}))
    identity = schema["properties"].pop(key) if key else {}
    schema["properties"]["_id"] = identity
    schema["required"] = sorted({"_id", *schema["required"]} - {key})
    return schema


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _convert(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in node:
        return {"anyOf": [_convert(option, definitions) for option in node["anyOf"]]}
    if "const" in node:
        return {"enum": [node["const"]]}
    if "enum" in node:
        return {"enum": list(node["enum"])}
    if node.get("type") == "object":
        properties = {name: _convert(child, definitions) for name, child in node["properties"].items()}
        return {
            "bsonType": "object",
            "properties": properties,
            "required": sorted(
                name
                for name, child in node["properties"].items()
                if name in node.get("required", ()) and "x-sparse" not in child
            ),
            "additionalProperties": False,
        }
    if node.get("type") == "array":
        return {"bsonType": "array", "items": _convert(node["items"], definitions)}
    if node.get("format") == "date-time":
        return {"bsonType": "date"}
    bounds = {name: node[name] for name in ("minimum", "maximum") if name in node}
    return {"bsonType": _BSON_TYPES[node["type"]], **bounds}
