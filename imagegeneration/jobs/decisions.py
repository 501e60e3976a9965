"""Decisions of users about images with an unclear charge, set aside, or on a lost machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotFound, WrongState
from imagegeneration.jobs.decision import Decision
from imagegeneration.jobs.job import Attempt, Job, JobImage
from imagegeneration.jobs.lifecycle import accepted_as_lost, declared_lost, marked_not_charged, tried_again
from imagegeneration.jobs.store import ImageChange, JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.processes.runners import Runners

_TRANSITIONS: Mapping[Decision, Callable[[JobImage, datetime], JobImage]] = {
    "accept_lost": accepted_as_lost,
    "not_charged": marked_not_charged,
    "declare_lost": declared_lost,
    "try_again": tried_again,
}


class Decisions:
    """Decisions about one attempt of one image, recorded with the user and the reason."""

    def __init__(
        self, connection: Connection, jobs: JobStore, transitions: ImageTransitions, runners: Runners, audit: Audit
    ) -> None:
        self._connection = connection
        self._job_store = jobs
        self._transitions = transitions
        self._runners = runners
        self._audit = audit

    def decide(self, actor: Actor, job_id: str, index: int, *, attempt_id: str, decision: Decision, reason: str) -> Job:
        """Apply the decision to the attempt that the actor looked at, and return the job.

        A result that still arrives outranks the decision. Raises NotFound (IMG_008). Raises WrongState (IMG_011) if the
        image is not in a state for this decision, or if the machine that has it is alive.
        """
        while True:
            job = self._decidable(actor, job_id)
            if index >= len(job.images):
                raise NotFound("The job has no such image.")
            image = job.images[index]
            if image.attempt.attempt_id != attempt_id:
                raise WrongState("The image has been made again meanwhile.")
            if decision == "declare_lost" and not image.is_set_aside:
                self._require_gone(image)
            now = self._connection.now()
            decided = _TRANSITIONS[decision](image, now)
            if decided is image:
                raise WrongState("The image is not in a state in which this can be decided.")
            if self._change(job, image, decided, actor, decision, reason, now):
                self._transitions.conclude(job_id)
                return self._decidable(actor, job_id)

    def _decidable(self, actor: Actor, job_id: str) -> Job:
        """Return the job. Raises NotFound unless the actor is an operator or may change the job."""
        job = self._job_store.get(job_id)
        if job is None or not (actor.may("operate") or actor.may_change(job.user_id)):
            raise NotFound("There is no such job.")
        return job

    def _require_gone(self, image: JobImage) -> None:
        if any(runner.host == image.spool_host for runner in self._runners.alive()):
            raise WrongState(f"A runner on {image.spool_host} is alive, and will deliver the image.")

    def _change(
        self, job: Job, old: JobImage, new: JobImage, actor: Actor, decision: Decision, reason: str, now: datetime
    ) -> bool:
        subject = f"{job.job_id}/{old.index}"

        def write(session: Session) -> None:
            words = f"{decision}: {reason}" if reason else decision
            before, after = _without_prompts(old), _without_prompts(new)
            self._audit.write(
                actor, "image.decided", subject, words, before=before, after=after, now=now, session=session
            )

        # A job that only waited for this image can then be claimed and concluded, even if this process ends right here.
        fields = {"runAt": now} if job.status == "RUNNING" and job.lease is None else {}
        return self._transitions.commit(job, ImageChange([old], [new], fields=fields), now, also=write)


def _without_prompts(image: JobImage) -> JobImage:
    """Return the image for the audit record without the provider's words: operators read it, and it is permanent."""
    attempts = tuple(map(_without_words, image.attempts))
    return image.model_copy(update={"attempts": attempts})


def _without_words(attempt: Attempt) -> Attempt:
    error = None if attempt.error is None else attempt.error.model_copy(update={"message": ""})
    return attempt.model_copy(update={"revised_prompt": None, "why": None, "error": error})
