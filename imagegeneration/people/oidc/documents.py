"""Answers of sign-in providers: bounded in time and size, and fetched once for all that wait."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2

from imagegeneration.core.deadline import Deadline, DeadlineTransport
from imagegeneration.core.errors import SignInFailed

TIMEOUT_SECONDS = 3.0
"""The time-out of a connection, and of each part of an answer."""

DEADLINE_SECONDS = 5.0
"""The time-out of a whole answer, for a provider that sends one byte at a time."""

MAX_BYTES = 1024 * 1024

FAILED_SECONDS = 5.0
"""How long a failed fetch is remembered, so that a provider that hangs costs one wait and not one a sign-in."""

STALE_SECONDS = 24 * 3600.0
"""How old a value may be if it cannot be fetched again."""

_CODE_CHARACTERS = 80

Found = TypeVar("Found")


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    content_type: str
    body: bytes

    def document(self, label: str) -> dict[str, Any]:
        """Return the JSON object in the answer. Raises SignInFailed for a refusal, or if there is no object."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if self.status != 200:
            code = found.get("error") if isinstance(found, dict) else None
            said = f", {printable(code)}" if isinstance(code, str) else ""
            raise SignInFailed(f"{label} answered with an error.", detail=f"HTTP {self.status}{said}")
        if not isinstance(found, dict):
            raise SignInFailed(f"{label} does not answer as it should.", detail="its answer is no JSON object")
        return found


def ask(
    label: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Reply:
    """Send a GET, or a POST with a form. Raises SignInFailed if no bounded answer comes in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    method = "GET" if form is None else "POST"
    try:
        with (
            httpx2.Client(
                transport=DeadlineTransport(Deadline(deadline)),
                timeout=TIMEOUT_SECONDS,
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream(method, url, headers=headers, data=form) as response,
        ):
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > MAX_BYTES or time.monotonic() > deadline:
                    raise SignInFailed(f"{label} does not answer as it should.", detail="too large or too slow")
            return Reply(response.status_code, response.headers.get("content-type", ""), body)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        detail = "too slow" if time.monotonic() >= deadline else type(error).__name__
        raise SignInFailed(f"{label} does not answer.", detail=detail) from error


def printable(text: str) -> str:
    """Return the beginning of a provider's text for a log, without control characters."""
    return "".join(character for character in text[:_CODE_CHARACTERS] if character.isprintable())


class Shared(Generic[Found]):
    """A value that one thread fetches for all that need it; the others wait for the same answer."""

    def __init__(self, look: Callable[[], Found], seconds: float) -> None:
        """Take the function that fetches the value, and its maximum age in `seconds`."""
        self._look = look
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: tuple[float, Found] | None = None
        self._failed: tuple[float, SignInFailed] | None = None

    def get(self, older_than: float | None = None) -> Found:
        """Return the value, fetched again if it is older than `older_than` seconds (None: the usual maximum age).

        If that fails, a known value is returned for up to a day. Raises SignInFailed if there is none.
        """
        known = self._fresh(older_than)
        if known is not None:
            return known[1]
        with self._lock:
            known = self._fresh(older_than)
            if known is not None:
                return known[1]
            failed = self._look_again()
            known = self._fresh(STALE_SECONDS)
            if known is None:
                raise SignInFailed(failed.message, detail=failed.detail) if failed else SignInFailed("No answer.")
            return known[1]

    def _look_again(self) -> SignInFailed | None:
        """Fetch the value, unless that failed just now. Return the failure, or None if there is none."""
        if self._failed is None or time.monotonic() - self._failed[0] > FAILED_SECONDS:
            try:
                self._found, self._failed = (time.monotonic(), self._look()), None
            except SignInFailed as error:
                self._failed = (time.monotonic(), error)
        return None if self._failed is None else self._failed[1]

    def _fresh(self, older_than: float | None) -> tuple[float, Found] | None:
        found, most = self._found, self._seconds if older_than is None else older_than
        return found if found is not None and time.monotonic() - found[0] <= most else None
