"""The candidates: the callable models, each with its price and its limitations."""

from __future__ import annotations

from collections.abc import Sequence

from imagegeneration.core.errors import ModelUnavailable, PromptRefused
from imagegeneration.core.ids import ProviderName
from imagegeneration.models.conditions import Conditions
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.model import ImageModel
from imagegeneration.models.ranking import Candidate
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.models.style import RenderedPrompt, parts, render_prompt
from imagegeneration.money.money import format_usd_exact


class Candidates:
    """The judgement of every model that this installation can call."""

    def __init__(self, registry: ModelRegistry, conditions: Conditions) -> None:
        self._registry = registry
        self._conditions = conditions

    def of(self, criteria: Criteria) -> Sequence[Candidate]:
        """Return each model with exactly the requested options."""
        return [self.candidate(model, provider, criteria) for model, provider in self._registry.callable_models()]

    def side_by_side(self, criteria: Criteria) -> Sequence[Candidate]:
        """Return each model with the outcome of naming it: options that it cannot do are given up, needs stay."""
        return [self._fitted(model, provider, criteria) for model, provider in self._registry.callable_models()]

    def candidate(self, model: ImageModel, provider: ProviderName, criteria: Criteria) -> Candidate:
        """Return this model with exactly the requested options."""
        request = criteria.parameters(model, provider, 1, self._registry.default_of(model, provider))
        limitations = list(model.problems(request).values())
        price = None
        try:
            price = self._registry.price_of(request, criteria.final_prompt)
        except ModelUnavailable as problem:
            limitations.append(problem.message)
        most = criteria.options.max_micros_per_image
        if price is not None and most is not None and price > most:
            limitations.append(too_dear(price, most))
        over_limit = None if price is None else self._conditions.over_limit(price)
        pause, trouble = self._conditions.pause_of(request), self._conditions.trouble_of(provider)
        return Candidate(
            model=model.name,
            provider=provider,
            label=model.label,
            price_micros=price,
            is_estimate=model.prices.is_estimate,
            expected_seconds=self._conditions.expected_seconds(model.name),
            quality_score=model.quality_score,
            limitations=tuple(limitations),
            over_limit=over_limit,
            pause=pause,
            trouble=trouble,
            able=not limitations and over_limit is None and pause is None and trouble is None,
        )

    def _fitted(self, model: ImageModel, provider: ProviderName, criteria: Criteria) -> Candidate:
        text = _prompt_for(model, criteria)
        asked = criteria.asking(negative_prompt=text.negative_prompt)
        fitted, lost = asked.fitting(model, self._registry.default_of(model, provider))
        as_rendered = fitted.model_copy(update={"final_prompt": text.final_prompt})
        row = self.candidate(model, provider, as_rendered)
        return row.model_copy(update={"given_up": tuple(lost.values())})


def _prompt_for(model: ImageModel, criteria: Criteria) -> RenderedPrompt:
    """Return the prompt for this model, with the negative prompt as a parameter or in words."""
    found = parts(criteria.final_prompt)
    try:
        return render_prompt(
            criteria.final_prompt, found.style, criteria.options.negative_prompt or found.negative_prompt, model
        )
    except PromptRefused:
        return RenderedPrompt(final_prompt=criteria.final_prompt)


def too_dear(price: int, at_most: int) -> str:
    """Return in words that an image costs more than was allowed."""
    return f"An image costs up to {format_usd_exact(price)}, and at most {format_usd_exact(at_most)} was allowed."
