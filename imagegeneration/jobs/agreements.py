"""Agreements: the content of an approval, moderated, dated and sealed."""

from __future__ import annotations

from datetime import datetime

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import WrongState
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Approval, Job, RouteTerms, Source, new_job_id, request_sha256
from imagegeneration.jobs.lifecycle import held
from imagegeneration.jobs.link import Links
from imagegeneration.jobs.seals import Seals
from imagegeneration.models.quote import Quote
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.money.money import budget_day
from imagegeneration.mongo.connection import Connection
from imagegeneration.prompts.moderation import Moderation
from imagegeneration.prompts.moderator import Moderator


class Agreements:
    """The writer of approvals, which also checks whether a job is still as approved."""

    def __init__(self, connection: Connection, registry: ModelRegistry, moderator: Moderator, seals: Seals) -> None:
        self._connection = connection
        self._registry = registry
        self._moderator = moderator
        self._seals = seals

    def new_job(self, actor: Actor, body: ExecuteBody, quote: Quote, *, source: Source, links: Links) -> Job:
        """Return the approved job, sealed and not yet stored. Raises what `Moderator.check` raises."""
        moderation = self._moderator.check(body.final_prompt, quote.plan.routes)
        now = self._connection.now()
        day, request, hold = budget_day(now), quote.plan.request, quote.image_price
        sha256 = request_sha256(body.final_prompt, body.image_count, request, quote.plan.alternates)
        job = Job(
            intent=body.intent,
            raw_prompt=body.raw_prompt,
            final_prompt=body.final_prompt,
            image_count=body.image_count,
            status="QUEUED",
            created_at=now,
            updated_at=now,
            job_id=new_job_id(),
            user_id=actor.user_id,
            source=source,
            request=request,
            alternates=quote.plan.alternates,
            links=links,
            approval=self._approval(actor, quote, sha256, quote.total_micros, moderation, now),
            images=tuple(
                held(
                    index,
                    request.provider,
                    request.model,
                    hold.micros,
                    day,
                    credit_cost=hold.credits,
                    price=quote.request_price,
                )
                for index in range(body.image_count)
            ),
            run_at=now,
        )
        return job.model_copy(update={"approval": self._seals.sealed(job, job.approval, 0)})

    def retry(self, actor: Actor, job: Job, quote: Quote, total_micros: int) -> Approval:
        """Return the sealed approval for the job's missing images. Raises what `Moderator.check` raises."""
        moderation = self._moderator.check(job.final_prompt, quote.plan.routes)
        now = self._connection.now()
        agreed = self._approval(actor, quote, job.approval.request_sha256, total_micros, moderation, now)
        extra = quote.image_price.micros - quote.prices[0].micros
        return self._seals.sealed(job, agreed.model_copy(update={"max_extra_micros": extra}), len(job.approvals))

    def require_callable(self, job: Job) -> None:
        """Raise WrongState (IMG_011) if a provider that the job was approved for is no longer configured."""
        if job.request.provider not in self._registry.endpoints:
            raise WrongState(
                f"The job was approved for {job.request.provider}, and this studio now uses "
                f"{self._registry.require_default().provider}. Start a new request from it."
            )
        for alternate in job.alternates:
            if alternate.provider not in self._registry.endpoints:
                raise WrongState(
                    f"The job may fall back to {alternate.model}, and {alternate.provider} is not configured. "
                    "Start a new request from it."
                )

    def require_as_approved(self, job: Job) -> None:
        """Raise WrongState (IMG_011) if the job is not what was approved."""
        if (tampered := self._seals.tampered(job)) is not None:  # guard: retry-approved
            raise WrongState(tampered, resolution="Start new images from it, and tell an admin.")

    def _approval(
        self,
        actor: Actor,
        quote: Quote,
        sha256: str,
        quoted_micros: int,
        moderation: Moderation | None,
        now: datetime,
    ) -> Approval:
        plan = quote.plan
        return Approval(
            approved_by=actor.user_id,
            approved_at=now,
            request_sha256=sha256,
            quoted_micros=quoted_micros,
            price_table=self._registry.catalog.price_table,
            endpoint_sha256=self._registry.endpoint(plan.request.provider),
            moderation=moderation,
            alternates=tuple(
                RouteTerms(endpoint_sha256=self._registry.endpoint(alternate.provider), price=price)
                for alternate, price in zip(plan.alternates, quote.prices[1:], strict=True)
            ),
            max_extra_micros=plan.max_extra_micros,
            image_micros=quote.image_price.micros,
        )
