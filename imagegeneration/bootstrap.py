"""Settings -> Studio: the services, wired to their adapters. The only place that wires."""

from __future__ import annotations

from dataclasses import dataclass

from imagegeneration.domain.money import account_of
from imagegeneration.oidc import OidcClient, ProxyTokens
from imagegeneration.providers import OpenAIProvider, build_provider
from imagegeneration.services.audit import Audit
from imagegeneration.services.breakers import Breakers
from imagegeneration.services.changes import Changes
from imagegeneration.services.credits import Credits
from imagegeneration.services.decisions import Decisions
from imagegeneration.services.drafts import Drafts
from imagegeneration.services.enhancement import Enhancement
from imagegeneration.services.execution import Execution
from imagegeneration.services.forecast import Forecast
from imagegeneration.services.health import Health
from imagegeneration.services.jobs import Admission, Jobs, Offer
from imagegeneration.services.keys import Keys
from imagegeneration.services.limits import SpendLimits
from imagegeneration.services.logins import Logins
from imagegeneration.services.moderation import Moderator
from imagegeneration.services.operations import Operations
from imagegeneration.services.people import People
from imagegeneration.services.queue import Queue
from imagegeneration.services.rates import Rates
from imagegeneration.services.runners import Runners
from imagegeneration.services.spending import Spending
from imagegeneration.settings import Settings
from imagegeneration.spool import Spool
from imagegeneration.storage import Storage
from imagegeneration.store import Stores
from imagegeneration.store.rates import RateStore


@dataclass(frozen=True)
class Studio:
    """Everything a page, a route or a runner works with."""

    settings: Settings
    jobs: Jobs
    enhancement: Enhancement
    drafts: Drafts
    rates: Rates
    spending: Spending
    credits: Credits
    limits: SpendLimits
    breakers: Breakers
    decisions: Decisions
    forecast: Forecast
    audit: Audit
    people: People
    logins: Logins
    keys: Keys
    operations: Operations
    health: Health
    runners: Runners
    queue: Queue
    execution: Execution | None
    _stores: Stores
    _provider: OpenAIProvider | None

    def close(self) -> None:
        """Write down what is still in memory and give all connections back."""
        self.enhancement.post()
        if self._provider is not None:
            self._provider.close()
        self.rates.close()
        self._stores.connection.close()


def build_studio(settings: Settings, *, runner: bool = False) -> Studio:
    """Wire the services; with `runner`, also those that make images, which need the spool on this disk.

    Creates the collections with their validators and indexes. Raises ConfigurationError where the settings
    lack a database or a bucket, or the database cannot do transactions.
    """
    stores = Stores(settings.require_database(), settings.mongodb_database)
    storage = Storage(settings)
    stores.prepare()
    provider = build_provider(settings)
    audit = Audit(stores)
    limits = SpendLimits(stores, audit, settings.limits, account_of(settings.provider or "openai"))
    spending = Spending(stores, limits)
    breakers = Breakers(stores, audit, settings.breaker_rules)
    people = People(stores, audit, settings.default_plan)
    credits_ = Credits(stores, people, audit)
    rates = Rates(RateStore(settings.require_database(), settings.rates_database), settings.requests_per_minute)
    changes = Changes(stores, spending, credits_, breakers)
    offer = Offer(settings.default_parameters, settings.endpoint_sha256, settings.queue_limit)
    admission = Admission(rates, Moderator(provider, settings.moderation_policy))
    jobs = Jobs(stores, admission, spending, credits_, breakers, changes, offer, audit)
    runners = Runners(stores)
    clients = {provider.name: OidcClient(provider) for provider in settings.sign_in_providers}
    proxy = None if settings.sign_in_proxy is None else ProxyTokens(settings.sign_in_proxy)
    decisions = Decisions(stores, changes, runners, audit)
    execution = None
    if runner:
        spool = Spool(settings.spool_dir, settings.spool_max_bytes)
        execution = Execution(stores, changes, breakers, spool, storage, provider, offer)
    return Studio(
        settings=settings,
        jobs=jobs,
        enhancement=Enhancement(provider, settings.openai_text_model, rates, spending),
        drafts=Drafts(stores.drafts),
        rates=rates,
        spending=spending,
        credits=credits_,
        limits=limits,
        breakers=breakers,
        decisions=decisions,
        forecast=Forecast(stores, breakers, runners),
        audit=audit,
        people=people,
        logins=Logins(stores, people, audit, clients, proxy, settings.login_rules),
        keys=Keys(stores, people, audit),
        operations=Operations(stores, spending, limits, breakers, runners, audit),
        health=Health(stores.connection, storage),
        runners=runners,
        queue=Queue(stores, breakers, settings.provider),
        execution=execution,
        _stores=stores,
        _provider=provider,
    )
