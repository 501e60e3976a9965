"""The common part of Fal and Replicate: a call is submitted and polled, and its image fetched from a URL.

Only the submit costs money, and it is sent once. Polling is free and patient: a failed poll says nothing about the
call, and a finished image is paid for.
"""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import TypeVar

import httpx2

from imagegeneration.assets.fetch import Fetcher, FetchFailed
from imagegeneration.providers.encoded import decoded
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import CallDetached, CallFailed, Json
from imagegeneration.providers.provider import MAX_ANSWER_BYTES, brief, unreachable
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import CONNECT_SECONDS, Wire

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 3.0
ASK_SECONDS = 10.0
FETCH_SECONDS = 30.0
"""Minimum time to fetch a finished image, in seconds, even if the call has used up its own: it is paid for."""

MOST_OTHERS = 4
OTHERS_SECONDS = 15.0
"""Maximum number of further pictures fetched of one answer, and the seconds for all of them."""

log = logging.getLogger(__name__)

T = TypeVar("T")

_HANDLE = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True)
class TakenCall:
    """A call that the provider has accepted. `deadline`, in monotonic seconds, ends the wait for it."""

    handle: str
    deadline: float
    stopping: Event


class AsynchronousApi:
    """A JSON API without retries, redirects or keep-alive, independent of the environment."""

    def __init__(self, endpoint: Endpoint, scheme: str, fetcher: Fetcher | None) -> None:
        key = endpoint.key.get_secret_value() if endpoint.key else "none"
        self._client = httpx2.Client(
            base_url=endpoint.url,
            headers={"authorization": f"{scheme} {key}"},
            timeout=httpx2.Timeout(ASK_SECONDS),
            transport=Wire(),
            follow_redirects=False,  # guard: submit-no-redirects
            trust_env=False,
        )
        self._fetcher = fetcher or Fetcher()

    def submit(self, path: str, body: Json, deadline: float, headers: Mapping[str, str]) -> Reply:
        """Make the paid call. Raises CallFailed if no answer came. The answer may be a refusal."""
        try:
            left = httpx2.Timeout(max(deadline - time.monotonic(), 0.001), connect=CONNECT_SECONDS)
            request = self._client.build_request("POST", path, json=body, headers=headers, timeout=left)
            return self._exchange(request)
        except httpx2.HTTPError as error:
            raise unreachable(error) from error

    def ask(self, path: str) -> Reply | None:
        """Return what the API says about an accepted call, or None if the API did not answer."""
        try:
            return self._exchange(self._client.build_request("GET", path))
        except (httpx2.HTTPError, CallFailed):
            return None

    def image(self, url: str, taken: TakenCall) -> bytes:
        """Return the finished image, also if the address itself holds it (`data:`). Raises CallFailed."""
        if url[:5].lower() == "data:":
            return _held_in(url)
        until = max(taken.deadline, time.monotonic() + FETCH_SECONDS)

        def look() -> bytes | None:
            try:
                return self._fetcher.fetch(url, max_bytes=MAX_ANSWER_BYTES, deadline=until)
            except FetchFailed as failure:
                if failure.may_pass:
                    return None
                raise in_doubt(taken.handle, f"made the image, but it could not be fetched: {failure}") from failure

        fetched = replace(taken, deadline=until)
        return self.patiently(look, fetched, "made the image, but it could not be fetched in time")

    def others(self, urls: Iterable[object]) -> tuple[bytes, ...]:
        """Fetch further pictures of a finished call, which are paid for too, once each, as far as time allows.

        The requested picture is already there, and no failure here loses it.
        """
        until = time.monotonic() + OTHERS_SECONDS
        found = []
        for url in itertools.islice(urls, MOST_OTHERS):
            try:
                if isinstance(url, str):
                    found.append(self._other(url, until))
            except FetchFailed as failure:
                log.warning("A further picture of a call could not be fetched: %s", failure)
        return tuple(found)

    def _other(self, url: str, until: float) -> bytes:
        if url[:5].lower() == "data:":
            return _held_in(url)
        return self._fetcher.fetch(url, max_bytes=MAX_ANSWER_BYTES, deadline=until)

    def patiently(self, look: Callable[[], T | None], taken: TakenCall, otherwise: str) -> T:
        """Return what `look` finds, asked again after growing pauses.

        Raises CallFailed with the words `otherwise` when time is up, and CallDetached once the runner stops.
        """
        pause = FIRST_PAUSE_SECONDS
        while (found := look()) is None:
            if time.monotonic() + pause > taken.deadline:
                raise in_doubt(taken.handle, otherwise)
            if taken.stopping.wait(pause):
                raise CallDetached(taken.handle)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _exchange(self, request: httpx2.Request) -> Reply:
        response = self._client.send(request, stream=True)
        try:
            return Reply.read(response)
        finally:
            response.close()


def _held_in(url: str) -> bytes:
    """Return the image in a `data:` address. What cannot be decoded is paid for and returned as it is."""
    try:
        return decoded(url.encode())
    except ValueError:
        return url.encode()


def in_doubt(handle: str, what: str, *, moderated: bool = False, credentials: bool = False) -> CallFailed:
    """Return the failure of a call that the provider accepted: its charge is unclear."""
    message = f"The provider took the call (its number there is {handle}) and {what}."
    return CallFailed(
        message,
        certainty="unknown",  # guard: submitted-call-unknown
        moderated=moderated,
        credentials=credentials,
        provider_request_id=handle,
    )


def not_told(handle: str, reply: Reply, said: str | None) -> CallFailed:
    """Return the failure of a call that the provider accepted but no longer gives an answer about."""
    words = f"HTTP {reply.status}" if said is None else brief(said)
    return in_doubt(handle, f"refuses to say what became of it: {words}", credentials=reply.status in (401, 403))


def handle_of(accepted: object) -> str:
    """Return the handle in the answer to a submit, safe for a path. Raises CallFailed for a call without one."""
    if not isinstance(accepted, str) or not _HANDLE.fullmatch(accepted):
        raise CallFailed(
            "The provider took the call, but its answer could not be read.",
            certainty="unknown",  # guard: submit-without-handle-unknown
        )
    return accepted
