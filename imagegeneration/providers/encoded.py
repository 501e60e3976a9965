"""Images as base64 inside JSON: decoded in place, never held as text.

A JSON parser copies a picture of 2 MB three times before it is decoded. With it a call holds 10.1 MB and takes 20 ms;
with this module 5.6 MB and 7 ms (`python -m benchmarks providers`, which allows 8 MB and 15 ms).
"""

from __future__ import annotations

import binascii
import re
import string
from collections.abc import Sequence
from typing import Any

from imagegeneration.assets.picture import form_of
from imagegeneration.providers.document import parse_json

WORTH_CUTTING = 4096
"""Minimum length of a text that is cut out of the document."""


MOST_CHUNKS = 100_000
"""How many texts of base64, each with its padding, may be joined to one."""

_DATA_PREFIX = re.compile(rb"[^A-Za-z0-9+/]{0,20}data:[^,]{0,200},", re.IGNORECASE)
_PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")
_ESCAPES = {b"%2B": b"+", b"%2F": b"/", b"%3D": b"=", b"%0A": b"", b"%0D": b"", b"%20": b"", b"\\n": b"", b"\\r": b""}
"""The escapes of base64 characters and white space, in a text that was escaped once too often."""

_FOREIGN = bytes(set(range(256)) - set(string.ascii_letters.encode() + string.digits.encode() + b"+/="))
_PADDING = re.compile(rb"=+")


class EncodedAnswer:
    """A JSON answer with images in texts called `field`. In `document`, a number replaces each long one.

    Raises ValueError if the body is no JSON, or is too large.
    """

    def __init__(self, body: bytes, field: str) -> None:
        self._texts: list[memoryview] = []
        opening = re.compile(rb'"' + field.encode() + rb'"\s*:\s*(?=")')
        kept = []
        begun = at = 0
        while found := opening.search(body, at):
            start = found.end() + 1
            end = body.find(b'"', start)
            at = found.end()
            if end - start >= WORTH_CUTTING and body.find(b"\\", start, end) < 0:
                kept += [body[begun:at], b"%d" % len(self._texts)]
                self._texts.append(memoryview(body)[start:end])
                begun = at = end + 1
        self.document: Any = parse_json(b"".join((*kept, body[begun:])) if self._texts else body)

    def image(self, found: object) -> bytes:
        """Return the bytes that a value of the document stands for. Raises ValueError or TypeError."""
        if type(found) is int and 0 <= found < len(self._texts):
            return decoded(self._texts[found])
        if not isinstance(found, str):
            raise TypeError("It is no text.")
        return decoded(found.encode())


def index_of_image(pictures: Sequence[bytes], *, is_last: bool = False) -> int:
    """Return the index of the first picture that looks like an image, or of the last one with `is_last`.

    If none looks like one, it is the first or the last of all. Raises LookupError without any picture.
    """
    order = range(len(pictures))[:: -1 if is_last else 1]
    return next((at for at in order if form_of(pictures[at]) is not None), order[0])


def decoded(text: bytes | memoryview) -> bytes:
    """Decode base64 as servers really send it: with a `data:` prefix, white space, the URL alphabet, or no padding.

    Plain base64 is decoded without a copy. The other forms cost one copy of the text. If neither decodes, foreign
    characters are removed, and the result counts if it is an image. Raises ValueError.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        start = 0
        if found := _DATA_PREFIX.match(text):
            start = found.end()
        plain = bytes(text[start:]).translate(_PLAIN_ALPHABET, b" \t\r\n\f\v").rstrip(b"=")
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except binascii.Error:
        found_anyway = _leniently(plain)
        if form_of(found_anyway) is None:
            raise
        return found_anyway


def _leniently(plain: bytes) -> bytes:
    """Decode the base64 in a text, so that a byte order mark, an escape or joined chunks do not lose paid bytes.

    Raises ValueError for too many chunks. The time is proportional to the text.
    """
    for escape, character in _ESCAPES.items():
        plain = plain.replace(escape, character).replace(escape.lower(), character)
    plain = plain.translate(None, _FOREIGN)
    found, begun = bytearray(), 0
    for count, padding in enumerate(_PADDING.finditer(plain)):
        if count == MOST_CHUNKS:
            raise ValueError("It has too many chunks.")
        found += _chunk(plain[begun : padding.start()])
        begun = padding.end()
    found += _chunk(plain[begun:])
    return bytes(found)


def _chunk(plain: bytes) -> bytes:
    whole = len(plain) - (len(plain) % 4 == 1)  # one character alone is less than a byte
    return binascii.a2b_base64(plain[:whole] + b"=" * (-whole % 4))
