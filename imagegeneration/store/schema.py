"""A MongoDB validator from the type that travels, so that the two cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from imagegeneration.domain.value import Value

_BSON_TYPES: Mapping[str, Any] = {
    "string": "string",
    "integer": ["int", "long"],
    "number": ["int", "long", "double"],
    "boolean": "bool",
    "null": "null",
}


@cache
def validator(model: type[Value], *, key: str | None = None) -> dict[str, Any]:
    """Return the `$jsonSchema` of the documents of `model`: every field is required but the sparse ones, and no other
    is allowed.

    `key` names the field that is stored as `_id` instead of under its own name.
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
