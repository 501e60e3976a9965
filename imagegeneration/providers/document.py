"""JSON of a provider, bounded by the memory of its parsed form: 38 kB of gzip can become a gigabyte of objects."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_TEXT_BYTES = 48 * 1024**2
"""Maximum bytes of a document without the images cut out of it. An image whose text has escapes is still in it."""

MAX_STRUCTURE_BYTES = 256 * 1024
"""Maximum bytes of a document without its texts: each of these bytes can become an object of 60."""

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A text, also one without an end, so that no place is scanned twice."""


def parse_json(body: bytes) -> Any:
    """Return the parsed JSON. Raises ValueError if it is no JSON, or larger than a provider's answer can be."""
    if len(body) > MAX_TEXT_BYTES:
        raise ValueError("The document is too long.")
    if len(body) > MAX_STRUCTURE_BYTES and _has_many_parts(body):
        raise ValueError("The document has too many parts.")
    return json.loads(body)


def _has_many_parts(body: bytes) -> bool:
    outside = at = 0
    for text in _TEXT.finditer(body):
        outside += text.start() - at + 1
        at = text.end()
        if outside > MAX_STRUCTURE_BYTES:
            return True
    return outside + len(body) - at > MAX_STRUCTURE_BYTES
