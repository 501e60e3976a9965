"""Routes of models: availability, prices, and what a model cannot do.

Sources: the requirement documents "Image Generation Pipeline (legacy service concepts)" and "New Image Generation API
Group".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from fastapi import APIRouter
from pydantic import Field

from imagegeneration.api.dependencies import CurrentStudio
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Prompt
from imagegeneration.core.value import Many, Moment, Value
from imagegeneration.models.compatibility import Compatibility, models_that_take
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import OptionsBody
from imagegeneration.models.ranking import Estimate
from imagegeneration.providers.generation import MAX_LORAS, GenerationParameters, ImageCount
from imagegeneration.providers.health import HealthStatus
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires

router = APIRouter(tags=["models"])


class Question(OptionsBody):
    """A request that may be approved later."""

    final_prompt: Prompt
    image_count: ImageCount = Field(default=1, description="Any integer; clamped to 1..5.")


class Choice(Value):
    """The selected model, and the reason in words."""

    model: str
    provider: ProviderName
    why: str


class Answered(Value):
    """What would be sent and why, and the most that all images would cost together.

    `alternates` are the requests that may be sent instead, in this order, if the one before is known to be free of
    charge. `givenUp` says in words where the proportions of an edit differ from those of its first image.
    """

    request: GenerationParameters
    alternates: Many[GenerationParameters]
    choice: Choice
    given_up: Many[str]
    quoted_micros: int


class LoraQuestion(Value):
    """LoRAs, and the model to use them with (null: any)."""

    loras: Many[LoraWish] = Field(min_length=1, max_length=MAX_LORAS)
    model: str | None = Field(default=None, min_length=1, max_length=100)


class ModelFacts(Value):
    """A model of the catalog. `problem` says why it is unavailable at present (null: available)."""

    model: ImageModel
    is_dying: bool
    problem: str | None


class ProviderFacts(Value):
    """A provider: whether it is configured, works and is paused, and its models.

    `status` is the result of the last free check, at `checkedAt` (null: not yet checked). `problem` says in words what
    is wrong. `failures` is the number of failed calls in a row. `lastFailure` is the provider's message for the last
    one; it may be about one user's prompt, so it is null except for admins.
    """

    name: str
    is_configured: bool
    status: HealthStatus | None
    problem: str | None
    checked_at: Moment | None
    failures: int
    last_failure: str | None
    paused: str | None
    models: Many[ModelFacts]


@router.post("/estimate", dependencies=[JSON_ONLY], responses=documented(401, 404, 415))
@requires("generate")
def estimate(body: Question, studio: CurrentStudio, actor: CurrentActor) -> Estimate:
    """Estimate the price, duration, quality and limits of one image for every suitable model."""
    return studio.selector.estimate(_criteria(body, studio, actor))


@router.post("/validate", dependencies=[JSON_ONLY], responses=documented(401, 402, 404, 415))
@requires("generate")
def validate(body: Question, studio: CurrentStudio, actor: CurrentActor) -> Answered:
    """Return what an approval would send and cost; an error names each impossible field. Writes nothing."""
    quote = studio.selector.quote(_criteria(body, studio, actor), body.image_count, actor.user_id)
    quote.require_allowed()
    request = quote.plan.request
    return Answered(
        request=request,
        alternates=quote.plan.alternates,
        choice=Choice(model=request.model, provider=request.provider, why=quote.why),
        given_up=tuple(quote.given_up),
        quoted_micros=quote.total_micros,
    )


def _criteria(body: Question, studio: CurrentStudio, actor: CurrentActor) -> Criteria:
    return studio.selector.criteria(body.limited_options, body.final_prompt, actor)


@router.post("/compatibility", dependencies=[JSON_ONLY], responses=documented(401, 404, 415))
@requires("generate")
def compatibility(body: LoraQuestion, studio: CurrentStudio, actor: CurrentActor) -> Compatibility:
    """Return the models that take these LoRAs, by their number, their base models and the configured providers."""
    return models_that_take(studio.loras.named(actor, body.loras), body.model, studio.registry)


@router.get("/providers", responses=documented(401))
@requires("signed-in")
def providers(studio: CurrentStudio, actor: CurrentActor) -> Sequence[ProviderFacts]:
    """List the catalog, and the health of its providers."""
    today = datetime.now(UTC).date()
    names = dict.fromkeys(
        [*studio.registry.endpoints, *(model.provider for model in studio.registry.catalog.image_models)]
    )
    return [_provider(studio, actor, name, today) for name in names]


def _provider(studio: CurrentStudio, actor: CurrentActor, name: str, today: date) -> ProviderFacts:
    catalog, endpoints = studio.registry.catalog, studio.registry.endpoints
    board, health = studio.pauses.board, studio.checks.of(name)
    pause, breaker = board.of_provider(name), board.breaker(name)
    own = [model for model in catalog.image_models if name in (model.provider, studio.registry.provider_of(model))]
    return ProviderFacts(
        name=name,
        is_configured=name in endpoints,
        status=None if health is None else health.status,
        problem=None if health is None else health.problem,
        checked_at=None if health is None else health.checked_at,
        failures=breaker.failures,
        last_failure=breaker.last_failure if breaker.failures and actor.may("administer") else None,
        paused=None if pause is None else pause.reason,
        models=tuple(
            ModelFacts(model=model, is_dying=model.is_dying(today), problem=catalog.why_not(model.name, today))
            for model in own
        ),
    )
