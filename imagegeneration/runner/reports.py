"""Reports of calls to the breakers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from imagegeneration.core.errors import StudioError
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.job import JobImage
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.generation import CallFailed

log = logging.getLogger(__name__)


class Reports:
    """The reports of how calls ended. A report that fails must not stop the work on an answer."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers

    def succeeded(self, provider: ProviderName, image: JobImage | None, attempt_id: str) -> None:
        """Report an answer that is an image."""
        started_at = _started_at(image, attempt_id)
        _told(lambda: self._breakers.succeeded(provider, started_at))

    def failed(self, provider: ProviderName, failure: CallFailed, image: JobImage | None, attempt_id: str) -> None:
        """Report a call that brought no answer."""
        started_at = _started_at(image, attempt_id)
        _told(lambda: self._breakers.failed(provider, failure, started_at))

    def unusable(self, provider: ProviderName) -> None:
        """Report an answer that is no usable image."""
        _told(lambda: self._breakers.count_failure(provider, "The answer was no usable image."))


def _started_at(image: JobImage | None, attempt_id: str) -> datetime | None:
    attempt = None if image is None else image.attempt_of(attempt_id)
    return None if attempt is None else attempt.started_at


def _told(tell: Callable[[], None]) -> None:
    try:
        tell()
    except StudioError as error:
        log.warning("The breaker could not be told of a call: %s", error)
