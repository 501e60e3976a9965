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
"""The most approvals at once. They may wait for the moderation, so they have their own threads."""

router = APIRouter(tags=["jobs"])

IdempotencyKey = Annotated[
    str | None,
    Header(pattern=KEY_PATTERN, description="1 to 255 characters: the same key and body give the same job."),
]
JobId = Annotated[str, Path(alias="jobId", min_length=1, max_length=64, description="As execute-prompt gave it.")]


ImageIndex = Annotated[int, Path(ge=0, lt=MAX_IMAGES)]


class JobAnswer(Value):
    """A job's id and status."""

    job_id: str
    status: Status


class JobStatus(Value):
    """The status of a job, for clients that poll."""

    job_id: str
    status: Status
    cdn_urls: Sequence[str]
    error: str | None


class JobRecord(Value):
    """The whole record of a job: what was approved, sent and received, and what it cost."""

    job: Job
    stored_images: Sequence[StoredImage]
    ledger: Sequence[LedgerEntry]
    quoted_micros: Micros
    held_micros: Micros
    cost_micros: Micros
    outlook: Outlook | None


class DecisionBody(Value):
    """A decision about an image whose charge is unclear, that was set aside, or whose runner is gone, with the reason.

    `attemptId` is the attempt that the operator saw in the job's record.
    """

    decision: Decision
    attempt_id: str = Field(min_length=1, max_length=64)
    reason: Reason


class RetryBody(Value):
    """The agreed cost of a retry. `acceptUnknown`: images whose charge is unclear may be paid for again."""

    accept_micros: Micros = Field(description=f"Integer micro-dollars, 0..{MAX_MICROS}.")
    accept_unknown: bool = False


class AgainOrder(Value):
    """The most that a job which is run again may cost."""

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
    """Approve a prompt: create a job and hold its price. No image is generated inside the request."""

    def approve() -> Job:
        job = studio.approvals.approve(actor, body, source="api", idempotency_key=idempotency_key)
        tell_rate(response, studio.rates, actor, "approve")
        return job

    job = await to_thread.run_sync(approve, limiter=approvals())
    return JobAnswer(job_id=job.job_id, status="QUEUED")


@router.get("/job-status/{jobId}", responses=documented(404))
@requires("look")
def job_status(job_id: JobId, studio: CurrentStudio, actor: CurrentActor) -> JobStatus:
    """Return the status of a job, and the URLs of its stored images."""
    return status_of(studio.queries.get(actor, job_id))


def _filters(
    status: Status | None = None,
    link: Annotated[str | None, Query(pattern=LINK_PATTERN, description="type:id of a link that a job has.")] = None,
    user_id: Annotated[str | None, Query(alias="userId", max_length=100, description="Whose jobs they are.")] = None,
) -> Mapping[str, Any]:
    """Return the given filters of a list, as they stand in its address."""
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
    """List jobs, newest first. `Link: <...>; rel="next"` leads to the next page."""
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
    """Return the whole record of a job."""
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
    """Queue a failed job again for its missing images, at a price of at most `acceptMicros`."""

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
    """Approve a new job with the recipe of a finished one, at a price of at most `acceptMicros`."""

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
    """Cancel a job: no further image starts. Images in flight finish and are kept."""
    job = studio.cancellation.cancel(actor, job_id)
    return JobAnswer(job_id=job.job_id, status=job.status)


@router.post("/jobs/{jobId}/images/{index}/decision", dependencies=[JSON_ONLY], responses=documented(404, 409, 415))
@requires("operate")
def decide_image(
    body: DecisionBody, job_id: JobId, index: ImageIndex, studio: CurrentStudio, actor: CurrentActor
) -> JobAnswer:
    """Decide about an image.

    `accept_lost` and `not_charged` are for an unclear charge, `declare_lost` for a lost runner or an image set aside,
    and `try_again` for an image set aside, whose kept answer is then processed again.
    """
    job = studio.decisions.decide(
        actor, job_id, index, attempt_id=body.attempt_id, decision=body.decision, reason=body.reason
    )
    return JobAnswer(job_id=job.job_id, status=job.status)


@functools.cache
def approvals() -> CapacityLimiter:
    """Return the limiter of the threads of approvals, which wait for the moderation."""
    return CapacityLimiter(AT_ONCE)


def status_of(job: Job) -> JobStatus:
    """Return the status of a job."""
    known: dict[str, Any] = {"job_id": job.job_id, "status": job.status, "cdn_urls": job.cdn_urls, "error": job.error}
    return JobStatus(**known)
