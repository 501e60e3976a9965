"""Every error that a user or a client can meet: its code, its HTTP status and what to do next.

docs/operations.md ("Errors") lists the codes. An error is raised where the rule lives and passes unchanged to the edge.
There the API turns it into JSON, and a page turns it into text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar


class StudioError(Exception):
    """The base of all errors with a code; `str(error)` says what happened, `resolution` what to do next."""

    code: ClassVar[str] = "IMG_015"
    status: int = 500
    resolution: str = "Try again. If it happens again, give the request id to an operator."

    def __init__(self, message: str, *, resolution: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if resolution is not None:
            self.resolution = resolution

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the HTTP headers of this error, for example `Retry-After`."""
        return {}


class ProviderNotConfigured(StudioError):
    """IMG_001: the provider has no credentials, so it can generate nothing."""

    code = "IMG_001"
    status = 503
    resolution = "Choose another provider (GET /image/providers), or ask an operator to configure this one."


class ProviderFailed(StudioError):
    """IMG_002: the provider failed or took too long."""

    code = "IMG_002"
    status = 502
    resolution = "Try again in a moment."


class PromptRefused(StudioError):
    """IMG_003: the studio or the provider does not accept the text."""

    code = "IMG_003"
    status = 422
    resolution = "Change the text and send it again."


class StorageFailed(StudioError):
    """IMG_004: the bucket refused the request or could not be reached."""

    code = "IMG_004"
    status = 502
    resolution = "Nothing is lost: the upload is tried again by itself."


class Occupied(StorageFailed):
    """IMG_004: the bucket holds another object at the image's key, so trying again does not help."""


class Busy(StudioError):
    """IMG_005: a rate limit or a full queue; `retry_after` is in seconds, at least 1."""

    code = "IMG_005"
    status = 429
    resolution = "Wait, then send the same request again."

    def __init__(
        self,
        message: str,
        *,
        retry_after: int,
        resolution: str | None = None,
        standing: Mapping[str, str] | None = None,
    ) -> None:
        """Take the message, the seconds to wait, and in `standing` the headers that say where the rate stands."""
        super().__init__(message, resolution=resolution)
        self.retry_after = max(1, retry_after)
        self._standing = standing or {}

    @property
    def headers(self) -> Mapping[str, str]:
        """Return `Retry-After` in seconds, and the headers that say where the rate stands."""
        return {"Retry-After": str(self.retry_after), **self._standing}


class OverBudget(StudioError):
    """IMG_006: a budget, the credits or the price limit of an image do not allow it."""

    code = "IMG_006"
    status = 402
    resolution = "Ask for fewer images, wait for the budget to reset, or ask an operator to raise it."

    def __init__(self, message: str, *, resets_at: datetime | None = None, resolution: str | None = None) -> None:
        """Take the message and `resets_at`, when the budget starts again (UTC), or None if waiting does not help."""
        super().__init__(message, resolution=resolution)
        self.resets_at = resets_at


class TooLarge(StudioError):
    """IMG_007: the body or the image is too large, or there are too many images to edit."""

    code = "IMG_007"
    status = 413
    resolution = "Send less."


class NotFound(StudioError):
    """IMG_008: the thing does not exist, or it belongs to another user."""

    code = "IMG_008"
    status = 404
    resolution = "Check the address and the id."


class InvalidRequest(StudioError):
    """IMG_009: the request does not have the documented form; `status` is 422, 400, 405, 408, 415 or 431."""

    code = "IMG_009"
    status = 422
    resolution = "See /image/docs for what this call takes."

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


class WrongMethod(InvalidRequest):
    """IMG_009: the address does not support this method."""

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method[:20]} is not possible here.", status=405)
        self.allowed = allowed

    @property
    def headers(self) -> Mapping[str, str]:
        """Return `Allow` with the methods that the address supports."""
        return {"Allow": ", ".join(self.allowed)}


class NotAllowed(StudioError):
    """IMG_010: not signed in (401) or not allowed (403)."""

    code = "IMG_010"
    status = 403
    resolution = "Open the studio at its own address on this machine."

    def __init__(self, message: str, *, status: int = 403, resolution: str | None = None) -> None:
        super().__init__(message, resolution=resolution)
        self.status = status


class SignInFailed(NotAllowed):
    """IMG_010: the sign-in did not finish in a way that can be trusted."""

    resolution = "Sign in again. If it happens again, ask an administrator."

    def __init__(
        self, message: str, *, resolution: str | None = None, detail: str = "", about: str | None = None
    ) -> None:
        """Take a `detail` for the log and the audit record only, and in `about` the user's id, if known."""
        super().__init__(message, resolution=resolution)
        self.detail = detail
        self.about = about

    @property
    def reason(self) -> str:
        """Return what happened, with its detail."""
        return f"{self.message} ({self.detail})" if self.detail else self.message


class WrongState(StudioError):
    """IMG_011: the current state does not allow this."""

    code = "IMG_011"
    status = 409
    resolution = "Look at the job's current state, then decide again."


class Elsewhere(WrongState):
    """IMG_011: another window changed the draft, approved it (`job_id`), or it is no longer stored (`is_gone`)."""

    def __init__(self, message: str, *, job_id: str | None = None, is_gone: bool = False, resolution: str) -> None:
        super().__init__(message, resolution=resolution)
        self.job_id = job_id
        self.is_gone = is_gone


class Undecided(StudioError):
    """IMG_012: it is unclear whether an image was charged, so a user has to decide."""

    code = "IMG_012"
    status = 409
    resolution = "Decide what becomes of the images that were perhaps charged."


class ModelUnavailable(StudioError):
    """IMG_013: the model is retired, unknown or without a price."""

    code = "IMG_013"
    status = 422
    resolution = "Choose a model that can be had: GET /image/providers lists them."


class DatabaseDown(StudioError):
    """IMG_014: the database does not answer."""

    code = "IMG_014"
    status = 503
    resolution = "Try again in a moment. Nothing was changed or charged by this request."


class InternalFault(StudioError):
    """IMG_015: an internal error of the studio."""


class ConfigurationError(Exception):
    """A missing or wrong setting; the message is one line that names the variable."""
