"""The wait that a provider asks for, in every form that the vendors document.

In headers: `Retry-After` in seconds or as a date, `retry-after-ms` (Azure), `x-ratelimit-reset-*` (OpenAI) and
`ratelimit-reset` (IETF draft). In the body: `retry_after` (Replicate), `retryDelay` of google.rpc.RetryInfo. In words:
"Please try again in 1.5s." (OpenAI), "Your rate limit resets in ~30s." (Replicate).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from imagegeneration.providers.generation import Json

LONGEST_HINT_SECONDS = 3600.0

_PART = re.compile(
    r"(?<!\d)(\d{1,12}(?:\.\d{1,12})?) ?(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)(?![a-z])",
    re.IGNORECASE,
)
_DURATION = re.compile(rf"(?:{_PART.pattern} ?){{1,4}}", re.IGNORECASE)
_IN_WORDS = re.compile(
    rf"(?:try again|retry|available|resets?|wait)[^0-9.]{{1,30}}({_DURATION.pattern})", re.IGNORECASE
)
_FIELDS = ("retry_after", "retryAfter", "retry_after_seconds", "retryDelay")
_EPOCH = 1e9
"""The least reset that is a moment, in seconds since 1970. A moment in milliseconds is 1,000 times larger."""


def wait_asked(headers: Mapping[str, str], document: Json, words: str | None) -> float | None:
    """Return the wait that a provider asks for, from 0 to 3600 seconds, or None if it does not say.

    Of several hints the longest counts: a proxy may add its own, and a call that comes too soon is refused again.
    """
    found = (*_of_headers(headers), *_of_document(document), _in_words(words or ""))
    known = (seconds for seconds in found if seconds is not None and math.isfinite(seconds))
    return max((min(max(seconds, 0.0), LONGEST_HINT_SECONDS) for seconds in known), default=None)


def _of_headers(headers: Mapping[str, str]) -> Iterator[float | None]:
    milliseconds = _number(headers.get("retry-after-ms"))
    yield None if milliseconds is None else milliseconds / 1000
    after = headers.get("retry-after")
    seconds = _number(after)
    yield _until(after, headers) if seconds is None else seconds
    waits = [_reset(headers, name) for name in list(headers)[:100] if "ratelimit-reset" in name.lower()]
    yield max((wait for wait in waits if wait is not None), default=None)


def _reset(headers: Mapping[str, str], name: str) -> float | None:
    """Return the seconds until a used-up limit starts again, or None for a limit that is not used up."""
    left = _number(headers.get(name.lower().replace("reset", "remaining")))
    if left is not None and left > 0:
        return None
    value = headers[name]
    seconds = _number(value)
    if seconds is None:
        return _seconds(value) or _until(value, headers)
    if seconds < _EPOCH:
        return seconds
    return (seconds / 1000 if seconds >= _EPOCH * 1000 else seconds) - _told(headers)


def _of_document(document: Json) -> Iterator[float | None]:
    error = document.get("error")
    levels = [document, error if isinstance(error, dict) else {}]
    for level in tuple(levels):
        details = level.get("details")
        levels += [one for one in (details if isinstance(details, list) else [])[:20] if isinstance(one, dict)]
    for level in levels:
        milliseconds = _number(level.get("retry_after_ms"))
        yield None if milliseconds is None else milliseconds / 1000
        for name in _FIELDS:
            value = level.get(name)
            seconds = _number(value)
            yield _seconds(value) if seconds is None and isinstance(value, str) else seconds


def _in_words(words: str) -> float | None:
    found = _IN_WORDS.search(words[:2_000])
    return None if found is None else _seconds(found[1])


def _seconds(duration: str) -> float | None:
    """Return the seconds of a duration such as `1.5s`, `6m0s` or `20 seconds`, or None for any other text."""
    if not _DURATION.fullmatch(duration[:60].strip()):
        return None
    return sum(float(number) * _unit(name.lower()) for number, name in _PART.findall(duration[:60]))


def _unit(name: str) -> float:
    return 0.001 if name.startswith(("ms", "mill")) else {"s": 1.0, "m": 60.0, "h": 3600.0}[name[0]]


def _until(moment: str | None, headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a date, or None if it is none."""
    if moment is None:
        return None
    asked = _date(moment)
    return None if asked is None else asked - _told(headers)


def _told(headers: Mapping[str, str]) -> float:
    """Return the time by the provider's clock, or by this machine's if the answer has no date."""
    told = _date(headers.get("date", ""))
    return time.time() if told is None else told


def _date(text: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(text[:60]).timestamp()
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _number(value: object) -> float | None:
    """Return a number as JSON or a header has it, or None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value[:30] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
