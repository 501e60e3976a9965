"""Settings -> Studio: the services, wired to their adapters. The only place that wires."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imagegeneration.domain.breaker import EVERYTHING, model_scope, provider_scope
from imagegeneration.domain.catalog import Catalog
from imagegeneration.domain.generation import GenerationParameters, ProviderName
from imagegeneration.domain.money import account_of
from imagegeneration.errors import ConfigurationError
from imagegeneration.oidc import OidcClient, ProxyTokens
from imagegeneration.providers import OpenAIProvider, Provider, build_providers
from imagegeneration.services.audit import Audit
from imagegeneration.services.breakers import Breakers
from imagegeneration.services.changes import Changes
from imagegeneration.services.checks import Checks
from imagegeneration.services.choosing import Choosing
from imagegeneration.services.conditions import Conditions
from imagegeneration.services.credits import Credits
from imagegeneration.services.decisions import Decisions
from imagegeneration.services.drafts import Drafts
from imagegeneration.services.enhancement import Enhancement
from imagegeneration.services.execution import Execution, StartChecks
from imagegeneration.services.following import Following
from imagegeneration.services.forecast import Forecast
from imagegeneration.services.health import Health
from imagegeneration.services.jobs import Admission, Jobs, Offer
from imagegeneration.services.keys import Keys
from imagegeneration.services.limits import SpendLimits
from imagegeneration.services.logins import Logins
from imagegeneration.services.loras import Loras
from imagegeneration.services.moderation import Moderator
from imagegeneration.services.operations import Operations
from imagegeneration.services.pacing import Pacing
from imagegeneration.services.pauses import Pauses
from imagegeneration.services.people import People
from imagegeneration.services.processes import Processes
from imagegeneration.services.queries import JobQueries
from imagegeneration.services.queue import Queue
from imagegeneration.services.rates import Rates
from imagegeneration.services.references import References
from imagegeneration.services.runners import Runners
from imagegeneration.services.seals import Seals
from imagegeneration.services.spending import Spending
from imagegeneration.services.textbudget import TextBudget
from imagegeneration.services.watch import ProviderWatch
from imagegeneration.settings import Settings
from imagegeneration.spool import Spool
from imagegeneration.storage import Storage
from imagegeneration.store import Stores
from imagegeneration.store.rates import RateStore


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
    seals = Seals(stores, keys)
    stores.prepare()
    catalog = Catalog.read(settings.catalog_file)
    providers = build_providers(settings)
    audit = Audit(stores)
    account = account_of(settings.provider or "openai")
    limits = SpendLimits(stores, audit, settings.limits, account, _provider_names(settings, catalog))
    spending = Spending(stores, limits)
    pauses = Pauses(stores, audit, _scopes(settings, catalog))
    breakers = Breakers(stores, pauses, settings.breaker_rules)
    pacing = Pacing(stores, limits)
    checks = Checks(stores, pauses, breakers, providers, settings.endpoints, settings.provider_check_minutes)
    watch = ProviderWatch(list(settings.endpoints), checks, pacing, spending)
    people = People(stores, audit, settings.default_plan)
    credits_ = Credits(stores, people, audit)
    rates = Rates(RateStore(settings.require_database(), settings.rates_database), settings.requests_per_minute)
    changes = Changes(stores, spending, credits_, breakers)
    endpoints = {name: endpoint.sha256 for name, endpoint in settings.endpoints.items()}
    offer = Offer(catalog, default_parameters(settings, catalog), endpoints, settings.queue_limit)
    text_provider = _text_provider(providers)
    admission = Admission(rates, Moderator(text_provider, settings.moderation_policy), seals)
    jobs = Jobs(stores, admission, spending, credits_, breakers, changes, offer, audit)
    queries = JobQueries(stores)
    runners = Runners(stores, Processes(stores, "runner" if runner else "dashboard", keys, endpoints))
    forecast = Forecast(stores, pauses, runners, pacing, catalog)
    conditions = Conditions(pauses, checks, limits, forecast)
    clients = {provider.name: OidcClient(provider) for provider in settings.sign_in_providers}
    proxy = None if settings.sign_in_proxy is None else ProxyTokens(settings.sign_in_proxy)
    decisions = Decisions(stores, changes, runners, audit)
    references = References(stores, storage)
    loras = Loras(stores, audit, catalog)
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
        following=Following(stores, queries, forecast),
        audit=audit,
        people=people,
        logins=Logins(stores, people, audit, rates, clients, proxy, settings.login_rules),
        keys=Keys(stores, people, audit, timedelta(days=settings.key_confirmation_days)),
        operations=Operations(stores, spending, limits, pauses, runners, audit, watch, enhancement),
        health=Health(stores.connection, storage, runners),
        runners=runners,
        queue=Queue(stores, pauses, breakers, list(settings.endpoints), pacing),
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
