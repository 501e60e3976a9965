"""The job: its document, the states of its images, and the rules that follow from them (DESIGN.md, section 4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal, get_args

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

ERROR_PRECEDENCE: Sequence[ErrorCode] = get_args(ErrorCode)
"""Which code a job shows where several apply: INTERRUPTED wins, because money may be involved."""

MAX_ATTEMPTS = 3
"""Attempts of one approval of one image, while each is known not to be charged (DESIGN.md, section 4)."""

POISON_CLAIMS = 4
"""Claims after an expired lease, without progress, at which a job is set aside."""


class AttemptError(Value):
    """Why an attempt brought no image, in words for a person."""

    code: ErrorCode
    message: str


class Attempt(Value):
    """One hold and the at most one paid call made under it.

    It opens with the hold (`attempt_id` None) and gets its id as it passes the one-way door to CALLING. Where
    alternates were approved, the hold covers the dearest of those that may still be called, and `price` is the most
    that this attempt's own call costs. `route` is its place among the approved routes (jobs/fallback.py): 0 is the
    request. `why` says why it is an alternate's (None: it is of what was asked for first).
    `others` names the files of further pictures that came in the same answer, on the runner's disk.
    At `partial_urls` is what the image looked like on the way, as long as the bucket keeps it.
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
        """The most that its call costs: what counts where the provider does not say, or is not heard of again."""
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
        """The attempt that counts: the last one."""
        return self.attempts[-1]

    def attempt_of(self, attempt_id: str) -> Attempt | None:
        """Return the attempt with this id, or None if the image has none."""
        return next((attempt for attempt in self.attempts if attempt.attempt_id == attempt_id), None)

    @property
    def is_over(self) -> bool:
        """Nothing more happens to this image by itself."""
        return self.state in ("STORED", "FAILED", "UNKNOWN")

    @property
    def is_set_aside(self) -> bool:
        """It is paid for and its answer is kept, but could not be taken in: a person decides."""
        return self.state == "FAILED" and self.attempt.outcome == "set_aside"

    @property
    def is_canceled(self) -> bool:
        """It was canceled before it was started."""
        return self.state == "FAILED" and self.attempt.error is not None and self.attempt.error.code == "CANCELED"

    @property
    def is_missing(self) -> bool:
        """Over, and there is no image: what a retry makes."""
        return self.state in ("FAILED", "UNKNOWN")


class RouteTerms(Value):
    """What an approval says of an alternate: the endpoint that it is for, and the most that an image of it costs."""

    endpoint_sha256: str
    price: Price


class Approval(Value):
    """Who agreed to pay what for exactly which request. `quoted_micros` is the upper bound that was shown and held.

    `image_micros` is what is held for each image. `seal` is the HMAC of all that was approved (jobs/seal.py).
    `moderation` is None where the policy was to check nothing. `alternates` are the terms of the job's alternates, in
    their order; each costs at most `max_extra_micros` an image more than what was asked for first.
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
    """Which runner works on the job. The fence changes with every claim and guards starting."""

    owner: str
    fence: str


class Job(Value):
    """A job document; the first ten fields are PRD 000's (`_id` stays in the store).

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
        """What the call for an image sends: the approved prompt, byte for byte, and approved parameters."""
        own = {"seed": parameters.seeds[index], "seeds": ()} if parameters.seeds else {}
        return GenerationRequest(final_prompt=self.final_prompt, **parameters.model_copy(update=own).model_dump())

    @property
    def is_over(self) -> bool:
        """DONE or FAILED."""
        return self.status in ("DONE", "FAILED")

    @property
    def latest_approval(self) -> Approval:
        """The approval that the next call is made under."""
        return self.retries[-1] if self.retries else self.approval

    @property
    def approvals(self) -> Sequence[Approval]:
        """Every approval, the first one first."""
        return (self.approval, *self.retries)

    @property
    def cost_micros(self) -> int:
        """What the job has cost so far, UNKNOWN attempts at their hold."""
        return sum(attempt.cost_micros for image in self.images for attempt in image.attempts)

    @property
    def held_micros(self) -> int:
        """What is still held for images that are not over."""
        return sum(image.attempt.held_micros for image in self.images if image.state in ("HELD", "CALLING"))

    @property
    def unknown_micros(self) -> int:
        """What the images cost that were perhaps charged."""
        return sum(image.attempt.cost_micros for image in self.images if image.state == "UNKNOWN")


class JobSummary(Value):
    """One row of the list of jobs: all that a client needs to show or poll it."""

    job_id: str
    intent: str
    status: Status
    cdn_urls: Many[str]
    error: str | None
    created_at: Moment


class Verdict(Value):
    """How a job ends, derived from its images."""

    status: Literal["DONE", "FAILED"]
    error_code: ErrorCode | None
    error: str | None


def new_job_id() -> str:
    """A fresh public id of a job, `imgjob_` and a ULID."""
    return f"imgjob_{ULID()}"


def request_sha256(
    final_prompt: str,
    image_count: int,
    request: GenerationParameters,
    alternates: Sequence[GenerationParameters] = (),
) -> str:
    """The hash of what was approved: canonical JSON of {finalPrompt, imageCount, request} (DESIGN.md, section 4).

    Alternates are part of it, in their order, where there are any.
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


def verdict(images: Sequence[JobImage]) -> Verdict | None:
    """How a job with these images ends; None while an image is HELD, CALLING or GENERATED."""
    if not all(image.is_over for image in images):
        return None
    errors = [image.attempt.error for image in images if image.is_missing and image.attempt.error is not None]
    if not errors:
        return Verdict(status="DONE", error_code=None, error=None)
    error = min(errors, key=lambda found: ERROR_PRECEDENCE.index(found.code))
    made = sum(image.state == "STORED" for image in images)
    message = error.message if made == 0 else f"{made} of {len(images)} images were made. {error.message}"
    return Verdict(status="FAILED", error_code=error.code, error=message)
