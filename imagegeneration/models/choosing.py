"""Which model makes what is asked for, and what every able one would cost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from imagegeneration.assets.inputs import References
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import (
    InvalidRequest,
    ModelUnavailable,
    OverBudget,
    PromptRefused,
    ProviderNotConfigured,
    StudioError,
    TooLarge,
)
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Value
from imagegeneration.jobs.jobs import Offer
from imagegeneration.models.choice import Candidate, Choice, Priority, Wishes, best, choose, or_waiting
from imagegeneration.models.conditions import Conditions
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.loras import Loras
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import Named, Options, Order
from imagegeneration.models.style import StyleName, folded, parts
from imagegeneration.money.money import format_usd_exact
from imagegeneration.providers.generation import LARGEST_SEED, GenerationParameters, Lora


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
    """What would be approved, why this model, and in words what differs from what was given."""

    order: Order
    choice: Choice
    given_up: Many[str] = ()


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

    def __init__(self, offer: Offer, conditions: Conditions, references: References, loras: Loras) -> None:
        self._offer = offer
        self._conditions = conditions
        self._references = references
        self._loras = loras

    def choose(self, options: Options, final_prompt: str, actor: Actor) -> Chosen:
        """What an approval by the actor would be for: the parameters, and those of each alternate.

        Raises ProviderNotConfigured (IMG_001), ModelUnavailable (IMG_013), OverBudget (IMG_006), NotFound (IMG_008)
        for a reference that does not exist for the actor, TooLarge (IMG_007) for more references than are possible,
        what `Loras.named` raises, or InvalidRequest (IMG_009) naming each field that the chosen model or an alternate
        cannot do, or saying that no model can do all of it.
        """
        self._offer.require()
        named = self._named(actor, options)
        request, choice = self._first(options, final_prompt, named)
        order = self._with_alternates(request, options, final_prompt, named)
        return Chosen(order=order, choice=choice, given_up=tuple(self._lost_proportions(options, order, named)))

    def _lost_proportions(self, options: Options, order: Order, named: Named) -> Iterator[str]:
        """Yield what becomes of the proportions of the first image with each model that may make it, if they change."""
        for made in (order.request, *order.alternates):
            model = self._offer.catalog.named(made.model)
            why = options.lost_proportions(made.model if model is None else model.label, made, named)
            if why is not None:
                yield why

    def _named(self, actor: Actor, options: Options) -> Named:
        if not options.references:
            return Named(loras=self._loras.named(actor, options.loras))
        return Named(
            loras=self._loras.named(actor, options.loras),
            references=self._references.named(actor, options.references),
            shape=self._references.shape(actor, options.references),
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
            self._require_few_enough(options, preferred)
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

    def _require_few_enough(self, options: Options, preferred: ProviderName | None) -> None:
        """Raise TooLarge (IMG_007) for more images to edit than any model here takes at once."""
        most = max((one.references for one, made_by in self._offered() if preferred in (None, made_by)), default=0)
        if 0 < most < len(options.references):
            raise TooLarge(
                f"references: at most {most} images can be edited at once here, "
                f"and {len(options.references)} were chosen.",
                resolution="Choose fewer images.",
            )

    def estimate(self, options: Options, final_prompt: str, actor: Actor) -> Estimate:
        """Return what every model that could be asked would cost, and what keeps the others from it.

        Raises NotFound (IMG_008) for a reference that does not exist for the actor, and what `Loras.named` raises.
        """
        return _estimate(self._candidates(options, final_prompt, self._named(actor, options)))

    def side_by_side(self, options: Options, final_prompt: str, actor: Actor) -> Estimate:
        """Return each model with what choosing it by its name would lead to: the rows of the panel Options.

        What a model cannot do is given up, as `possible` does, and named in `given_up`; needs stay. The best of them
        are among those that give up nothing, so that they are compared at the same size and quality. A LoRA or
        reference that cannot be had any more is left aside: it is said where the request is.
        """
        try:
            named = self._named(actor, options)
        except StudioError:
            options, named = options.model_copy(update={"loras": (), "references": ()}), Named()
        return _estimate(
            [self._row(model, provider, options, final_prompt, named) for model, provider in self._offered()]
        )

    def _row(
        self, model: ImageModel, provider: ProviderName, options: Options, final_prompt: str, named: Named
    ) -> Candidate:
        usual = self._offer.usual(model, provider)
        text = self._text_for(model, options, final_prompt)
        wished = options.model_copy(update={"negative_prompt": text.negative_prompt})
        fitted, lost = wished.fitting(model, usual)
        request = fitted.parameters(model, provider, 1, usual, named)
        row = self._candidate(model, request, fitted, text.final_prompt)
        return row.model_copy(update={"given_up": tuple(lost.values())})

    def left_to_the_studio(
        self, options: Options, priority: Priority | None, final_prompt: str, actor: Actor
    ) -> Choice:
        """Return what leaving the model to the studio leads to: by a priority, or as usual. Raises as `choose` does."""
        text = self._text_for(None, options, final_prompt).final_prompt
        changes = {"model": None, "provider": "auto", "priority": priority, "negative_prompt": None, "fallback": ()}
        left = self.possible(options.model_copy(update=changes), text, actor).options
        return self.choose(left, text, actor).choice

    def _text_for(self, model: ImageModel | None, options: Options, final_prompt: str) -> Folded:
        """Return the prompt as it would be with the model: the negative prompt beside it, or in words."""
        found = parts(final_prompt)
        try:
            return self._fold(model, final_prompt, found.style, options.negative_prompt or found.negative_prompt)
        except PromptRefused:
            return Folded(final_prompt=final_prompt)

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
        return self._fold(model, final_prompt, style, negative_prompt)

    @staticmethod
    def _fold(
        model: ImageModel | None, final_prompt: str, style: StyleName | None, negative_prompt: str | None
    ) -> Folded:
        if model is not None and model.takes_negative_prompt:
            return Folded(final_prompt=folded(final_prompt, style, None), negative_prompt=negative_prompt)
        return Folded(final_prompt=folded(final_prompt, style, negative_prompt))

    def possible(self, options: Options, final_prompt: str, actor: Actor) -> Possible:
        """Return the options that are left of what was once chosen: models go, and settings with them.

        Settings give way to the model that is named, else to the usual one; LoRAs and references never do. A fallback
        that cannot make what is chosen, or costs more than was allowed, is given up.
        """
        today = datetime.now(UTC).date()
        given_up: list[str] = []
        if options.model is not None and (why := self._why_gone(options.model, today)) is not None:
            given_up.append(why)
            options = options.model_copy(update={"model": None, "provider": "auto"})
        if options.provider not in ("auto", *self._offer.endpoints) and options.model is None:
            given_up.append(f"The provider {options.provider} is not configured any more.")
            options = options.model_copy(update={"provider": "auto"})
        if (kept := self._kept(options, today)) is not None:
            options, lost = options.fitting(kept, self._offer.usual(kept, self._offered_as(kept.name, today)[1]))
            given_up += lost.values()
        unable = self._unable(options, final_prompt, actor)
        if unable:
            given_up += unable.values()
            names = tuple(name for name in options.fallback if name not in unable)
            options = options.model_copy(update={"fallback": names})
        return Possible(options=options, given_up=tuple(given_up))

    def _kept(self, options: Options, today: date) -> ImageModel | None:
        """Return the model that options stand for before any choice: the named one, else the usual one."""
        if options.model is not None:
            return self._offer.catalog.model(options.model, today)
        usual = self._offer.parameters
        is_open = options.priority is None and options.provider == "auto" and not options.loras
        if usual is None or not is_open or self._why_gone(usual.model, today) is not None:
            return None
        return self._offer.catalog.model(usual.model, today)

    def basis(self, options: Options) -> GenerationParameters | None:
        """Return what fields can be about where nothing can be approved: the model that options stand for, or the usual
        one, with what it can do of them; None without a provider.
        """
        today = datetime.now(UTC).date()
        usual = self._offer.parameters
        model = self._kept(options, today) or (None if usual is None else self._offer.catalog.named(usual.model))
        provider = None if model is None else self._offer.made_by(model)
        if model is None or provider is None:
            return None
        own = self._offer.usual(model, provider)
        plain = options.model_copy(update={"loras": (), "references": ()})
        return plain.fitting(model, own)[0].parameters(model, provider, 1, own)

    def _unable(self, options: Options, final_prompt: str, actor: Actor) -> dict[str, str]:
        """Return the alternates that cannot make what is chosen for what was allowed, and why in words."""
        if not options.fallback:
            return {}
        today = datetime.now(UTC).date()
        found = {name: why for name in options.fallback if (why := self._why_gone(name, today)) is not None}
        try:
            named = self._named(actor, options)
            request, _ = self._first(options, final_prompt, named)
        except StudioError:
            return found  # what is wrong with the request itself is said where it is
        for name in options.fallback:
            alone = options.model_copy(update={"fallback": (name,)})
            try:
                for one in self._with_alternates(request, alone, final_prompt, named).alternates:
                    why = self._conditions.over_limit(self._offer.catalog.quote(one, final_prompt, today))
                    found |= {} if why is None else {name: self._not_instead(name, why)}
            except StudioError as problem:
                found.setdefault(name, self._not_instead(name, problem.message))
        return found

    def _not_instead(self, name: str, why: str) -> str:
        model = self._offer.catalog.named(name)
        plain = why.removeprefix("fallback: ").removeprefix(f"{name} cannot make this instead. ")
        return f"{name if model is None else model.label} cannot make it instead: {plain}"

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

    def candidates(self, options: Options, final_prompt: str, actor: Actor) -> Sequence[Candidate]:
        """Return every living model of a configured provider, with what it would cost and what it cannot do.

        Raises NotFound (IMG_008) for a reference that does not exist for the actor, and what
        `Loras.named` raises.
        """
        return self._candidates(options, final_prompt, self._named(actor, options))

    def _candidates(self, options: Options, final_prompt: str, named: Named) -> Sequence[Candidate]:
        def request(model: ImageModel, provider: ProviderName) -> GenerationParameters:
            return options.parameters(model, provider, 1, self._offer.usual(model, provider), named)

        return [
            self._candidate(model, request(model, provider), options, final_prompt)
            for model, provider in self._offered()
        ]

    def _offered(self) -> Iterator[tuple[ImageModel, ProviderName]]:
        today = datetime.now(UTC).date()
        for model in self._offer.catalog.image_models:
            provider = self._offer.made_by(model)
            if provider is not None and model.is_alive(today):
                yield model, provider

    def _candidate(
        self, model: ImageModel, request: GenerationParameters, options: Options, final_prompt: str
    ) -> Candidate:
        limitations = list(model.problems(request).values())
        price = None
        try:
            price = self._offer.catalog.quote(request, final_prompt, datetime.now(UTC).date())
        except ModelUnavailable as problem:
            limitations.append(problem.message)
        if price is not None and options.max_micros_per_image is not None and price > options.max_micros_per_image:
            limitations.append(_too_dear(price, options.max_micros_per_image))
        over_limit = None if price is None else self._conditions.over_limit(price)
        pause, trouble = self._conditions.pause_of(request), self._conditions.trouble_of(request.provider)
        return Candidate(
            model=model.name,
            provider=request.provider,
            label=model.label,
            price_micros=price,
            is_estimate=model.prices.is_estimate,
            expected_seconds=self._conditions.seconds_of(model.name),
            quality_score=model.quality_score,
            limitations=tuple(limitations),
            over_limit=over_limit,
            pause=pause,
            trouble=trouble,
            able=not limitations and over_limit is None and pause is None and trouble is None,
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
            at_most = min(at_most, options.max_micros_per_image)  # guard: alternate-image-limit
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
            words = f"fallback: {name} cannot make this instead. {words}"
            if model.takes_fewer_references(parameters):
                raise TooLarge(words, resolution="Choose fewer images, or leave this model out.")
            raise InvalidRequest(words)
        price = self._offer.catalog.quote(parameters, final_prompt, today)
        if price > at_most:  # guard: alternate-extra-limit
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


def _estimate(found: Sequence[Candidate]) -> Estimate:
    """Sort them, the able ones and the cheap ones first, and name the best of the able ones that give up nothing."""
    candidates = sorted(found, key=lambda one: (not one.able, one.price_micros or 0, one.label))
    able = [one for one in found if one.able and not one.given_up]
    return Estimate(
        recommendations=tuple(candidates),
        cheapest=best(able, "cost").model if able else None,
        fastest=best(able, "speed").model if able else None,
        best_quality=best(able, "quality").model if able else None,
    )


def _not_configured(model: ImageModel) -> str:
    return f"The provider {model.provider}, which makes {model.label}, is not configured."


def _too_dear(price: int, at_most: int) -> str:
    return f"An image costs up to {format_usd_exact(price)}, and at most {format_usd_exact(at_most)} was allowed."


def _why_none(candidates: Sequence[Candidate]) -> str:
    reasons = [f"{candidate.label}: {' '.join(candidate.limitations)}" for candidate in candidates[:5]]
    return " ".join(["No model can do all of this.", *reasons])
