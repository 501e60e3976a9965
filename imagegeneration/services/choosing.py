"""Which model makes what is asked for, and what every able one would cost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.catalog import ImageModel
from imagegeneration.domain.choice import Candidate, Choice, Wishes, best, choose, or_waiting
from imagegeneration.domain.generation import LARGEST_SEED, GenerationParameters, Lora, ProviderName
from imagegeneration.domain.lora import LoraWish
from imagegeneration.domain.money import format_usd_exact
from imagegeneration.domain.options import Named, Options, Order
from imagegeneration.domain.style import StyleName, folded
from imagegeneration.domain.value import Many, Value
from imagegeneration.errors import InvalidRequest, ModelUnavailable, OverBudget, ProviderNotConfigured
from imagegeneration.services.breakers import Breakers
from imagegeneration.services.jobs import Offer
from imagegeneration.services.loras import Loras
from imagegeneration.services.references import References


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
    """What would be approved, and why this model."""

    order: Order
    choice: Choice


class Possible(Value):
    """Options of which everything is to be had, and in words what was given up for that."""

    options: Options
    given_up: Many[str] = ()


class Folded(Value):
    """A final prompt with all that the model does not take beside it; `negative_prompt` is what it does take."""

    final_prompt: str
    negative_prompt: str | None = None


class Choosing:
    """Explicit wishes first, then rules; the answer says why."""

    def __init__(self, offer: Offer, breakers: Breakers, references: References, loras: Loras) -> None:
        self._offer = offer
        self._breakers = breakers
        self._references = references
        self._loras = loras

    def choose(self, options: Options, final_prompt: str, actor: Actor) -> Chosen:
        """What an approval by the actor would be for: the parameters, and those of each alternate.

        Raises ProviderNotConfigured (IMG_001), ModelUnavailable (IMG_013), OverBudget (IMG_006), NotFound (IMG_008)
        for a reference that does not exist for the actor, what `Loras.named` raises, or InvalidRequest (IMG_009) naming
        each field that the chosen model or an alternate cannot do, or saying that no model can do all of it.
        """
        self._offer.require()
        named = self._named(actor, options)
        request, choice = self._first(options, final_prompt, named)
        return Chosen(order=self._with_alternates(request, options, final_prompt, named), choice=choice)

    def _named(self, actor: Actor, options: Options) -> Named:
        return Named(
            loras=self._loras.named(actor, options.loras), references=self._references.named(actor, options.references)
        )

    def _first(self, options: Options, final_prompt: str, named: Named) -> tuple[GenerationParameters, Choice]:
        if options.model is not None:
            return self._explicit(options, options.model, final_prompt, named)
        candidates = self._candidates(options, final_prompt, named)
        if options.provider == "auto" and options.priority is None and not options.loras:
            usual = self._usual(candidates)
            if usual is not None:
                return self._chosen(options, usual, named)
            if not options.references and options.max_micros_per_image is None:
                candidates = self._no_dearer(candidates, final_prompt)
        preferred = None if options.provider == "auto" else options.provider
        if preferred is not None:
            candidates = [candidate for candidate in candidates if candidate.provider == preferred]
            if not candidates:
                raise ProviderNotConfigured(f"The provider {preferred} is not configured.")
        wishes = Wishes(loras=len(options.loras), priority=options.priority, preferred=preferred)
        choice = choose(or_waiting(candidates), wishes)
        if choice is None:
            self._require_affordable(options, final_prompt, named, preferred)
            raise InvalidRequest(_why_none(candidates))
        return self._chosen(options, choice, named)

    def _no_dearer(self, candidates: Sequence[Candidate], final_prompt: str) -> Sequence[Candidate]:
        """Those that cost no more than what this studio usually makes: nothing moves a request to a dearer model.

        Raises InvalidRequest (IMG_009) naming the dearer ones where only they can do what is asked for.
        """
        usual = self._offer.require()
        most = self._offer.catalog.quote(usual, final_prompt, datetime.now(UTC).date())
        kept = [one for one in candidates if one.price_micros is not None and one.price_micros <= most]
        able = sorted((one for one in candidates if not one.limitations), key=lambda one: one.price_micros or 0)
        if able and not any(not one.limitations for one in kept):
            others = ", ".join(f"{one.model} up to {format_usd_exact(one.price_micros or 0)}" for one in able[:3])
            why = " ".join(text for one in candidates if one.model == usual.model for text in one.limitations)
            raise InvalidRequest(
                f"{why} Only dearer models can make this: {others}. Name one, a priority, or maxCostPerImage."
            )
        return kept if able else candidates

    def _require_affordable(
        self, options: Options, final_prompt: str, named: Named, preferred: ProviderName | None
    ) -> None:
        """Raise OverBudget (IMG_006) if nothing but the price limit keeps every model from making it."""
        limit = options.max_micros_per_image
        if limit is None:
            return
        free = options.model_copy(update={"max_micros_per_image": None})
        found = self._candidates(free, final_prompt, named)
        able = [one for one in found if not one.limitations and preferred in (None, one.provider)]
        if able:
            cheapest = best(able, "cost")
            raise OverBudget(
                f"{cheapest.label} is the cheapest that can make this. {_too_dear(cheapest.price_micros or 0, limit)}",
                resolution="Allow more, or ask for less.",
            )

    def estimate(self, options: Options, final_prompt: str, actor: Actor, *, fitting: bool = False) -> Estimate:
        """What every model that could be asked would cost, and what keeps the others from it.

        With `fitting` each is asked for no more than it can do, so that all stand side by side; needs stay. Raises
        NotFound (IMG_008) for a reference that does not exist for the actor.
        """
        candidates = sorted(
            self.candidates(options, final_prompt, actor, fitting=fitting),
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

    def _why_not(self, model: ImageModel, loras: Sequence[Lora]) -> str | None:
        """What keeps a model from taking these LoRAs here."""
        wanted = model.usual(model.provider).model_copy(update={"loras": loras})
        if (problem := model.problems(wanted).get("loras")) is not None:
            return problem
        return None if self._offer.made_by(model) else _not_configured(model)

    def fold(self, final_prompt: str, style: StyleName | None, negative_prompt: str | None, name: str | None) -> Folded:
        """The final prompt with the style and, where the model takes none by itself, the negative prompt in words.

        Without a model everything is in words, which every model takes. Raises ModelUnavailable (IMG_013), or
        PromptRefused (IMG_003) where it all does not fit.
        """
        model = None if name is None else self._offer.catalog.model(name, datetime.now(UTC).date())
        if model is not None and model.takes_negative_prompt:
            return Folded(final_prompt=folded(final_prompt, style, None), negative_prompt=negative_prompt)
        return Folded(final_prompt=folded(final_prompt, style, negative_prompt))

    def possible(self, options: Options) -> Possible:
        """The options that are left of what was once chosen: models go, and settings with them."""
        today = datetime.now(UTC).date()
        given_up: list[str] = []
        if options.model is not None and (why := self._why_gone(options.model, today)) is not None:
            given_up.append(why)
            options = options.model_copy(update={"model": None, "provider": "auto"})
        if options.provider not in ("auto", *self._offer.endpoints) and options.model is None:
            given_up.append(f"The provider {options.provider} is not configured any more.")
            options = options.model_copy(update={"provider": "auto"})
        gone = {name: why for name in options.fallback if (why := self._why_gone(name, today)) is not None}
        if gone:
            given_up += gone.values()
            options = options.model_copy(
                update={"fallback": tuple(name for name in options.fallback if name not in gone)}
            )
        if options.model is not None:
            options, lost = options.fitting(self._offer.catalog.model(options.model, today))
            given_up += lost.values()
        unable = self._unable(options, today)
        if unable:
            given_up += unable.values()
            kept = tuple(name for name in options.fallback if name not in unable)
            options = options.model_copy(update={"fallback": kept})
        return Possible(options=options, given_up=tuple(given_up))

    def _unable(self, options: Options, today: date) -> dict[str, str]:
        """The alternates that cannot make what is chosen, and why in words."""
        asked = options.model_copy(update={"references": (), "loras": (), "partial_images": 0})
        found = {}
        for name in options.fallback:
            model, provider = self._offered_as(name, today)
            wanted = asked.parameters(model, provider, 1, self._offer.usual(model, provider))
            problems = dict(model.problems(wanted))
            if not problems and self._offer.catalog.has_no_price(wanted):
                problems["size"] = f"{model.label} has no price for this size and quality."
            if problems:
                found[name] = f"{model.label} cannot make it instead: {' '.join(problems.values())}"
        return found

    def _why_gone(self, name: str, today: date) -> str | None:
        """Why a model is not offered; None if it is."""
        model = self._offer.catalog.named(name)
        if model is not None and model.is_alive(today) and self._offer.made_by(model) is None:
            return _not_configured(model)
        return self._offer.catalog.why_not(name, today)

    def alternates(self, options: Options, final_prompt: str, actor: Actor) -> Sequence[Candidate]:
        """Every model that could make exactly this instead. Previews are no part of what is asked for in the end.

        Raises what `candidates` raises.
        """
        asked = options.model_copy(update={"partial_images": 0, "max_micros_per_image": None})
        return [candidate for candidate in self.candidates(asked, final_prompt, actor) if candidate.able]

    def candidates(
        self, options: Options, final_prompt: str, actor: Actor, *, fitting: bool = False
    ) -> Sequence[Candidate]:
        """Every living model of a configured provider, with what it would cost and what it cannot do.

        Raises NotFound (IMG_008) for a reference that does not exist for the actor, and what
        `Loras.named` raises.
        """
        return self._candidates(options, final_prompt, self._named(actor, options), fitting=fitting)

    def _candidates(
        self, options: Options, final_prompt: str, named: Named, *, fitting: bool = False
    ) -> Sequence[Candidate]:
        today = datetime.now(UTC).date()

        def request(model: ImageModel, provider: ProviderName) -> GenerationParameters:
            asked = options.fitting(model)[0] if fitting else options
            return asked.parameters(model, provider, 1, self._offer.usual(model, provider), named)

        return [
            self._candidate(model, request(model, provider), options, final_prompt, today)
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
        pause = self._breakers.hindrance(request)
        return Candidate(
            model=model.name,
            provider=request.provider,
            label=model.label,
            price_micros=price,
            is_estimate=model.prices.is_estimate,
            expected_seconds=model.expected_seconds,
            quality_score=model.quality_score,
            limitations=tuple(limitations),
            pause=pause,
            able=not limitations and pause is None,
        )

    def _explicit(
        self, options: Options, name: str, final_prompt: str, named: Named
    ) -> tuple[GenerationParameters, Choice]:
        today = datetime.now(UTC).date()
        model, provider = self._offered_as(name, today)
        if options.provider not in ("auto", provider, model.provider):
            raise ProviderNotConfigured(_not_configured(model))
        request = self._parameters(options, model, provider, named)
        self._offer.catalog.require_possible(request, today)
        price = self._offer.catalog.quote(request, final_prompt, today)
        if options.max_micros_per_image is not None and price > options.max_micros_per_image:
            raise OverBudget(
                _too_dear(price, options.max_micros_per_image), resolution="Allow more, or choose a cheaper model."
            )
        return request, Choice(model=name, provider=provider, why=f"{model.label}: asked for by name.")

    def _offered_as(self, name: str, today: date) -> tuple[ImageModel, ProviderName]:
        model = self._offer.catalog.model(name, today)
        provider = self._offer.made_by(model)
        if provider is None:
            raise ProviderNotConfigured(_not_configured(model))
        return model, provider

    def _with_alternates(
        self, request: GenerationParameters, options: Options, final_prompt: str, named: Named
    ) -> Order:
        """The request, with every model that `fallback` names beside its own: the same wishes, the same drawn seed."""
        if not options.fallback:
            return Order(request=request)
        today = datetime.now(UTC).date()
        at_most = self._offer.catalog.quote(request, final_prompt, today) + options.max_extra_micros
        if options.max_micros_per_image is not None:
            at_most = min(at_most, options.max_micros_per_image)
        names = [name for name in options.fallback if name != request.model]
        return Order(
            request=request,
            alternates=tuple(self._alternate(name, request, options, final_prompt, named, at_most) for name in names),
            max_extra_micros=options.max_extra_micros if names else 0,
        )

    def _alternate(
        self,
        name: str,
        request: GenerationParameters,
        options: Options,
        final_prompt: str,
        named: Named,
        at_most: int,
    ) -> GenerationParameters:
        today = datetime.now(UTC).date()
        model, provider = self._offered_as(name, today)
        shown = min(options.partial_images, model.partial_images)  # they are no part of what is asked for in the end
        options = options.model_copy(update={"partial_images": shown})
        parameters = options.parameters(model, provider, request.seed or 1, self._offer.usual(model, provider), named)
        problems = model.problems(parameters)
        if problems:
            words = " ".join(f"{field}: {why}" for field, why in problems.items())
            raise InvalidRequest(f"fallback: {name} cannot make this instead. {words}")
        price = self._offer.catalog.quote(parameters, final_prompt, today)
        if price > at_most:
            raise OverBudget(
                f"fallback: an image of {name} costs up to {format_usd_exact(price)}, "
                f"and at most {format_usd_exact(at_most)} was allowed.",
                resolution="Allow more by maxExtraMicros, or leave this model out.",
            )
        return parameters

    def _usual(self, candidates: Sequence[Candidate]) -> Choice | None:
        """What version 1 makes, where it can do what is asked for; paused it waits, as in version 1.

        Nobody who leaves the choice open is moved to a model of another price by a pause of half a minute.
        """
        usual = self._offer.require()
        for candidate in candidates:
            if candidate.model == usual.model and not candidate.limitations:
                why = f"{candidate.label}: what this studio usually makes."
                return Choice(model=candidate.model, provider=candidate.provider, why=why)
        return None

    def _chosen(self, options: Options, choice: Choice, named: Named) -> tuple[GenerationParameters, Choice]:
        model = self._offer.catalog.model(choice.model, datetime.now(UTC).date())
        return self._parameters(options, model, choice.provider, named), choice

    def _parameters(
        self, options: Options, model: ImageModel, provider: ProviderName, named: Named
    ) -> GenerationParameters:
        drawn_seed = 1 + secrets.randbelow(LARGEST_SEED)
        return options.parameters(model, provider, drawn_seed, self._offer.usual(model, provider), named)


def _not_configured(model: ImageModel) -> str:
    return f"The provider {model.provider}, which makes {model.label}, is not configured."


def _too_dear(price: int, at_most: int) -> str:
    return f"An image costs up to {format_usd_exact(price)}, and at most {format_usd_exact(at_most)} was allowed."


def _why_none(candidates: Sequence[Candidate]) -> str:
    reasons = [f"{candidate.label}: {' '.join(candidate.limitations)}" for candidate in candidates[:5]]
    return " ".join(["No model can do all of this.", *reasons])
