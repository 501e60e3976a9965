"""Routes of generating with a chosen model, and of progress.

Sources: the requirement documents "Image Generation Pipeline (legacy service concepts)" and "New Image Generation API
Group".
"""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Response

from imagegeneration.api.dependencies import CurrentStudio
from imagegeneration.api.jobs import IdempotencyKey, JobAnswer, JobId, JobStatus, approvals, status_of
from imagegeneration.core.value import Many, Micros
from imagegeneration.jobs.bodies import GenerateBody
from imagegeneration.jobs.job import Job
from imagegeneration.people.rate_api import tell_rate
from imagegeneration.providers.generation import GenerationParameters
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires

router = APIRouter(tags=["jobs"])


class Accepted(JobAnswer):
    """A new job: where to poll it, about how many seconds an image takes, and what is sent.

    `alternates` are the requests that may be sent instead, in this order, if the one before is known to be free of
    charge.
    """

    status_url: str
    estimated_seconds: float
    request: GenerationParameters
    alternates: Many[GenerationParameters]


class Progress(JobStatus):
    """The progress of a job. `estimatedSeconds` is a rough duration of one image, never a promise."""

    image_count: int
    images_done: int
    request: GenerationParameters
    cost_micros: Micros
    estimated_seconds: float


@router.post("/generate", status_code=202, dependencies=[JSON_ONLY], responses=documented(402, 404, 415, 429, 502))
@requires("generate")
async def generate(
    body: GenerateBody,
    response: Response,
    studio: CurrentStudio,
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Approve a prompt with a chosen model and parameters, by the same rules as `execute-prompt`."""

    def approve() -> Job:
        job = studio.approvals.approve(actor, body, source="api", idempotency_key=idempotency_key)
        tell_rate(response, studio.rates, actor, "approve")
        return job

    job = await to_thread.run_sync(approve, limiter=approvals())
    return Accepted(
        job_id=job.job_id,
        status=job.status,
        status_url=f"/image/status/{job.job_id}",
        estimated_seconds=studio.forecast.seconds_of(job.request.model),
        request=job.request,
        alternates=job.alternates,
    )


@router.get("/status/{jobId}", responses=documented(404))
@requires("look")
def progress(job_id: JobId, studio: CurrentStudio, actor: CurrentActor) -> Progress:
    """Return the progress of a job, its model, and about how long an image takes by the model's history."""
    job = studio.queries.get(actor, job_id)
    return Progress(
        **status_of(job).model_dump(),
        image_count=job.image_count,
        images_done=sum(image.state == "STORED" for image in job.images),
        request=job.request,
        cost_micros=job.cost_micros,
        estimated_seconds=studio.forecast.seconds_of(job.request.model),
    )
