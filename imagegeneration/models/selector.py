"""The selector of models: it finds and ranks candidates for criteria, and quotes the selected one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagegeneration.assets.inputs import References
from imagegeneration.core.actor import Actor
from imagegeneration.models.alternates import Alternates
from imagegeneration.models.automatic import Comparison, automatic
from imagegeneration.models.candidates import Candidates
from imagegeneration.models.conditions import Conditions
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.loras import Loras
from imagegeneration.models.options import PRIORITIES, RANDOM_SEED, Options
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.models.quote import Quote
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.ranking import Candidate, Estimate, estimate
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.models.selection import Selection


class ModelSelector:
    """The answers to which model makes a request, and what each able model would cost."""

    def __init__(
        self, registry: ModelRegistry, conditions: Conditions, references: References, loras: Loras, quotes: Quotes
    ) -> None:
        self._registry = registry
        self._references = references
        self._loras = loras
        self._quotes = quotes
        self._candidates = Candidates(registry, conditions)
        self._selection = Selection(registry, self._candidates)
        self._alternates = Alternates(registry, conditions)

    def criteria(self, options: Options, final_prompt: str, actor: Actor) -> Criteria:
        """Find what the options name.

        Raises NotFound (IMG_008) for a reference that does not exist for the actor, TooLarge (IMG_007) for too many
        references, and what `Loras.named` raises.
        """
        loras = self._loras.named(actor, options.loras)
        if not options.references:
            return Criteria(options=options, final_prompt=final_prompt, loras=loras)
        return Criteria(
            options=options,
            final_prompt=final_prompt,
            loras=loras,
            references=self._references.named(actor, options.references),
            shape=self._references.shape(actor, options.references),
        )

    def quote(self, criteria: Criteria, image_count: int, user_id: str, *, only_able: bool = False) -> Quote:
        """Return the quote of an approval. With `only_able`, alternates that cannot make it are left out.

        Raises ProviderNotConfigured (IMG_001), what `Selection.select` raises, and, unless `only_able`, what
        `Alternates.plan` raises.
        """
        self._registry.require_default()
        request, why = self._selection.select(criteria)
        if only_able:
            plan, unable = self._alternates.plan_of_able(criteria, request)
        else:
            plan, unable = self._alternates.plan(criteria, request), {}
        return self._quotes.of(
            plan,
            criteria.final_prompt,
            image_count,
            user_id,
            why=why,
            given_up=tuple(self._lost_proportions(plan, criteria)),
            unable=unable,
            draws_seed=criteria.options.seed == RANDOM_SEED,
        )

    def quote_default(self, final_prompt: str, image_count: int, user_id: str) -> Quote:
        """Return the quote of what version 1 makes.

        Raises ProviderNotConfigured (IMG_001) or ModelUnavailable (IMG_013).
        """
        plan = GenerationPlan(request=self._registry.require_default())
        return self._quotes.of(plan, final_prompt, image_count, user_id)

    def estimate(self, criteria: Criteria) -> Estimate:
        """Return the price of every callable model, with the limitations of those that are not able."""
        return estimate(self._candidates.of(criteria))

    def compare(self, criteria: Criteria) -> Comparison:
        """Return each model with the outcome of naming it: the rows of the panel Options.

        What a model cannot do is listed in `given_up`; needs stay. The best ones are among those that give up nothing,
        so that they are compared at the same size and quality.
        """
        rows = self._candidates.side_by_side(criteria)
        left = [automatic(priority, criteria.options, rows, self._registry) for priority in (None, *PRIORITIES)]
        return Comparison(estimate(rows), left)

    def alternates(self, criteria: Criteria) -> Sequence[Candidate]:
        """Return every model that could be an alternate for exactly this, without previews and at any price."""
        asked = criteria.asking(partial_images=0, max_micros_per_image=None)
        return [candidate for candidate in self._candidates.of(asked) if candidate.able]

    def _lost_proportions(self, plan: GenerationPlan, criteria: Criteria) -> Iterator[str]:
        """Yield how the proportions of the first image change with each model that may make it, if they do."""
        for made in plan.routes:
            why = criteria.lost_proportions(self._registry.label_of(made.model), made)
            if why is not None:
                yield why
