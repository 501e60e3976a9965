"""What people and programs do with jobs: quote, approve, retry, run again, cancel."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import Busy, InvalidRequest, NotFound, ProviderNotConfigured, Undecided, WrongState
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.accounting import movements
from imagegeneration.jobs.changes import Changes
from imagegeneration.jobs.fallback import bound
from imagegeneration.jobs.idempotency import IdempotencyRecord
from imagegeneration.jobs.job import Approval, Job, Price, Source, Terms, new_job_id, request_sha256
from imagegeneration.jobs.lifecycle import dropped, held, reopened
from imagegeneration.jobs.link import Links
from imagegeneration.jobs.queries import JobQueries
from imagegeneration.jobs.seals import Seals
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import RANDOM_SEED, GenerateBody, Order
from imagegeneration.money.credit import CreditQuote
from imagegeneration.money.credits import Credits
from imagegeneration.money.ledger import Ledger
from imagegeneration.money.money import budget_day, format_usd, format_usd_exact
from imagegeneration.money.spending import Spending
from imagegeneration.mongo.collection import AlreadyExists
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.plan import PLANS
from imagegeneration.people.rates import Rates
from imagegeneration.prompts.draft import Shown, shown_sha256, terms_sha256
from imagegeneration.prompts.moderation import Moderation
from imagegeneration.prompts.moderator import Moderator
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.generation import ExecuteBody, GenerationParameters
from imagegeneration.stores import Stores

KEY_PATTERN = r"^[!-~]([ -~]{0,253}[!-~])?$"
"""An idempotency key: 1 to 255 printable ASCII characters, no space at either end."""


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
    """What a retry makes and costs at most, and what the images may already have cost that are in doubt."""

    missing: int
    total_micros: int
    unknown: int
    unknown_micros: int


@dataclass(frozen=True)
class Offer:
    """What this studio makes: the models, the parameters of version 1, and the hash of each provider's endpoint."""

    catalog: Catalog
    parameters: GenerationParameters | None
    endpoints: Mapping[ProviderName, str]
    queue_limit: int

    def made_by(self, model: ImageModel) -> ProviderName | None:
        """The configured provider of a model; the sandbox stands in for OpenAI. None if there is none."""
        stand_in = "sandbox" if model.provider == "openai" and "openai" not in self.endpoints else model.provider
        return stand_in if stand_in in self.endpoints else None

    def endpoint(self, provider: ProviderName) -> str:
        """The hash of the provider's endpoint. Raises ProviderNotConfigured (IMG_001)."""
        if provider not in self.endpoints:
            raise ProviderNotConfigured(f"The provider {provider} is not configured.")
        return self.endpoints[provider]

    def usual(self, model: ImageModel, provider: ProviderName) -> GenerationParameters:
        """Return what a model makes here by default: as configured, as far as the model can."""
        configured = self.parameters
        return configured if configured and configured.model == model.name else model.usual(provider, configured)

    def order(self, wanted: Order, image_count: int) -> Order:
        """What is approved of `wanted` for so many images: a seed for each, at every model that may make it."""
        return wanted.model_copy(
            update={
                "request": self.catalog.with_seeds(wanted.request, image_count),
                "alternates": tuple(self.catalog.with_seeds(one, image_count) for one in wanted.alternates),
            }
        )

    def require(self) -> GenerationParameters:
        """The parameters. Raises ProviderNotConfigured (IMG_001) without a provider."""
        if self.parameters is None:
            raise ProviderNotConfigured("No image provider is configured, so no job can be accepted.")
        return self.parameters


class AgainBody(ExecuteBody):
    """What is approved when a job is run again. `again` names that job, so that a key of it stands for nothing else."""

    again: str


@dataclass(frozen=True)
class Admission:
    """What an approval has to pass before anything is written, what seals it, and where its money is written."""

    rates: Rates
    moderator: Moderator
    seals: Seals
    ledger: Ledger


class Jobs:
    """The use cases of a job, each on behalf of an actor; what is another's does not exist."""

    def __init__(
        self,
        stores: Stores,
        admission: Admission,
        spending: Spending,
        credits_: Credits,
        breakers: Breakers,
        changes: Changes,
        offer: Offer,
        audit: Audit,
    ) -> None:
        self._rates = admission.rates
        self._ledger = admission.ledger
        self._credits = credits_
        self._connection = stores.connection
        self._jobs = stores.jobs
        self._queries = JobQueries(stores.jobs, stores.images, stores.ledger)
        self._idempotency = stores.idempotency
        self._drafts = stores.drafts
        self._spending = spending
        self._breakers = breakers
        self._changes = changes
        self._offer = offer
        self._moderator = admission.moderator
        self._seals = admission.seals
        self._audit = audit

    def quote(self, final_prompt: str, image_count: int, order: Order | None = None) -> int:
        """The most that `image_count` images of this prompt cost, in micro-dollars: the sum that approving holds.

        `order` None: what this studio usually makes. With alternates it is the price of the dearest. Raises
        ProviderNotConfigured (IMG_001), ModelUnavailable (IMG_013) or OverBudget (IMG_006).
        """
        routes = [self._offer.require()] if order is None else [order.request, *order.alternates]
        return max(self._hold(route, final_prompt) for route in routes) * image_count

    def quote_credits(
        self, actor: Actor, image_count: int, request: GenerationParameters | None = None
    ) -> CreditQuote | None:
        """What approving so many images costs in credits, and what is left; None for an actor who is not metered.

        `request` None: what this studio usually makes.
        """
        wanted = request or self._offer.require()
        return self._credits.quote(actor, wanted.size, image_count, is_edit=wanted.is_edit)

    def approve(
        self,
        actor: Actor,
        body: ExecuteBody,
        *,
        source: Source,
        idempotency_key: str | None,
        choose: Callable[[], Order] | None = None,
        links: Links = (),
        shown: Shown | None = None,
    ) -> Job:
        """Make the job that was approved and hold its money; with a key seen before, the job made then.

        `choose` says what a new job is for (None: what this studio usually makes); it may refuse. `links` are kept with
        the job; they are no part of what is sent, so not of the request's hash either.
        `shown` is what a person saw of which draft: another request is refused with WrongState (IMG_011), and a draft
        that is a job already, or was changed elsewhere, with Elsewhere (IMG_011).
        One transaction inserts the job, the holds, the ledger entries, the key and the draft's job: a refusal consumes
        nothing but one use of the rates, and a key seen before not even that. Raises what `quote` and `Moderator.check`
        raise, Busy (IMG_005), OverBudget (IMG_006), and InvalidRequest (IMG_009) for a key that stood for another body.
        """
        body_sha256 = _fingerprint(body)
        if idempotency_key is not None:
            _check_key(idempotency_key)
            known = self._idempotency.get(actor.user_id, idempotency_key)
            if known is not None:
                return self._replay(known, body_sha256)
        wanted = Order(request=self._offer.require()) if choose is None else choose()
        order = self._offer.order(wanted, body.image_count)
        prices = self._prices(actor.user_id, order, body.final_prompt, body.image_count)
        check_shown(shown, body, order, bound(prices).micros * body.image_count)
        try:
            self._rates.act(actor, "approve")
        except Busy:
            known = self._idempotency.get(actor.user_id, idempotency_key) if idempotency_key else None
            if known is None:
                raise
            return self._replay(known, body_sha256)  # its first request has come to its end meanwhile
        moderation = self._moderator.check(body.final_prompt, (order.request, *order.alternates))
        job = self._new_job(actor, body, order, prices, source, moderation, self._connection.now(), links)
        moved = movements(job, [], job.images)
        self._ledger.prepare(moved)

        def work(session: Session) -> None:
            if idempotency_key is not None:  # first: a request that is known is refused for nothing that follows
                record = IdempotencyRecord(
                    user_id=actor.user_id,
                    key=idempotency_key,
                    body_sha256=body_sha256,
                    job_id=job.job_id,
                    created_at=job.created_at,
                )
                self._idempotency.insert(record, session=session)
            if shown is not None:
                self._drafts.claim(actor.user_id, shown, job.job_id, session=session)
            self._require_room(session)
            self._require_place(actor, session)
            self._jobs.insert(job, session=session)
            self._ledger.record(moved, job.created_at, session=session)
            self._record_approval(actor, "approved", job.job_id, job.approval, session)

        try:
            self._connection.transaction(work)
        except AlreadyExists:
            known = self._idempotency.settled(actor.user_id, str(idempotency_key))
            if known is None:
                raise WrongState("The idempotency key was in use a moment ago. Send the request again.") from None
            return self._replay(known, body_sha256)
        return job

    def retry_quote(self, actor: Actor, job_id: str) -> RetryQuote:
        """What retrying the missing images costs at most. Raises NotFound or WrongState (IMG_011)."""
        return self._retry_quote(self._queries.changeable(actor, job_id))

    def retry(self, actor: Actor, job_id: str, *, accept_micros: int, accept_unknown: bool = False) -> Job:
        """Queue the same job again for the images it lacks: an approval of its own, priced and held.

        Raises WrongState (IMG_011), also when the price is now above `accept_micros`; Undecided (IMG_012) when
        images were perhaps charged and `accept_unknown` does not say that paying again is accepted; OverBudget; Busy;
        and what `Moderator.check` raises.
        """
        job = self._queries.changeable(actor, job_id)
        quote = self._retry_quote(job)
        if quote.unknown and not accept_unknown:
            raise Undecided(
                f"{quote.unknown} of the images were perhaps charged, up to {format_usd(quote.unknown_micros)}. "
                "Making them again may pay for them twice.",
                resolution="Retry with acceptUnknown if that is accepted.",
            )
        if accept_micros < quote.total_micros:
            raise _dearer(quote.total_micros, accept_micros)
        self._rates.act(actor, "approve")
        moderation = self._moderator.check(job.final_prompt, (job.request, *job.alternates))
        now = self._connection.now()
        day = budget_day(now)
        missing = [image for image in job.images if image.is_missing]
        order = Order(request=job.request, alternates=job.alternates)
        prices = self._prices(job.user_id, order, job.final_prompt, job.image_count)  # guard: retry-alternates
        hold, price = _held_for(prices)
        again = [
            reopened(image, job.request, hold.micros, day, credit_cost=hold.credits, price=price) for image in missing
        ]
        sha256 = job.approval.request_sha256
        agreed = order.model_copy(update={"max_extra_micros": hold.micros - prices[0].micros})
        agreement = self._approval(actor, agreed, prices, sha256, quote.total_micros, moderation, now)
        approval = self._seals.sealed(job, agreement, len(job.approvals))

        def queue(session: Session) -> None:
            self._require_room(session, own=1)
            if actor.user_id == job.user_id:
                self._require_place(actor, session, own=1)
            self._record_approval(actor, "retried", job_id, approval, session)

        queued = self._changes.swap(
            job,
            missing,
            again,
            now,
            guard={"status": "FAILED"},
            fields=_QUEUED_AGAIN | {"runAt": now},
            approval=approval,
            also=queue,
        )
        if not queued:
            raise WrongState("The job has changed meanwhile.")
        return self._queries.get(actor, job_id)

    def again_quote(self, actor: Actor, job_id: str) -> int:
        """Return the most that a new job with the recipe of this one costs. Raises NotFound or WrongState."""
        job, order = self._recipe(actor, job_id)
        return self.quote(job.final_prompt, job.image_count, order)

    def run_again(
        self, actor: Actor, job_id: str, *, accept_micros: int, source: Source, idempotency_key: str | None
    ) -> Job:
        """Approve a new job with the recipe of one that is over: the same texts, count, parameters and alternates.

        It is an approval like any other. Raises WrongState (IMG_011), also when the price is now above
        `accept_micros`, NotFound, and what `approve` raises.
        """
        job, order = self._recipe(actor, job_id)

        def choose() -> Order:
            if (total := self.quote(job.final_prompt, job.image_count, order)) > accept_micros:
                raise _dearer(total, accept_micros)
            return order

        body = AgainBody(
            intent=job.intent,
            raw_prompt=job.raw_prompt,
            final_prompt=job.final_prompt,
            image_count=job.image_count,
            again=job_id,
        )
        return self.approve(actor, body, source=source, idempotency_key=idempotency_key, choose=choose, links=job.links)

    def _recipe(self, actor: Actor, job_id: str) -> tuple[Job, Order]:
        job = self._queries.changeable(actor, job_id)
        if not job.is_over:
            raise WrongState("The job is still at work.")
        self._require_as_approved(job)
        extra = job.latest_approval.max_extra_micros
        return job, Order(request=job.request, alternates=job.alternates, max_extra_micros=extra)

    def cancel(self, actor: Actor, job_id: str) -> Job:
        """Start no further image of the job and release what is held for them; what is in flight finishes.

        Raises NotFound, or WrongState (IMG_011) for a job that is over.
        """
        job = self._queries.changeable(actor, job_id)
        while not job.is_over:
            now = self._connection.now()
            waiting = [image for image in job.images if image.state == "HELD"]
            canceled = [dropped(image, "CANCELED", "Canceled before it was started.", now) for image in waiting]
            canceled_now = self._changes.swap(
                job,
                waiting,
                canceled,
                now,
                guard={"status": job.status, "cancelRequestedAt": job.cancel_requested_at},
                fields={"cancelRequestedAt": now},
                also=functools.partial(self._record_cancel, actor, job_id, now),
            )
            if canceled_now:
                self._changes.conclude(job_id)
                return self._queries.get(actor, job_id)
            job = self._queries.changeable(actor, job_id)
        raise WrongState("The job is over, so there is nothing to cancel.")

    def _record_approval(
        self, actor: Actor, action: Literal["approved", "retried"], job_id: str, approval: Approval, session: Session
    ) -> None:
        found = "" if approval.moderation is None else approval.moderation.remark
        self._audit.write(actor, action, job_id, found, after=approval, now=approval.approved_at, session=session)

    def _record_cancel(self, actor: Actor, job_id: str, now: datetime, session: Session) -> None:
        self._audit.write(actor, "canceled", job_id, "", now=now, session=session)

    def _retry_quote(self, job: Job) -> RetryQuote:
        missing = [image for image in job.images if image.is_missing]
        if not job.is_over or not missing:
            raise WrongState("Only a failed job can be retried." if job.is_over else "The job is still at work.")
        offered = self._offer.require()
        if job.request.provider not in self._offer.endpoints:
            raise WrongState(
                f"The job was approved for {job.request.provider}, and this studio now uses {offered.provider}. "
                "Start a new request from it."
            )
        for alternate in job.alternates:
            if alternate.provider not in self._offer.endpoints:
                raise WrongState(
                    f"The job may fall back to {alternate.model}, and {alternate.provider} is not configured. "
                    "Start a new request from it."
                )
        self._require_as_approved(job)
        hold = self.quote(job.final_prompt, 1, Order(request=job.request, alternates=job.alternates))
        unknown = sum(image.state == "UNKNOWN" for image in missing)
        return RetryQuote(len(missing), hold * len(missing), unknown, job.unknown_micros)

    def _require_as_approved(self, job: Job) -> None:
        if (tampered := self._seals.tampered(job)) is not None:  # guard: retry-approved
            raise WrongState(tampered, resolution="Start new images from it, and tell an admin.")

    def _require_room(self, session: Session, *, own: int = 0) -> None:
        """Raise Busy (IMG_005) for a full queue; `own` jobs of this transaction are in it already.

        It is exact: approvals at once conflict on the day's counters, and the later one counts again.
        """
        limit = self._offer.queue_limit
        if self._jobs.queued(limit + own, session=session) - own >= limit:
            raise Busy(f"{limit} jobs are waiting already.", retry_after=30)

    def _require_place(self, actor: Actor, session: Session, *, own: int = 0) -> None:
        """Raise Busy (IMG_005) if the actor's plan allows no further job at once; as exact as `_require_room`."""
        if actor.plan is None:
            return
        plan = PLANS[actor.plan]
        if self._jobs.open_of(actor.user_id, plan.jobs_at_once + own, session=session) - own >= plan.jobs_at_once:
            jobs = "1 job" if plan.jobs_at_once == 1 else f"{plan.jobs_at_once} jobs"
            raise Busy(
                f"{jobs} at once with the plan {plan.name}: that many of yours are queued or running.",
                retry_after=10,
                resolution="Wait until one of them is over, or cancel one.",
            )

    def _prices(self, user_id: str, order: Order, final_prompt: str, image_count: int) -> Sequence[Price]:
        """The most that an image costs: of what is asked for first, and of each alternate."""
        return [
            Price(
                micros=self._hold(route, final_prompt),
                credits=self._credits.cost_of_image(user_id, route.size, image_count, is_edit=route.is_edit),
            )
            for route in (order.request, *order.alternates)
        ]

    def _hold(self, request: GenerationParameters, final_prompt: str) -> int:
        self._breakers.require_model(request.model)
        hold = self._offer.catalog.quote(request, final_prompt, datetime.now(UTC).date())
        self._spending.check_price(hold)
        return hold

    def _new_job(
        self,
        actor: Actor,
        body: ExecuteBody,
        order: Order,
        prices: Sequence[Price],
        source: Source,
        moderation: Moderation | None,
        now: datetime,
        links: Links,
    ) -> Job:
        day, request = budget_day(now), order.request
        sha256 = request_sha256(body.final_prompt, body.image_count, request, order.alternates)
        hold, price = _held_for(prices)
        quoted = hold.micros * body.image_count
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
            alternates=order.alternates,
            links=links,
            approval=self._approval(actor, order, prices, sha256, quoted, moderation, now),
            images=tuple(
                held(index, request.provider, request.model, hold.micros, day, credit_cost=hold.credits, price=price)
                for index in range(body.image_count)
            ),
            run_at=now,
        )
        return job.model_copy(update={"approval": self._seals.sealed(job, job.approval, 0)})

    def _approval(
        self,
        actor: Actor,
        order: Order,
        prices: Sequence[Price],
        sha256: str,
        quoted_micros: int,
        moderation: Moderation | None,
        now: datetime,
    ) -> Approval:
        return Approval(
            approved_by=actor.user_id,
            approved_at=now,
            request_sha256=sha256,
            quoted_micros=quoted_micros,
            price_table=self._offer.catalog.price_table,
            endpoint_sha256=self._offer.endpoint(order.request.provider),
            moderation=moderation,
            alternates=tuple(
                Terms(endpoint_sha256=self._offer.endpoint(alternate.provider), price=price)
                for alternate, price in zip(order.alternates, prices[1:], strict=True)
            ),
            max_extra_micros=order.max_extra_micros,
            image_micros=bound(prices).micros,
        )

    def _replay(self, known: IdempotencyRecord, body_sha256: str) -> Job:
        if known.body_sha256 != body_sha256:  # guard: one-body-per-key
            raise InvalidRequest("This idempotency key was used for another request.")
        job = self._jobs.get(known.job_id)
        if job is None:
            raise NotFound("The job that this idempotency key stands for was deleted.")
        return job


def _held_for(prices: Sequence[Price]) -> tuple[Price, Price | None]:
    """What is held for an image, and the price of the first call where that is not the same thing."""
    return bound(prices), None if len(prices) == 1 else prices[0]  # guard: approval-hold-dearest


def _fingerprint(body: ExecuteBody) -> str:
    canonical = json.dumps(body.document(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_shown(shown: Shown | None, body: ExecuteBody, order: Order, total_micros: int) -> None:
    """Refuse what is not what the screen showed: prompt, number of images, options and price. Programs show nothing."""
    if shown is None:
        return
    draws_seed = isinstance(body, GenerateBody) and body.options.seed == RANDOM_SEED
    terms = terms_sha256(order, total_micros, draws_seed=draws_seed)
    if shown_sha256(body.final_prompt, body.image_count, terms) != shown.sha256:
        raise WrongState(
            f"This is not what was on the screen: the prompt, the options or the price changed. "
            f"It is up to {format_usd(total_micros)} now.",
            resolution="Nothing was approved. Check the prompt and the price, then press the button again.",
        )


def _dearer(now_micros: int, accepted_micros: int) -> WrongState:
    now, accepted = format_usd_exact(now_micros), format_usd_exact(accepted_micros)
    return WrongState(f"It now costs up to {now}; {accepted} was accepted.")


def _check_key(key: str) -> None:
    if not re.fullmatch(KEY_PATTERN, key):
        raise InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
