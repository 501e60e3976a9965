"""Approvals: of a new job, of a job's missing images, and of a finished job's recipe once more."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import Busy, Undecided, WrongState
from imagegeneration.jobs.agreements import Agreements
from imagegeneration.jobs.approval_records import ApprovalRecords
from imagegeneration.jobs.bodies import AgainBody, ExecuteBody, GenerateBody
from imagegeneration.jobs.job import Job, Source
from imagegeneration.jobs.lifecycle import reopened
from imagegeneration.jobs.link import Links
from imagegeneration.jobs.queries import JobQueries
from imagegeneration.jobs.repeats import RepeatedRequests, RequestKey
from imagegeneration.jobs.store import ImageChange
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.models.quote import Quote
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.selector import ModelSelector
from imagegeneration.money.money import budget_day, format_usd, format_usd_exact
from imagegeneration.people.rates import Rates
from imagegeneration.prompts.draft import Shown

_QUEUED_AGAIN = {
    "status": "QUEUED",
    "lease": None,
    "claims": 0,
    "error": None,
    "errorCode": None,
    "cancelRequestedAt": None,
    "startedAt": None,
    "completedAt": None,
    "durationMs": None,
}


@dataclass(frozen=True)
class RetryQuote:
    """What a retry makes, its maximum cost, and what the images with an unclear charge may already have cost."""

    missing: int
    total_micros: int
    unknown: int
    unknown_micros: int


class Approvals:
    """Approvals on behalf of an actor. For the actor, another user's job does not exist."""

    def __init__(
        self,
        queries: JobQueries,
        selector: ModelSelector,
        quotes: Quotes,
        rates: Rates,
        agreements: Agreements,
        repeats: RepeatedRequests,
        records: ApprovalRecords,
        transitions: ImageTransitions,
    ) -> None:
        self._queries = queries
        self._selector = selector
        self._quotes = quotes
        self._rates = rates
        self._agreements = agreements
        self._repeats = repeats
        self._records = records
        self._transitions = transitions

    def approve(
        self,
        actor: Actor,
        body: ExecuteBody,
        *,
        source: Source,
        idempotency_key: str | None,
        shown: Shown | None = None,
    ) -> Job:
        """Create the approved job and hold its money. For a key seen before, return the job made with it.

        `shown` is the draft and the quote that the user saw. If the quote has changed, WrongState (IMG_011) is raised.
        If the draft already became a job or was changed elsewhere, Elsewhere (IMG_011) is raised.

        One transaction inserts the job, the holds, the ledger entries, the key and the draft's job. A refusal consumes
        only one use of the rates, and a key seen before consumes none.

        Raises what `ModelSelector.quote` and `Moderator.check` raise, Busy (IMG_005), OverBudget (IMG_006), and
        InvalidRequest (IMG_009) for a key that was used for another body.
        """
        links = body.links if isinstance(body, GenerateBody) else ()
        quoted = functools.partial(self._quote, actor, body)
        return self._approve(actor, body, quoted, source, links, idempotency_key, shown)

    def retry_quote(self, actor: Actor, job_id: str) -> RetryQuote:
        """Return the most that retrying the missing images costs. Raises NotFound or WrongState (IMG_011)."""
        return self._quote_retry(self._queries.changeable(actor, job_id))[1]

    def retry(self, actor: Actor, job_id: str, *, accept_micros: int, accept_unknown: bool = False) -> Job:
        """Queue the job again for its missing images, under an approval with its own price and hold.

        Raises WrongState (IMG_011), also when the price is now above `accept_micros`. Raises Undecided (IMG_012) when
        the charge of some images is unclear and `accept_unknown` does not accept paying again. Raises OverBudget, Busy,
        and what `Moderator.check` raises.
        """
        job = self._queries.changeable(actor, job_id)
        quote, asked = self._quote_retry(job)
        if asked.unknown and not accept_unknown:
            raise Undecided(
                f"{asked.unknown} of the images were perhaps charged, up to {format_usd(asked.unknown_micros)}. "
                "Making them again may pay for them twice.",
                resolution="Retry with acceptUnknown if that is accepted.",
            )
        if accept_micros < asked.total_micros:
            raise _dearer(asked.total_micros, accept_micros)
        self._rates.act(actor, "approve")
        approval = self._agreements.retry(actor, job, quote, asked.total_micros)
        now, hold = approval.approved_at, quote.image_price
        missing = [image for image in job.images if image.is_missing]
        again = [
            reopened(
                image,
                job.request,
                hold.micros,
                budget_day(now),
                credit_cost=hold.credits,
                price=quote.request_price,
            )
            for image in missing
        ]
        queued_again = ImageChange(
            missing, again, guard={"status": "FAILED"}, fields=_QUEUED_AGAIN | {"runAt": now}, approval=approval
        )
        record = functools.partial(self._records.retried, actor, job, approval)
        if not self._transitions.commit(job, queued_again, now, also=record):
            raise WrongState("The job has changed meanwhile.")
        return self._queries.get(actor, job_id)

    def again_quote(self, actor: Actor, job_id: str) -> int:
        """Return the most that a new job with this job's recipe costs. Raises NotFound or WrongState."""
        quote = self._quote_again(actor, self._recipe(actor, job_id))
        quote.require_allowed()
        return quote.total_micros

    def run_again(
        self, actor: Actor, job_id: str, *, accept_micros: int, source: Source, idempotency_key: str | None
    ) -> Job:
        """Approve a new job with the recipe of a finished one: the same texts, count, parameters and alternates.

        It is an approval like any other. Raises WrongState (IMG_011), also when the price is now above `accept_micros`,
        NotFound, and what `approve` raises.
        """
        job = self._recipe(actor, job_id)

        def quoted() -> Quote:
            quote = self._quote_again(actor, job)
            quote.require_allowed()
            if quote.total_micros > accept_micros:
                raise _dearer(quote.total_micros, accept_micros)
            return quote

        body = AgainBody(
            intent=job.intent,
            raw_prompt=job.raw_prompt,
            final_prompt=job.final_prompt,
            image_count=job.image_count,
            again=job_id,
        )
        return self._approve(actor, body, quoted, source, job.links, idempotency_key, None)

    def _approve(
        self,
        actor: Actor,
        body: ExecuteBody,
        quoted: Callable[[], Quote],
        source: Source,
        links: Links,
        idempotency_key: str | None,
        shown: Shown | None,
    ) -> Job:
        key = None if idempotency_key is None else RequestKey.of(actor.user_id, idempotency_key, body)
        if (made := self._repeats.job_of(key)) is not None:
            return made
        quote = quoted()
        quote.require_allowed()
        check_shown(shown, quote)
        try:
            self._rates.act(actor, "approve")
        except Busy:
            made = self._repeats.job_of(key)  # its first request may have finished meanwhile
            if made is None:
                raise
            return made
        job = self._agreements.new_job(actor, body, quote, source=source, links=links)
        return self._records.insert(actor, job, key=key, shown=shown)

    def _quote(self, actor: Actor, body: ExecuteBody) -> Quote:
        if not isinstance(body, GenerateBody):
            return self._selector.quote_default(body.final_prompt, body.image_count, actor.user_id)
        criteria = self._selector.criteria(body.limited_options, body.final_prompt, actor)
        return self._selector.quote(criteria, body.image_count, actor.user_id)

    def _quote_retry(self, job: Job) -> tuple[Quote, RetryQuote]:
        missing = [image for image in job.images if image.is_missing]
        if not job.is_over or not missing:
            raise WrongState("Only a failed job can be retried." if job.is_over else "The job is still at work.")
        self._agreements.require_callable(job)
        self._agreements.require_as_approved(job)
        quote = self._quotes.of(_plan(job), job.final_prompt, job.image_count, job.user_id)
        quote.require_allowed()
        unknown = sum(image.state == "UNKNOWN" for image in missing)
        total_micros = quote.image_price.micros * len(missing)
        return quote, RetryQuote(len(missing), total_micros, unknown, job.unknown_micros)

    def _quote_again(self, actor: Actor, job: Job) -> Quote:
        return self._quotes.of(_plan(job), job.final_prompt, job.image_count, actor.user_id)

    def _recipe(self, actor: Actor, job_id: str) -> Job:
        job = self._queries.changeable(actor, job_id)
        if not job.is_over:
            raise WrongState("The job is still at work.")
        self._agreements.require_as_approved(job)
        return job


def check_shown(shown: Shown | None, quote: Quote) -> None:
    """Raise WrongState (IMG_011) unless prompt, count, options and price are as shown. API clients show none."""
    if shown is not None and shown.sha256 != quote.sha256:
        total = format_usd(quote.total_micros)
        raise WrongState(
            f"This is not what was on the screen: the prompt, the options or the price changed. "
            f"It is up to {total} now.",
            resolution="Nothing was approved. Check the prompt and the price, then press the button again.",
        )


def _plan(job: Job) -> GenerationPlan:
    """Return what the job was approved for."""
    return GenerationPlan(
        request=job.request,
        alternates=job.alternates,  # guard: retry-alternates
        max_extra_micros=job.latest_approval.max_extra_micros,
    )


def _dearer(now_micros: int, accepted_micros: int) -> WrongState:
    now, accepted = format_usd_exact(now_micros), format_usd_exact(accepted_micros)
    return WrongState(f"It now costs up to {now}; {accepted} was accepted.")
