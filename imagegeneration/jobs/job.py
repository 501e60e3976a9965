"""The job: its document, the states of its images, and the rules that follow from them (docs/architecture.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from ulid import ULID

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Moment, Value, sparse
from imagegeneration.jobs.link import Link
from imagegeneration.money.price import Price
from imagegeneration.prompts.moderation import Moderation
from imagegeneration.providers.generation import MAX_IMAGES, GenerationParameters, GenerationRequest, Usage

Status = Literal["QUEUED", "RUNNING", "DONE", "FAILED"]
ImageState = Literal["HELD", "CALLING", "GENERATED", "STORED", "FAILED", "UNKNOWN"]
Certainty = Literal["charged", "not_charged", "unknown"]
Source = Literal["dashboard", "api"]
Outcome = Literal[
    "generated",
    "not_an_image",
    "set_aside",
    "moderated",
    "refused",
    "unavailable",
    "interrupted",
    "not_sent",
]
ErrorCode = Literal[
    "INTERRUPTED",
    "TAMPERED",
    "PROVIDER_CHANGED",
    "POISON",
    "STORAGE",
    "MODERATION",
    "PROVIDER",
    "CANCELED",
]


MAX_ATTEMPTS = 3
"""Maximum number of attempts at one image under one approval, on one route, if none of them was charged."""

POISON_CLAIMS = 4
"""Number of claims after an expired lease, without progress, at which a job is set aside."""


class AttemptError(Value):
    """The reason why an attempt brought no image, in words for a user."""

    code: ErrorCode
    message: str


class Attempt(Value):
    """One hold and the paid call, if any, that is made under it.

    It opens with the hold (`attempt_id` is None) and gets its id as it passes the one-way door to CALLING. With
    approved alternates the hold covers the most expensive one that may still be called, and `price` is the maximum cost
    of this attempt's own call.

    `route` is its position among the approved routes (jobs/fallback.py); 0 is the request. `why` says why an alternate
    took over, and is None for the request. `others` names the files, on the runner's disk, of further pictures in the
    same answer. `partial_urls` are the previews, which the bucket may delete.
    """

    attempt_id: str | None = None
    provider: ProviderName
    model: str
    started_at: Moment | None = None
    finished_at: Moment | None = None
    outcome: Outcome | None = None
    certainty: Certainty | None = None
    held_micros: Micros
    cost_micros: Micros = 0
    credits: int = sparse(0)
    budget_day: str
    usage: Usage | None = None
    provider_request_id: str | None = None
    handle: str | None = None
    revised_prompt: str | None = None
    error: AttemptError | None = None
    price: Price | None = sparse(None)
    route: int = sparse(0, ge=0)
    why: str | None = sparse(None)
    partial_urls: Many[str] = sparse(())
    others: Many[str] = sparse(())

    @property
    def max_cost_micros(self) -> int:
        """Return the most that its call costs. It counts if the provider gives no figure or does not answer."""
        return self.held_micros if self.price is None else self.price.micros


class JobImage(Value):
    """One of the 1 to 5 images of a job. `spool_host` names the machine that has the bytes until they are stored."""

    index: int = Field(ge=0, lt=MAX_IMAGES)
    state: ImageState
    image_id: str | None = None
    url: str | None = None
    thumbnail_url: str | None = None
    spool_host: str | None = None
    attempts: Many[Attempt]

    @property
    def attempt(self) -> Attempt:
        """Return the attempt that counts, which is the last one."""
        return self.attempts[-1]

    def attempt_of(self, attempt_id: str) -> Attempt | None:
        """Return the attempt with this id, or None if the image has none."""
        return next((attempt for attempt in self.attempts if attempt.attempt_id == attempt_id), None)

    @property
    def is_over(self) -> bool:
        """Return whether the image is in a final state, which only a user or a late result changes."""
        return self.state in ("STORED", "FAILED", "UNKNOWN")

    @property
    def is_set_aside(self) -> bool:
        """Return whether the image is paid for and its answer is kept but could not be taken in. A user decides."""
        return self.state == "FAILED" and self.attempt.outcome == "set_aside"

    @property
    def is_canceled(self) -> bool:
        """Return whether the image was canceled before it was started."""
        return self.state == "FAILED" and self.attempt.error is not None and self.attempt.error.code == "CANCELED"

    @property
    def is_missing(self) -> bool:
        """Return whether the image is over without a result, so that a retry makes it."""
        return self.state in ("FAILED", "UNKNOWN")


class RouteTerms(Value):
    """What an approval says about an alternate: its endpoint, and the maximum price of an image."""

    endpoint_sha256: str
    price: Price


class Approval(Value):
    """Who agreed to pay what for exactly which request. `quoted_micros` is the upper bound that was shown and held.

    `image_micros` is what is held for each image. `seal` is the HMAC of all that was approved (jobs/seal.py).
    `moderation` is None if the policy checks nothing. `alternates` are the terms of the job's alternates, in their
    order. Each alternate costs at most `max_extra_micros` more for an image than the request.
    """

    approved_by: str
    approved_at: Moment
    request_sha256: str
    quoted_micros: Micros
    price_table: str
    endpoint_sha256: str
    moderation: Moderation | None = None
    alternates: Many[RouteTerms] = sparse(())
    max_extra_micros: Micros = sparse(0)
    image_micros: Micros = sparse(0)
    seal: str | None = sparse(None)


class Lease(Value):
    """A lease of one runner on the job. Its fence changes with every claim and guards the start of calls."""

    owner: str
    fence: str


class Job(Value):
    """A job document. Its first ten fields are those of the PRD "Image Generation Pipeline" (`_id` stays in the store).

    `last_event` is the number of its last event.
    """

    intent: str
    raw_prompt: str
    final_prompt: str
    image_count: int = Field(ge=1, le=MAX_IMAGES)
    status: Status
    cdn_urls: Many[str] = ()
    error: str | None = None
    created_at: Moment
    updated_at: Moment
    schema_version: Literal[1] = 1
    job_id: str
    user_id: str
    source: Source
    request: GenerationParameters
    alternates: Many[GenerationParameters] = sparse(())
    links: Many[Link] = sparse(())
    approval: Approval
    retries: Many[Approval] = ()
    images: Many[JobImage]
    lease: Lease | None = None
    run_at: Moment | None = None
    claims: int = 0
    cancel_requested_at: Moment | None = None
    error_code: ErrorCode | None = None
    started_at: Moment | None = None
    completed_at: Moment | None = None
    duration_ms: int | None = None
    last_event: int = 0

    def generation_request(self, parameters: GenerationParameters, index: int) -> GenerationRequest:
        """Return what the call for an image sends: the approved prompt, byte for byte, and approved parameters."""
        own = {"seed": parameters.seeds[index], "seeds": ()} if parameters.seeds else {}
        return GenerationRequest(final_prompt=self.final_prompt, **parameters.model_copy(update=own).model_dump())

    @property
    def is_over(self) -> bool:
        """Return whether the job is DONE or FAILED."""
        return self.status in ("DONE", "FAILED")

    @property
    def latest_approval(self) -> Approval:
        """Return the approval under which the next call is made."""
        return self.retries[-1] if self.retries else self.approval

    @property
    def approvals(self) -> Sequence[Approval]:
        """Return every approval, the first one first."""
        return (self.approval, *self.retries)

    @property
    def cost_micros(self) -> int:
        """Return what the job has cost so far, with UNKNOWN attempts at the most that their calls cost."""
        return sum(attempt.cost_micros for image in self.images for attempt in image.attempts)

    @property
    def held_micros(self) -> int:
        """Return what is still held for images that are not over."""
        return sum(image.attempt.held_micros for image in self.images if image.state in ("HELD", "CALLING"))

    @property
    def unknown_micros(self) -> int:
        """Return what the images with an unclear charge may have cost."""
        return sum(image.attempt.cost_micros for image in self.images if image.state == "UNKNOWN")


class JobSummary(Value):
    """A row of the list of jobs: all that a client needs to show a job or to poll it."""

    job_id: str
    intent: str
    status: Status
    cdn_urls: Many[str]
    error: str | None
    created_at: Moment


def new_job_id() -> str:
    """Return a new public job id, `imgjob_` and a ULID."""
    return f"imgjob_{ULID()}"


def request_sha256(
    final_prompt: str,
    image_count: int,
    request: GenerationParameters,
    alternates: Sequence[GenerationParameters] = (),
) -> str:
    """Return the hash of what was approved: canonical JSON of {finalPrompt, imageCount, request}.

    If there are alternates, they are part of it, in their order.
    """
    approved: dict[str, Any] = {
        "finalPrompt": final_prompt,
        "imageCount": image_count,
        "request": request.document(),
    }
    if alternates:  # guard: approval-hash-alternates
        approved["alternates"] = [alternate.document() for alternate in alternates]
    canonical = json.dumps(approved, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
