"""The wiring of the services to their adapters, from the settings. The only module that wires."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.inputs import References
from imagegeneration.assets.store import ImageStore
from imagegeneration.audit.log import Audit
from imagegeneration.configuration import (
    breaker_rules_of,
    bucket_of,
    default_parameters_of,
    endpoints_of,
    limits_of,
    login_rules_of,
    seal_keys_of,
    text_limits_of,
)
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.agreements import Agreements
from imagegeneration.jobs.approval_records import ApprovalRecords
from imagegeneration.jobs.approvals import Approvals
from imagegeneration.jobs.cancellation import Cancellation
from imagegeneration.jobs.decisions import Decisions
from imagegeneration.jobs.feed import JobFeed
from imagegeneration.jobs.forecast import Forecast
from imagegeneration.jobs.queries import JobQueries
from imagegeneration.jobs.queue_store import QueueStore
from imagegeneration.jobs.repeats import RepeatedRequests
from imagegeneration.jobs.report_store import ReportStore
from imagegeneration.jobs.room import QueueRoom
from imagegeneration.jobs.seals import Seals
from imagegeneration.jobs.store import JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.conditions import Conditions
from imagegeneration.models.loras import Loras
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.models.selector import ModelSelector
from imagegeneration.money.credits import Credits
from imagegeneration.money.ledger import Ledger
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import account_of
from imagegeneration.money.spending import Spending
from imagegeneration.money.text_budget import TextBudget
from imagegeneration.mongo.connection import Connection
from imagegeneration.operations.operations import Operations
from imagegeneration.operations.readiness import Health
from imagegeneration.operations.watch import ProviderWatch
from imagegeneration.people.failed_sign_ins import FailedSignIns
from imagegeneration.people.keys import Keys
from imagegeneration.people.logins import Logins
from imagegeneration.people.oidc import OidcClient, ProxyTokens
from imagegeneration.people.people import People
from imagegeneration.people.provider_sign_in import ProviderSignIn
from imagegeneration.people.proxy_sign_in import ProxySignIn
from imagegeneration.people.rate_store import RateStore
from imagegeneration.people.rates import Rates
from imagegeneration.processes.process import Kind
from imagegeneration.processes.processes import Processes
from imagegeneration.processes.runners import Runners
from imagegeneration.prompts.drafts import Drafts
from imagegeneration.prompts.enhancement import Enhancement
from imagegeneration.prompts.moderator import Moderator
from imagegeneration.providers.breaker import EVERYTHING, model_scope, provider_scope
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.checks import Checks
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.pauses import Pauses
from imagegeneration.providers.provider import Provider
from imagegeneration.providers.throttle import Pacing
from imagegeneration.providers.vendors import build_providers
from imagegeneration.settings import Settings
from imagegeneration.stores import Stores

Service = TypeVar("Service")


@dataclass(frozen=True)
class RunnerNeeds:
    """What a runner needs beside the services of all processes."""

    connection: Connection
    jobs: JobStore
    queue: QueueStore
    reports: ReportStore
    images: ImageStore
    transitions: ImageTransitions
    seals: Seals
    providers: Mapping[ProviderName, Provider]


@dataclass(frozen=True)
class Studio:
    """All services that a page, a route or a runner uses."""

    settings: Settings
    endpoints: Mapping[ProviderName, Endpoint]
    registry: ModelRegistry
    selector: ModelSelector
    conditions: Conditions
    approvals: Approvals
    cancellation: Cancellation
    queries: JobQueries
    references: References
    loras: Loras
    enhancement: Enhancement
    drafts: Drafts
    rates: Rates
    spending: Spending
    ledger: Ledger
    credits: Credits
    limits: SpendLimits
    pauses: Pauses
    breakers: Breakers
    checks: Checks
    pacing: Pacing
    decisions: Decisions
    forecast: Forecast
    feed: JobFeed
    audit: Audit
    people: People
    logins: Logins
    sign_in: ProviderSignIn
    proxy_sign_in: ProxySignIn
    keys: Keys
    operations: Operations
    health: Health
    runners: Runners
    storage: Storage
    for_runner: RunnerNeeds
    _stores: Stores

    def service(self, kind: type[Service]) -> Service:
        """Return the service of this class. Raises LookupError if there is none."""
        for value in vars(self).values():
            if isinstance(value, kind):
                return value
        raise LookupError(f"The studio has no {kind.__name__}.")

    @property
    def provider(self) -> ProviderName | None:
        """Return the provider of requests that choose none, or None if no provider is configured."""
        return next(iter(self.endpoints), None)

    def close(self) -> None:
        """Write down what is still in memory, and close all connections."""
        self.enhancement.close()
        for provider in self.for_runner.providers.values():
            provider.close()
        self.rates.close()
        self.runners.processes.close()
        self._stores.connection.close()


def build_studio(settings: Settings, *, kind: Kind = "dashboard") -> Studio:
    """Wire the services of a process of this kind.

    Creates the collections with their validators and indexes. Raises ConfigurationError if the settings lack a database
    or a bucket, or if the database does not support transactions.
    """
    with ExitStack() as undone:
        stores = Stores(settings.require_database(), settings.mongodb_database)
        undone.callback(stores.connection.close)
        studio = _wired(settings, stores, kind)
        undone.pop_all()
    return studio


def _wired(settings: Settings, stores: Stores, kind: Kind) -> Studio:
    storage = Storage(bucket_of(settings))
    keys = seal_keys_of(settings)
    endpoints = endpoints_of(settings)
    seals = Seals(stores.audit, keys)
    stores.prepare()
    catalog = Catalog.read(settings.catalog_file)
    providers = build_providers(endpoints, settings.provider_timeout_seconds)
    connection = stores.connection
    audit = Audit(connection, stores.audit)
    default_provider = next(iter(endpoints), None)
    account = account_of(default_provider or "openai")
    names = _provider_names(endpoints, catalog)
    limits = SpendLimits(connection, stores.limits, audit, limits_of(settings), account, names)
    spending = Spending(connection, stores.budgets, limits)
    pauses = Pauses(connection, stores.breakers, audit, _scopes(names, catalog))
    breakers = Breakers(connection, stores.breakers, stores.ledger, pauses, breaker_rules_of(settings))
    pacing = Pacing(connection, stores.paces, limits)
    checks = Checks(stores.checks, pauses, breakers, providers, endpoints, settings.provider_check_minutes)
    watch = ProviderWatch(list(endpoints), checks, pacing, spending)
    people = People(connection, stores.people, stores.logins, audit, settings.default_plan)
    credits_ = Credits(connection, stores.credits, people, audit)
    ledger = Ledger(connection, stores.ledger, stores.budgets, limits, spending, credits_)
    rates = Rates(RateStore(settings.require_database(), settings.rates_database), settings.requests_per_minute)
    transitions = ImageTransitions(connection, stores.jobs, ledger, breakers)
    addresses = {name: endpoint.sha256 for name, endpoint in endpoints.items()}
    registry = ModelRegistry(catalog, default_parameters_of(settings, catalog), addresses)
    text_provider = _text_provider(providers)
    queries = JobQueries(stores.jobs, stores.images, stores.ledger)
    runners = Runners(connection, stores.runners, Processes(connection, stores.processes, kind, keys.names, addresses))
    forecast = Forecast(stores.reports, pauses, runners, pacing, catalog)
    conditions = Conditions(pauses, checks, limits, forecast.seconds_of)
    clients = {provider.name: OidcClient(provider) for provider in settings.sign_in_providers}
    proxy = None if settings.sign_in_proxy is None else ProxyTokens(settings.sign_in_proxy)
    login_rules, failures = login_rules_of(settings), FailedSignIns(rates, audit)
    logins = Logins(connection, stores.logins, people, audit, login_rules)
    decisions = Decisions(connection, stores.jobs, transitions, runners, audit)
    references = References(queries.visible, stores.images, storage)
    loras = Loras(connection, stores.loras, audit, catalog)
    quotes = Quotes(registry, conditions, credits_)
    selector = ModelSelector(registry, conditions, references, loras, quotes)
    moderator = Moderator(text_provider, settings.moderation_policy)
    agreements = Agreements(connection, registry, moderator, seals)
    repeats = RepeatedRequests(stores.idempotency, stores.jobs)
    room = QueueRoom(stores.reports, settings.queue_limit)
    records = ApprovalRecords(connection, stores.jobs, stores.drafts, repeats, room, ledger, audit)
    text_limits = text_limits_of(settings)
    text_budget = TextBudget(ledger, settings.openai_text_model, lambda: text_limits.within(limits.in_force()))
    enhancement = Enhancement(
        text_provider, settings.openai_text_model, catalog, rates, text_budget, settings.enhance_seconds
    )
    return Studio(
        settings=settings,
        endpoints=endpoints,
        registry=registry,
        selector=selector,
        conditions=conditions,
        approvals=Approvals(queries, selector, quotes, rates, agreements, repeats, records, transitions),
        cancellation=Cancellation(connection, queries, transitions, audit),
        queries=queries,
        references=references,
        loras=loras,
        enhancement=enhancement,
        drafts=Drafts(stores.drafts),
        rates=rates,
        spending=spending,
        ledger=ledger,
        credits=credits_,
        limits=limits,
        pauses=pauses,
        breakers=breakers,
        checks=checks,
        pacing=pacing,
        decisions=decisions,
        forecast=forecast,
        feed=JobFeed(stores.events, queries, forecast),
        audit=audit,
        people=people,
        logins=logins,
        sign_in=ProviderSignIn(connection, stores.logins, logins, people, audit, failures, clients, login_rules),
        proxy_sign_in=ProxySignIn(connection, people, audit, failures, proxy, login_rules),
        keys=Keys(connection, stores.keys, people, audit, timedelta(days=settings.key_confirmation_days)),
        operations=Operations(stores.reports, spending, limits, pauses, runners, audit, watch, enhancement),
        health=Health(connection, storage, runners, default_provider),
        runners=runners,
        storage=storage,
        for_runner=RunnerNeeds(
            connection, stores.jobs, stores.queue, stores.reports, stores.images, transitions, seals, providers
        ),
        _stores=stores,
    )


def _text_provider(providers: Mapping[ProviderName, Provider]) -> OpenAIProvider | None:
    """Return the provider that enhances prompts, OpenAI or else the sandbox, or None if neither is configured."""
    named = (providers.get(name) for name in ("openai", "sandbox"))
    return next((provider for provider in named if isinstance(provider, OpenAIProvider)), None)


def _provider_names(configured: Collection[ProviderName], catalog: Catalog) -> frozenset[ProviderName]:
    """Return the names of all providers, configured or not."""
    return frozenset({*configured, *(model.provider for model in catalog.image_models)})


def _scopes(providers: Collection[ProviderName], catalog: Catalog) -> frozenset[str]:
    """Return all scopes that can be paused."""
    models = (model_scope(model.name) for model in catalog.image_models)
    return frozenset({EVERYTHING, *map(provider_scope, providers), *models})
