"""The alternates of a request: the models named for it, with the same criteria and the same drawn seed."""

from __future__ import annotations

from collections.abc import Sequence

from imagegeneration.core.errors import InvalidRequest, OverBudget, StudioError, TooLarge
from imagegeneration.models.conditions import Conditions
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.options import Options
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.money.money import format_usd_exact
from imagegeneration.providers.generation import GenerationParameters


class Alternates:
    """The planner that adds the alternates to a request."""

    def __init__(self, registry: ModelRegistry, conditions: Conditions) -> None:
        self._registry = registry
        self._conditions = conditions

    def plan(self, criteria: Criteria, request: GenerationParameters) -> GenerationPlan:
        """Return the request with every alternate that the options name.

        Raises ModelUnavailable (IMG_013), ProviderNotConfigured (IMG_001), TooLarge (IMG_007), InvalidRequest (IMG_009)
        or OverBudget (IMG_006). Each names the model that cannot be an alternate.
        """
        names = _others(criteria.options, request)
        return _plan(criteria.options, request, [self._alternate(name, criteria, request) for name in names])

    def plan_of_able(self, criteria: Criteria, request: GenerationParameters) -> tuple[GenerationPlan, dict[str, str]]:
        """Return the request with the able alternates, and for each other name the reason in words."""
        able: list[GenerationParameters] = []
        unable: dict[str, str] = {}
        for name in _others(criteria.options, request):
            why: str | None
            try:
                alternate = self._alternate(name, criteria, request)
                why = self._conditions.over_limit(self._registry.price_of(alternate, criteria.final_prompt))
            except StudioError as problem:
                why = problem.message
            if why is None:
                able.append(alternate)
            else:
                unable[name] = self._not_instead(name, why)
        return _plan(criteria.options, request, able), unable

    def _alternate(self, name: str, criteria: Criteria, request: GenerationParameters) -> GenerationParameters:
        model, provider = self._registry.find(name)
        previews = min(criteria.options.partial_images, model.partial_images)  # previews do not change the final image
        wanted = criteria.asking(partial_images=previews)
        own = self._registry.default_of(model, provider)
        parameters = wanted.parameters(model, provider, request.seed or 1, own)
        problems = model.problems(parameters)
        if problems:
            words = " ".join(f"{field}: {why}" for field, why in problems.items())
            words = f"fallback: {name} cannot make this instead. {words}"
            if model.takes_fewer_references(parameters):
                raise TooLarge(words, resolution="Choose fewer images, or leave this model out.")
            raise InvalidRequest(words)
        price, at_most = self._registry.price_of(parameters, criteria.final_prompt), self._at_most(criteria, request)
        if price > at_most:  # guard: alternate-extra-limit
            raise OverBudget(
                f"fallback: an image of {name} costs up to {format_usd_exact(price)}, "
                f"and at most {format_usd_exact(at_most)} was allowed.",
                resolution="Allow more by maxExtraMicros, or leave this model out.",
            )
        return parameters

    def _at_most(self, criteria: Criteria, request: GenerationParameters) -> int:
        options = criteria.options
        at_most = self._registry.price_of(request, criteria.final_prompt) + options.max_extra_micros
        if options.max_micros_per_image is not None:
            at_most = min(at_most, options.max_micros_per_image)  # guard: alternate-image-limit
        return at_most

    def _not_instead(self, name: str, why: str) -> str:
        plain = why.removeprefix("fallback: ").removeprefix(f"{name} cannot make this instead. ")
        return f"{self._registry.label_of(name)} cannot make it instead: {plain}"


def _others(options: Options, request: GenerationParameters) -> Sequence[str]:
    return [name for name in options.fallback if name != request.model]


def _plan(
    options: Options, request: GenerationParameters, alternates: Sequence[GenerationParameters]
) -> GenerationPlan:
    return GenerationPlan(
        request=request,
        alternates=tuple(alternates),
        max_extra_micros=options.max_extra_micros if alternates else 0,
    )
