"""Which model makes what is asked for, and what every able one would cost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.catalog import ImageModel
from imagegeneration.domain.choice import Candidate, Choice, Wishes, best, choose
from imagegeneration.domain.generation import GenerationParameters, Lora, ProviderName
from imagegeneration.domain.lora import LoraWish
from imagegeneration.domain.money import format_usd_exact
from imagegeneration.domain.options import LARGEST_SEED, Options
from imagegeneration.domain.value import Many, Value
from imagegeneration.errors import InvalidRequest, ModelUnavailable, OverBudget, ProviderNotConfigured
from imagegeneration.services.breakers import Breakers
from imagegeneration.services.jobs import Offer
from imagegeneration.services.loras import Loras


class Estimate(Value):
    """Every model that could be asked, the able ones first and cheapest first; and the best of them by each measure."""

    recommendations: Many[Candidate]
    cheapest: str | None
    fastest: str | None
    best_quality: str | None


class Compatibility(Value):
    """Which models take these LoRAs, and what keeps each of the others from it."""

    compatible: Many[str]
    problems: dict[str, str]


class Chosen(Value):
    """What would be sent, and why this model."""

    request: GenerationParameters
    choice: Choice


class Choosing:
    """Explicit wishes first, then rules; the answer says why."""

    def __init__(self, offer: Offer, breakers: Breakers, loras: Loras) -> None:
        self._offer = offer
        self._breakers = breakers
        self._loras = loras

    def choose(self, options: Options, final_prompt: str, actor: Actor) -> Chosen:
        """The parameters that an approval by the actor would be for.

        Raises ProviderNotConfigured (IMG_001), ModelUnavailable (IMG_013), what `Loras.named` raises, or
        InvalidRequest (IMG_009) naming each field that the chosen model cannot do, or saying that no model can do all
        of it.
        """
        self._offer.require()
        loras = self._loras.named(actor, options.loras)
        if options.model is not None:
            return self._explicit(options, options.model, final_prompt, loras)
        candidates = self._candidates(options, final_prompt, loras)
        if options.provider == "auto" and options.priority is None and not options.loras:
            usual = self._usual(candidates)
            if usual is not None:
                return self._chosen(options, usual, loras)
        preferred = None if options.provider == "auto" else options.provider
        if preferred is not None:
            candidates = [candidate for candidate in candidates if candidate.provider == preferred]
            if not candidates:
                raise ProviderNotConfigured(f"The provider {preferred} is not configured.")
        wishes = Wishes(loras=len(options.loras), priority=options.priority, preferred=preferred)
        choice = choose(candidates, wishes)
        if choice is None:
            raise InvalidRequest(_why_none(candidates))
        return self._chosen(options, choice, loras)

    def estimate(self, options: Options, final_prompt: str, actor: Actor) -> Estimate:
        """What every model that could be asked would cost, and what keeps the others from it."""
        candidates = sorted(
            self.candidates(options, final_prompt, actor),
            key=lambda candidate: (not candidate.able, candidate.price_micros or 0, candidate.label),
        )
        able = [candidate for candidate in candidates if candidate.able]
        return Estimate(
            recommendations=tuple(candidates),
            cheapest=best(able, "cost").model if able else None,
            fastest=best(able, "speed").model if able else None,
            best_quality=best(able, "quality").model if able else None,
        )

    def compatibility(self, wishes: Sequence[LoraWish], name: str | None, actor: Actor) -> Compatibility:
        """Which living models take the LoRAs, or whether one does.

        Raises ModelUnavailable (IMG_013) for that one, and what `Loras.named` raises.
        """
        today = datetime.now(UTC).date()
        catalog = self._offer.catalog
        alive = [model for model in catalog.image_models if model.is_alive(today)]
        asked = alive if name is None else [catalog.model(name, today)]
        loras = self._loras.named(actor, wishes)
        found = {model.name: self._why_not(model, loras) for model in asked}
        return Compatibility(
            compatible=tuple(name for name, problem in found.items() if problem is None),
            problems={name: problem for name, problem in found.items() if problem is not None},
        )

    def candidates(self, options: Options, final_prompt: str, actor: Actor) -> Sequence[Candidate]:
        """Every living model of a configured provider, with what it would cost and what it cannot do.

        Raises what `Loras.named` raises.
        """
        return self._candidates(options, final_prompt, self._loras.named(actor, options.loras))

    def _why_not(self, model: ImageModel, loras: Many[Lora]) -> str | None:
        """What keeps a model from taking these LoRAs here."""
        wanted = model.usual(model.provider).model_copy(update={"loras": loras})
        if (problem := model.problems(wanted).get("loras")) is not None:
            return problem
        return None if self._offer.made_by(model) else _not_configured(model)

    def _candidates(self, options: Options, final_prompt: str, loras: Many[Lora]) -> Sequence[Candidate]:
        today = datetime.now(UTC).date()
        return [
            self._candidate(model, options.parameters(model, provider, 0, loras), options, final_prompt, today)
            for model, provider in self._offered(today)
        ]

    def _offered(self, today: date) -> Iterator[tuple[ImageModel, ProviderName]]:
        for model in self._offer.catalog.image_models:
            provider = self._offer.made_by(model)
            if provider is not None and model.is_alive(today):
                yield model, provider

    def _candidate(
        self, model: ImageModel, request: GenerationParameters, options: Options, final_prompt: str, today: date
    ) -> Candidate:
        limitations = list(model.problems(request).values())
        price = None
        try:
            price = self._offer.catalog.quote(request, final_prompt, today)
        except ModelUnavailable as problem:
            limitations.append(problem.message)
        if price is not None and options.max_micros_per_image is not None and price > options.max_micros_per_image:
            limitations.append(_too_dear(price, options.max_micros_per_image))
        if (pause := self._breakers.stopping(request.provider)) is not None:
            limitations.append(f"It is paused: {pause.reason}")
        if model.name in self._breakers.paused_models():
            limitations.append("The model is paused.")
        return Candidate(
            model=model.name,
            provider=request.provider,
            label=model.label,
            price_micros=price,
            is_estimate=model.prices.is_estimate,
            expected_seconds=model.expected_seconds,
            quality_score=model.quality_score,
            limitations=tuple(limitations),
            able=not limitations,
        )

    def _explicit(self, options: Options, name: str, final_prompt: str, loras: Many[Lora]) -> Chosen:
        today = datetime.now(UTC).date()
        model = self._offer.catalog.model(name, today)
        provider = self._offer.made_by(model)
        if provider is None or options.provider not in ("auto", provider, model.provider):
            raise ProviderNotConfigured(_not_configured(model))
        request = options.parameters(model, provider, secrets.randbelow(LARGEST_SEED + 1), loras)
        self._offer.catalog.require_possible(request, today)
        price = self._offer.catalog.quote(request, final_prompt, today)
        if options.max_micros_per_image is not None and price > options.max_micros_per_image:
            raise OverBudget(
                _too_dear(price, options.max_micros_per_image), resolution="Allow more, or choose a cheaper model."
            )
        return Chosen(
            request=request, choice=Choice(model=name, provider=provider, why=f"{model.label}: asked for by name.")
        )

    def _usual(self, candidates: Sequence[Candidate]) -> Choice | None:
        """What version 1 makes, where it can do what is asked for."""
        usual = self._offer.require()
        for candidate in candidates:
            if candidate.model == usual.model and candidate.able:
                why = f"{candidate.label}: what this studio usually makes."
                return Choice(model=candidate.model, provider=candidate.provider, why=why)
        return None

    def _chosen(self, options: Options, choice: Choice, loras: Many[Lora]) -> Chosen:
        model = self._offer.catalog.model(choice.model, datetime.now(UTC).date())
        request = options.parameters(model, choice.provider, secrets.randbelow(LARGEST_SEED + 1), loras)
        return Chosen(request=request, choice=choice)


def _not_configured(model: ImageModel) -> str:
    return f"The provider {model.provider}, which makes {model.label}, is not configured."


def _too_dear(price: int, at_most: int) -> str:
    return f"An image costs up to {format_usd_exact(price)}, and at most {format_usd_exact(at_most)} was allowed."


def _why_none(candidates: Sequence[Candidate]) -> str:
    reasons = [f"{candidate.label}: {' '.join(candidate.limitations)}" for candidate in candidates[:5]]
    return " ".join(["No model can do all of this.", *reasons])
