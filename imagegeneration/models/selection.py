"""The selection of a request's model: the named one, or one by rules. The result says why."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from imagegeneration.core.errors import InvalidRequest, OverBudget, ProviderNotConfigured, StudioError, TooLarge
from imagegeneration.core.ids import ProviderName
from imagegeneration.models.candidates import Candidates, too_dear
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import Options
from imagegeneration.models.ranking import Candidate, best, choose, or_waiting, why_none
from imagegeneration.models.registry import ModelRegistry, not_configured
from imagegeneration.money.money import format_usd_exact
from imagegeneration.providers.generation import LARGEST_SEED, GenerationParameters

MADE_BY_DEFAULT = "what this studio usually makes"


class Selection:
    """The selection of the model of a request."""

    def __init__(self, registry: ModelRegistry, candidates: Candidates) -> None:
        self._registry = registry
        self._candidates = candidates

    def select(self, criteria: Criteria) -> tuple[GenerationParameters, str]:
        """Return the parameters of the request's model, and the reason for that model in words.

        Raises ProviderNotConfigured (IMG_001), ModelUnavailable (IMG_013), OverBudget (IMG_006), or TooLarge (IMG_007)
        for too many references. Raises InvalidRequest (IMG_009) naming each field that the model cannot do, or saying
        that no model can do all of it.
        """
        options = criteria.options
        if options.model is not None:
            return self._named(criteria, options.model)
        found = self._candidates.of(criteria)
        if options.provider == "auto" and options.priority is None and not options.loras:
            default = default_among(found, self._registry)
            if default is not None:
                return self._made_by(criteria, default), f"{default.label}: {MADE_BY_DEFAULT}."
            if not options.references and options.max_micros_per_image is None:
                found = self._no_dearer(found, criteria.final_prompt)
        if options.provider != "auto":
            found = [candidate for candidate in found if candidate.provider == options.provider]
            if not found:
                raise ProviderNotConfigured(f"The provider {options.provider} is not configured.")
        chosen = choose(or_waiting(found), options)
        if chosen is None:
            raise self._refusal(criteria, found)
        candidate, why = chosen
        return self._made_by(criteria, candidate), why

    def _named(self, criteria: Criteria, name: str) -> tuple[GenerationParameters, str]:
        options = criteria.options
        model, provider = self._registry.find(name)
        if options.provider not in ("auto", provider, model.provider):
            raise ProviderNotConfigured(not_configured(model))
        request = self._parameters(criteria, model, provider)
        self._registry.require_possible(request)
        price = self._registry.price_of(request, criteria.final_prompt)
        if options.max_micros_per_image is not None and price > options.max_micros_per_image:
            raise OverBudget(
                too_dear(price, options.max_micros_per_image), resolution="Allow more, or choose a cheaper model."
            )
        return request, f"{model.label}: asked for by name."

    def _no_dearer(self, found: Sequence[Candidate], final_prompt: str) -> Sequence[Candidate]:
        """Return those that cost at most what the default does: no request moves to a more expensive model by itself.

        Raises InvalidRequest (IMG_009) naming the more expensive ones if only they can do the request.
        """
        default = self._registry.require_default()
        most = self._registry.price_of(default, final_prompt)
        kept = [one for one in found if one.price_micros is not None and one.price_micros <= most]
        able = sorted((one for one in found if not one.limitations), key=lambda one: one.price_micros or 0)
        if able and not any(not one.limitations for one in kept):
            others = ", ".join(f"{one.model} up to {format_usd_exact(one.price_micros or 0)}" for one in able[:3])
            why = " ".join(text for one in found if one.model == default.model for text in one.limitations)
            raise InvalidRequest(
                f"{why} Only dearer models can make this: {others}. Name one, a priority, or maxCostPerImage."
            )
        return kept if able else found

    def _refusal(self, criteria: Criteria, found: Sequence[Candidate]) -> StudioError:
        return (
            self._too_many_references(criteria.options) or self._too_dear(criteria) or InvalidRequest(why_none(found))
        )

    def _too_many_references(self, options: Options) -> TooLarge | None:
        """Return the error for more references than any model here takes at once, or None."""
        models = self._registry.callable_models()
        most = max((one.references for one, made_by in models if options.provider in ("auto", made_by)), default=0)
        if not 0 < most < len(options.references):
            return None
        return TooLarge(
            f"references: at most {most} images can be edited at once here, and {len(options.references)} were chosen.",
            resolution="Choose fewer images.",
        )

    def _too_dear(self, criteria: Criteria) -> OverBudget | None:
        """Return the error if only the price limit prevents every model from making it, or None."""
        limit, provider = criteria.options.max_micros_per_image, criteria.options.provider
        if limit is None:
            return None
        found = self._candidates.of(criteria.asking(max_micros_per_image=None))
        able = [one for one in found if not one.limitations and provider in ("auto", one.provider)]
        if not able:
            return None
        cheapest = best(able, "cost")
        return OverBudget(
            f"{cheapest.label} is the cheapest that can make this. {too_dear(cheapest.price_micros or 0, limit)}",
            resolution="Allow more, or ask for less.",
        )

    def _made_by(self, criteria: Criteria, chosen: Candidate) -> GenerationParameters:
        model, provider = self._registry.find(chosen.model)
        return self._parameters(criteria, model, provider)

    def _parameters(self, criteria: Criteria, model: ImageModel, provider: ProviderName) -> GenerationParameters:
        drawn_seed = 1 + secrets.randbelow(LARGEST_SEED)
        return criteria.parameters(model, provider, drawn_seed, self._registry.default_of(model, provider))


def default_among(found: Sequence[Candidate], registry: ModelRegistry) -> Candidate | None:
    """Return the default model's candidate, if it can do the request, or None. A paused one waits.

    A pause of half a minute must not move a request without a choice to a model of another price.
    """
    name = registry.require_default().model
    return next((one for one in found if one.model == name and not one.limitations), None)
