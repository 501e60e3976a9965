"""Routes of jobs: execute, status, list, record, retry, cancel."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import Field

from imagegeneration.api.dependencies import CurrentStudio
from imagegeneration.assets.asset import StoredImage
from imagegeneration.core.errors import InvalidRequest
from imagegeneration.core.text import Reason
from imagegeneration.core.value import MAX_MICROS, Micros, Value
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.decision import Decision
from imagegeneration.jobs.job import Job, JobSummary, Status
from imagegeneration.jobs.link import LINK_PATTERN, Link
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.jobs.queries import CURSOR_PATTERN
from imagegeneration.jobs.repeats import KEY_PATTERN
from imagegeneration.money.money import LedgerEntry
from imagegeneration.people.rate_api import tell_rate
from imagegeneration.providers.generation import MAX_IMAGES
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires

AT_ONCE = 40
"""Approvals at once. They may wait for the moderation, so they have threads of their own."""

router = APIRouter(tags=["jobs"])

IdempotencyKey = Annotated[
    str | None,
    Header(pattern=KEY_PATTERN, description="1 to 255 characters: the same key and body give the same job."),
]
JobId = Annotated[str, Path(alias="jobId", min_length=1, max_length=64, description="As execute-prompt gave it.")]


ImageIndex = Annotated[int, Path(ge=0, lt=MAX_IMAGES)]


class JobAnswer(Value):
    """A job's id and its state."""

    job_id: str
    status: Status


class JobStatus(Value):
    """What a client polls."""

    job_id: str
    status: Status
    cdn_urls: Sequence[str]
    error: str | None


class JobRecord(Value):
    """The whole audit record of a job: what was approved, what was sent, what came back, what it cost."""

    job: Job
    stored_images: Sequence[StoredImage]
    ledger: Sequence[LedgerEntry]
    quoted_micros: Micros
    held_micros: Micros
    cost_micros: Micros
    outlook: Outlook | None


class DecisionBody(Value):
    """What becomes of an image that was perhaps charged or set aside, or whose machine is gone, and why.

    `attemptId` is the attempt that was looked at, as the audit record names it.
    """

    decision: Decision
    attempt_id: str = Field(min_length=1, max_length=64)
    reason: Reason


class RetryBody(Value):
    """What a retry is agreed to cost. `acceptUnknown`: images that were perhaps charged may be paid for again."""

    accept_micros: Micros = Field(description=f"Integer micro-dollars, 0..{MAX_MICROS}.")
    accept_unknown: bool = False


class AgainOrder(Value):
    """What a job that is run again is agreed to cost at most."""

    accept_micros: Micros = Field(description=f"Integer micro-dollars, 0..{MAX_MICROS}.")


@router.post("/execute-prompt", status_code=202, dependencies=[JSON_ONLY], responses=documented(402, 415, 429, 502))
@requires("generate")
async def execute_prompt(
    body: ExecuteBody,
    response: Response,
    studio: CurrentStudio,
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> JobAnswer:
    """Approve a prompt: makes a job and holds its price. Nothing is generated inside the request."""

    def approve() -> Job:
        job = studio.approvals.approve(actor, body, source="api", idempotency_key=idempotency_key)
        tell_rate(response, studio.rates, actor, "approve")
        return job

    job = await to_thread.run_sync(approve, limiter=approvals())
    return JobAnswer(job_id=job.job_id, status="QUEUED")


@router.get("/job-status/{jobId}", responses=documented(404))
@requires("look")
def job_status(job_id: JobId, studio: CurrentStudio, actor: CurrentActor) -> JobStatus:
    """How far a job is, and the URLs of the images that are there."""
    return status_of(studio.queries.get(actor, job_id))


def _filters(
    status: Status | None = None,
    link: Annotated[str | None, Query(pattern=LINK_PATTERN, description="type:id of a link that a job has.")] = None,
    user_id: Annotated[str | None, Query(alias="userId", max_length=100, description="Whose jobs they are.")] = None,
) -> Mapping[str, Any]:
    """Return the filters of a list that were given, as they stand in its address."""
    given = {"status": status, "link": link, "userId": user_id}
    return {name: value for name, value in given.items() if value is not None}


@router.get("/job-list", responses=documented())
@requires("look")
def job_list(
    request: Request,
    response: Response,
    studio: CurrentStudio,
    actor: CurrentActor,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=CURSOR_PATTERN, description="From the Link header.")] = None,
    *,
    filters: Annotated[Mapping[str, Any], Depends(_filters)],
) -> Sequence[JobSummary]:
    """Jobs, newest first. `Link: <...>; rel="next"` leads to the page after."""
    unknown = set(request.query_params) - {"limit", "cursor", "status", "link", "userId"}
    if unknown:
        raise InvalidRequest(f"{min(unknown)[:40]}: unknown query parameter")
    page = studio.queries.summaries(
        actor,
        limit=limit,
        cursor=cursor,
        status=filters.get("status"),
        owner=filters.get("userId"),
        link=Link.read(filters["link"]) if "link" in filters else None,
    )
    if page.next_cursor is not None:
        query = {"limit": limit, "cursor": page.next_cursor, **filters}
        response.headers["Link"] = f'</image/job-list?{urlencode(query)}>; rel="next"'
    return page.jobs


@router.get("/jobs/{jobId}", responses=documented(404))
@requires("look")
def job_record(job_id: JobId, studio: CurrentStudio, actor: CurrentActor) -> JobRecord:
    """The whole audit record."""
    job = studio.queries.get(actor, job_id)
    return JobRecord(
        job=job,
        quoted_micros=sum(approval.quoted_micros for approval in (job.approval, *job.retries)),
        held_micros=job.held_micros,
        cost_micros=job.cost_micros,
        outlook=studio.forecast.outlook(job),
        stored_images=studio.queries.images(actor, job_id),
        ledger=studio.queries.ledger(actor, job_id),
    )


@router.post(
    "/jobs/{jobId}/retry", status_code=202, dependencies=[JSON_ONLY], responses=documented(402, 404, 409, 415, 429, 502)
)
@requires("generate")
async def retry_job(
    body: RetryBody, job_id: JobId, response: Response, studio: CurrentStudio, actor: CurrentActor
) -> JobAnswer:
    """Queue a failed job again for the images that it lacks, at a price of at most `acceptMicros`."""

    def retry() -> Job:
        job = studio.approvals.retry(
            actor, job_id, accept_micros=body.accept_micros, accept_unknown=body.accept_unknown
        )
        tell_rate(response, studio.rates, actor, "approve")
        return job

    job = await to_thread.run_sync(retry, limiter=approvals())
    return JobAnswer(job_id=job.job_id, status=job.status)


@router.post(
    "/jobs/{jobId}/run-again",
    status_code=202,
    dependencies=[JSON_ONLY],
    responses=documented(402, 404, 409, 415, 429, 502),
)
@requires("generate")
async def run_again(
    body: AgainOrder,
    job_id: JobId,
    response: Response,
    studio: CurrentStudio,
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> JobAnswer:
    """Approve a new job with the recipe of one that is over, at a price of at most `acceptMicros`."""

    def approve() -> Job:
        job = studio.approvals.run_again(
            actor, job_id, accept_micros=body.accept_micros, source="api", idempotency_key=idempotency_key
        )
        tell_rate(response, studio.rates, actor, "approve")
        return job

    job = await to_thread.run_sync(approve, limiter=approvals())
    return JobAnswer(job_id=job.job_id, status=job.status)


@router.post("/jobs/{jobId}/cancel", status_code=202, responses=documented(404, 409))
@requires("generate")
def cancel_job(job_id: JobId, studio: CurrentStudio, actor: CurrentActor) -> JobAnswer:
    """Start no further image of the job; what is in flight finishes and is kept."""
    job = studio.cancellation.cancel(actor, job_id)
    return JobAnswer(job_id=job.job_id, status=job.status)


@router.post("/jobs/{jobId}/images/{index}/decision", dependencies=[JSON_ONLY], responses=documented(404, 409, 415))
@requires("operate")
def decide_image(
    body: DecisionBody, job_id: JobId, index: ImageIndex, studio: CurrentStudio, actor: CurrentActor
) -> JobAnswer:
    """Decide about an image: `accept_lost`, `not_charged` (both: perhaps charged), `declare_lost` (machine gone, or set
    aside), `try_again` (set aside: its answer is kept and could not be taken in).
    """
    job = studio.decisions.decide(
        actor, job_id, index, attempt_id=body.attempt_id, decision=body.decision, reason=body.reason
    )
    return JobAnswer(job_id=job.job_id, status=job.status)


@functools.cache
def approvals() -> CapacityLimiter:
    """The threads of approvals: they wait for the moderation, so they have some of their own."""
    return CapacityLimiter(AT_ONCE)


def status_of(job: Job) -> JobStatus:
    """How far a job is."""
    known: dict[str, Any] = {"job_id": job.job_id, "status": job.status, "cdn_urls": job.cdn_urls, "error": job.error}
    return JobStatus(**known)
