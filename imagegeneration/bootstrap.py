"""Settings -> Studio: the services, wired to their adapters. The only place that wires."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.inputs import References
from imagegeneration.audit.log import Audit
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.changes import Changes
from imagegeneration.jobs.decisions import Decisions
from imagegeneration.jobs.following import Following
from imagegeneration.jobs.forecast import Forecast
from imagegeneration.jobs.jobs import Admission, Jobs, Offer
from imagegeneration.jobs.queries import JobQueries
from imagegeneration.jobs.seals import Seals
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.choosing import Choosing
from imagegeneration.models.conditions import Conditions
from imagegeneration.models.loras import Loras
from imagegeneration.money.credits import Credits
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import account_of
from imagegeneration.money.spending import Spending
from imagegeneration.money.text_budget import TextBudget
from imagegeneration.operations.operations import Operations
from imagegeneration.operations.readiness import Health
from imagegeneration.operations.watch import ProviderWatch
from imagegeneration.people.keys import Keys
from imagegeneration.people.logins import Logins
from imagegeneration.people.oidc import OidcClient, ProxyTokens
from imagegeneration.people.people import People
from imagegeneration.people.rate_store import RateStore
from imagegeneration.people.rates import Rates
from imagegeneration.processes.processes import Processes
from imagegeneration.processes.runners import Runners
from imagegeneration.prompts.drafts import Drafts
from imagegeneration.prompts.enhancement import Enhancement
from imagegeneration.prompts.moderator import Moderator
from imagegeneration.providers.breaker import EVERYTHING, model_scope, provider_scope
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.checks import Checks
from imagegeneration.providers.generation import GenerationParameters
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.pauses import Pauses
from imagegeneration.providers.provider import Provider
from imagegeneration.providers.throttle import Pacing
from imagegeneration.providers.vendors import build_providers
from imagegeneration.runner.execution import Execution, StartChecks
from imagegeneration.runner.queue import Queue
from imagegeneration.runner.spool import Spool
from imagegeneration.settings import Settings
from imagegeneration.stores import Stores

Service = TypeVar("Service")


@dataclass(frozen=True)
class Studio:
    """Everything a page, a route or a runner works with."""

    settings: Settings
    offer: Offer
    jobs: Jobs
    queries: JobQueries
    choosing: Choosing
    conditions: Conditions
    references: References
    loras: Loras
    enhancement: Enhancement
    drafts: Drafts
    rates: Rates
    spending: Spending
    credits: Credits
    limits: SpendLimits
    pauses: Pauses
    breakers: Breakers
    checks: Checks
    pacing: Pacing
    decisions: Decisions
    forecast: Forecast
    following: Following
    audit: Audit
    people: People
    logins: Logins
    keys: Keys
    operations: Operations
    health: Health
    runners: Runners
    queue: Queue
    execution: Execution | None
    storage: Storage
    _stores: Stores
    _providers: Mapping[ProviderName, Provider]

    def service(self, kind: type[Service]) -> Service:
        """Return the service of this class. Raises LookupError if there is none."""
        for value in vars(self).values():
            if isinstance(value, kind):
                return value
        raise LookupError(f"The studio has no {kind.__name__}.")

    def close(self) -> None:
        """Write down what is still in memory and give all connections back."""
        self.enhancement.close()
        if self.execution is not None:
            self.execution.close()
        for provider in self._providers.values():
            provider.close()
        self.rates.close()
        self.runners.processes.close()
        self._stores.connection.close()


def build_studio(settings: Settings, *, runner: bool = False) -> Studio:
    """Wire the services; with `runner`, also those that make images, which need the spool on this disk.

    Creates the collections with their validators and indexes. Raises ConfigurationError where the settings
    lack a database or a bucket, or the database cannot do transactions.
    """
    with ExitStack() as undone:
        stores = Stores(settings.require_database(), settings.mongodb_database)
        undone.callback(stores.connection.close)
        studio = _wired(settings, stores, runner=runner)
        undone.pop_all()
    return studio


def _wired(settings: Settings, stores: Stores, *, runner: bool) -> Studio:
    storage = Storage(settings)
    keys = settings.require_seal_keys()
    seals = Seals(stores.audit, keys)
    stores.prepare()
    catalog = Catalog.read(settings.catalog_file)
    providers = build_providers(settings.endpoints, settings.provider_timeout_seconds)
    audit = Audit(stores.connection, stores.audit)
    account = account_of(settings.provider or "openai")
    limits = SpendLimits(
        stores.connection, stores.limits, audit, settings.limits, account, _provider_names(settings, catalog)
    )
    spending = Spending(stores.connection, stores.budgets, stores.ledger, limits)
    pauses = Pauses(stores.connection, stores.breakers, audit, _scopes(settings, catalog))
    breakers = Breakers(stores.connection, stores.breakers, stores.ledger, pauses, settings.breaker_rules)
    pacing = Pacing(stores.connection, stores.paces, limits)
    checks = Checks(stores.checks, pauses, breakers, providers, settings.endpoints, settings.provider_check_minutes)
    watch = ProviderWatch(list(settings.endpoints), checks, pacing, spending)
    people = People(stores.connection, stores.people, stores.logins, audit, settings.default_plan)
    credits_ = Credits(stores.connection, stores.credits, people, audit)
    rates = Rates(RateStore(settings.require_database(), settings.rates_database), settings.requests_per_minute)
    changes = Changes(stores.connection, stores.jobs, spending, credits_, breakers)
    endpoints = {name: endpoint.sha256 for name, endpoint in settings.endpoints.items()}
    offer = Offer(catalog, default_parameters(settings, catalog), endpoints, settings.queue_limit)
    text_provider = _text_provider(providers)
    admission = Admission(rates, Moderator(text_provider, settings.moderation_policy), seals)
    jobs = Jobs(stores, admission, spending, credits_, breakers, changes, offer, audit)
    queries = JobQueries(stores.jobs, stores.images, stores.ledger)
    runners = Runners(
        stores.connection,
        stores.runners,
        Processes(stores.connection, stores.processes, "runner" if runner else "dashboard", keys, endpoints),
    )
    forecast = Forecast(stores.jobs, pauses, runners, pacing, catalog)
    conditions = Conditions(pauses, checks, limits, forecast)
    clients = {provider.name: OidcClient(provider) for provider in settings.sign_in_providers}
    proxy = None if settings.sign_in_proxy is None else ProxyTokens(settings.sign_in_proxy)
    decisions = Decisions(stores.connection, stores.jobs, changes, runners, audit)
    references = References(queries.visible, stores.images, storage)
    loras = Loras(stores.connection, stores.loras, audit, catalog)
    text_budget = TextBudget(
        spending, settings.openai_text_model, lambda: settings.text_limits.within(limits.in_force())
    )
    enhancement = Enhancement(
        text_provider, settings.openai_text_model, catalog, rates, text_budget, settings.enhance_seconds
    )
    execution = None
    if runner:
        spool = _spool(settings)
        execution = Execution(
            stores, changes, StartChecks(pauses, breakers, seals), spool, storage, references, providers, offer
        )
    return Studio(
        settings=settings,
        offer=offer,
        jobs=jobs,
        queries=queries,
        choosing=Choosing(offer, conditions, references, loras),
        conditions=conditions,
        references=references,
        loras=loras,
        enhancement=enhancement,
        drafts=Drafts(stores.drafts),
        rates=rates,
        spending=spending,
        credits=credits_,
        limits=limits,
        pauses=pauses,
        breakers=breakers,
        checks=checks,
        pacing=pacing,
        decisions=decisions,
        forecast=forecast,
        following=Following(stores.connection, stores.jobs, stores.events, queries, forecast),
        audit=audit,
        people=people,
        logins=Logins(stores.connection, stores.logins, people, audit, rates, clients, proxy, settings.login_rules),
        keys=Keys(stores.connection, stores.keys, people, audit, timedelta(days=settings.key_confirmation_days)),
        operations=Operations(stores.jobs, spending, limits, pauses, runners, audit, watch, enhancement),
        health=Health(stores.connection, storage, runners, settings.provider),
        runners=runners,
        queue=Queue(stores.jobs, pauses, breakers, list(settings.endpoints), pacing),
        execution=execution,
        storage=storage,
        _stores=stores,
        _providers=providers,
    )


def _spool(settings: Settings) -> Spool:
    try:
        return Spool(settings.spool_dir, settings.spool_max_bytes)
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {settings.spool_dir} cannot be written to: {error.strerror}.") from None


def _text_provider(providers: Mapping[ProviderName, Provider]) -> OpenAIProvider | None:
    """Who enhances prompts: OpenAI, else the sandbox."""
    named = (providers.get(name) for name in ("openai", "sandbox"))
    return next((provider for provider in named if isinstance(provider, OpenAIProvider)), None)


def default_parameters(settings: Settings, catalog: Catalog) -> GenerationParameters | None:
    """What version 1 makes; None without a provider.

    OpenAI makes OPENAI_IMAGE_MODEL in DEFAULT_SIZE and DEFAULT_QUALITY; where only others are configured, it is the
    first model of the first of them, in the first size and quality that the catalog names.
    """
    if settings.provider is None:
        return None
    if settings.provider in ("openai", "sandbox"):
        return GenerationParameters(
            provider=settings.provider,
            model=settings.openai_image_model,
            size=settings.default_size,
            quality=settings.default_quality,
            output_format=settings.default_format,
        )
    today = datetime.now(UTC).date()
    made = [model for model in catalog.image_models if model.provider == settings.provider and model.is_alive(today)]
    if not made:
        return None
    return made[0].usual(settings.provider)


def _provider_names(settings: Settings, catalog: Catalog) -> frozenset[ProviderName]:
    """Every provider that there is, configured or not."""
    return frozenset({*settings.endpoints, *(model.provider for model in catalog.image_models)})


def _scopes(settings: Settings, catalog: Catalog) -> frozenset[str]:
    """All that can be paused."""
    providers = _provider_names(settings, catalog)
    models = (model_scope(model.name) for model in catalog.image_models)
    return frozenset({EVERYTHING, *map(provider_scope, providers), *models})
