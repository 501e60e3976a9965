"""Real jobs without the price of approving each: copies of one that was approved as a user does it."""

from __future__ import annotations

from datetime import datetime

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import Actor
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Job, new_job_id

ACTOR = Actor(user_id="local")
PROMPT = "A calm homepage category card for a SaaS product, soft light, generous spacing"


def approved_job(studio: Studio) -> Job:
    """Return a job of one image as its approval has made it; in the database it is canceled."""
    body = ExecuteBody(intent="homepage category card", raw_prompt="simple saas ui", final_prompt=PROMPT, image_count=1)
    job = studio.approvals.approve(ACTOR, body, source="api", idempotency_key=None)
    studio.cancellation.cancel(ACTOR, job.job_id)
    return job


def queued_copy(job: Job, now: datetime, *, intent: str, raw_prompt: str) -> Job:
    """Return another job of the same request, due now. Its image is stored, so that only the queue is at work."""
    image = job.images[0].model_copy(update={"state": "STORED", "url": "http://127.0.0.1/nothing.png"})
    times = {"created_at": now, "updated_at": now, "run_at": now}
    words = {"intent": intent, "raw_prompt": raw_prompt}
    return job.model_copy(update={"job_id": new_job_id(), "images": (image,), **times, **words})
