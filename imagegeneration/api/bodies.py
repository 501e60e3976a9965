"""Request bodies, read whole before parsing and bounded in size and time; JSON also in depth."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from anyio import fail_after
from starlette.types import Receive

from imagegeneration.core.errors import InvalidRequest, TooLarge

MAX_BODY_BYTES = 256 * 1024
"""The largest body. Two escaped prompts of 4,000 characters need less than half of it, and no page takes uploads."""

BODY_SECONDS = 30.0
SILENT_SECONDS = 10.0
MAX_DEPTH = 64
MAX_KEYS = 200
"""The most keys of one JSON object."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def has_body(headers: Mapping[str, str]) -> bool:
    """Return whether a body follows the request's head."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def is_large(headers: Mapping[str, str]) -> bool:
    """Return whether the body is too large or of unknown size."""
    length = headers.get("content-length", "")
    return "transfer-encoding" in headers or (length.isdigit() and int(length[:20]) > MAX_BODY_BYTES)


async def read_body(receive: Receive, headers: Mapping[str, str]) -> bytes | None:
    """Return the whole body, or None if the client left meanwhile.

    Raises TooLarge (IMG_007), or InvalidRequest (IMG_009, 408) if it does not arrive in time.
    """
    if is_large(headers) and "transfer-encoding" not in headers:
        raise TooLarge(f"The body has {headers['content-length'][:20]} bytes; at most {MAX_BODY_BYTES} are allowed.")
    body = bytearray()
    more = True
    try:
        with fail_after(BODY_SECONDS):
            while more:
                with fail_after(SILENT_SECONDS):
                    message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MAX_BODY_BYTES:
                    raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    except TimeoutError:
        raise InvalidRequest("The body did not arrive in time.", status=408) from None
    return bytes(body)


def check_json(body: bytes) -> None:
    """Raise InvalidRequest (IMG_009) for JSON that parsers read differently, or that is expensive to parse.

    A body that is not JSON at all passes, because its parser reports the fault better.
    """
    if json.detect_encoding(body) != "utf-8":
        raise InvalidRequest("The body must be JSON in UTF-8.")
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"The body is nested too deeply: at most {MAX_DEPTH} levels are allowed.")
    try:
        json.loads(body, object_pairs_hook=_check_keys, parse_constant=_refuse_constant)
    except ValueError:
        return


def _check_keys(pairs: Sequence[tuple[str, object]]) -> None:
    if len(pairs) > MAX_KEYS:
        raise InvalidRequest(f"An object of the body has too many keys: at most {MAX_KEYS} are allowed.")
    if len({key for key, _ in pairs}) != len(pairs):
        raise InvalidRequest("An object of the body has the same key twice.")


def _refuse_constant(_name: str) -> NoReturn:
    raise InvalidRequest("NaN and Infinity are no JSON.")
