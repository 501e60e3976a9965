"""Routes of models: what can be had, what it costs, and what of a request a model cannot do (PRD 002, PRD 003)."""

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
    """A request that may be approved."""

    final_prompt: Prompt
    image_count: ImageCount = Field(default=1, description="Any integer; clamped to 1..5.")


class Choice(Value):
    """The model that was selected, and why, in words."""

    model: str
    provider: ProviderName
    why: str


class Answered(Value):
    """What would be sent and why, and the most that all images would cost together.

    `alternates` is what may be sent instead, in this order, where the one before is known not to have charged.
    `givenUp` says in words where the proportions of an edit differ from its first image's.
    """

    request: GenerationParameters
    alternates: Many[GenerationParameters]
    choice: Choice
    given_up: Many[str]
    quoted_micros: int


class LoraQuestion(Value):
    """LoRAs, and the model that they are to be used with (null: any)."""

    loras: Many[LoraWish] = Field(min_length=1, max_length=MAX_LORAS)
    model: str | None = Field(default=None, min_length=1, max_length=100)


class ModelFacts(Value):
    """A model of the catalog. `problem` says why it cannot be had at present (null: it can)."""

    model: ImageModel
    is_dying: bool
    problem: str | None


class ProviderFacts(Value):
    """A provider: whether it is configured, works and is paused, and its models.

    `status` is what it said when it was last asked for something that costs nothing, at `checkedAt` (null: not yet);
    `problem` says in words what is wrong. `failures` is how many calls have failed in a row, `lastFailure` what the
    provider said of the last, which is for admins: it may be about one person's prompt (null for others).
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
    """What every able model would cost for one image, how long it takes, its quality and its limits."""
    return studio.selector.estimate(_criteria(body, studio, actor))


@router.post("/validate", dependencies=[JSON_ONLY], responses=documented(401, 402, 404, 415))
@requires("generate")
def validate(body: Question, studio: CurrentStudio, actor: CurrentActor) -> Answered:
    """What an approval would send and cost; a refusal names each field that is not possible. Nothing is written."""
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
    """Which models take these LoRAs: by how many, by what they are made for, and by what is configured here."""
    return models_that_take(studio.loras.named(actor, body.loras), body.model, studio.registry)


@router.get("/providers", responses=documented(401))
@requires("signed-in")
def providers(studio: CurrentStudio, actor: CurrentActor) -> Sequence[ProviderFacts]:
    """The catalog, and the health of who makes it."""
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
