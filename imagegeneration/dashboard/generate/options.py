"""The Options panel of Generate: models side by side, and the fields of the chosen one. Closed, it costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imagegeneration.core.ids import ProviderName
from imagegeneration.dashboard.announcements import trouble
from imagegeneration.dashboard.frame import actor, notice, show_error, studio
from imagegeneration.dashboard.generate import wishes
from imagegeneration.dashboard.generate.desk import Desk
from imagegeneration.dashboard.generate.offers import AUTOMATIC, offers, read_pick
from imagegeneration.dashboard.generate.parameters import Form, fallback, loras, style_field
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.fields import Field, editor
from imagegeneration.dashboard.web import asset
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.options import Options
from imagegeneration.models.possible import basis
from imagegeneration.models.ranking import Candidate, Estimate
from imagegeneration.prompts.draft import Draft
from imagegeneration.providers.generation import GenerationParameters

_OFFERS = st.components.v2.component("studio_offers", **asset("offers"))
_NEGATIVE = Field("Negative prompt", 1000, rows=2, placeholder="What should not be in the image")


def panel(desk: Desk) -> None:
    """Draw the panel; what was given up is shown even while it is closed."""
    if desk.given_up:
        title = "Some of what was chosen is not possible, so it is not asked for."
        notice("neutral", title, " ".join(desk.given_up), key="given-up")
    opened = st.expander("Options", key=f"options-{desk.draft.draft_id}", on_change="rerun")
    if opened.open:
        with opened:
            _panel(desk)


def _panel(desk: Desk) -> None:
    busy = desk.doing is not None
    estimate = _models(desk, busy)
    request = _request(desk)
    model = None if request is None else studio().registry.catalog.named(request.model)
    if request is not None and model is not None:
        form = Form(desk, model, request, busy)
        form.draw()
        loras(form)
        fallback(form, _alternates(desk), _price_of(estimate, request.model))
    style_field(desk, busy)
    editor(
        _NEGATIVE,
        desk.draft.negative_prompt,
        lambda text: wishes.type_negative_prompt(desk, text),
        key=f"negative-{desk.draft.draft_id}",
        revision=desk.choices,
        problem=desk.field_problems.get("negative_prompt", ""),
        locked=busy,
        stored=desk.unsaved is None,
    )
    st.caption(_where_it_goes(desk))
    _ways_back(desk, busy)


def _alternates(desk: Desk) -> Sequence[Candidate]:
    if desk.criteria is None:  # a LoRA or an image is gone, which is said above
        return ()
    return studio().selector.alternates(desk.criteria)


def _price_of(estimate: Estimate, model: str) -> int:
    prices = (candidate.price_micros for candidate in estimate.recommendations if candidate.model == model)
    return next(prices, None) or 0


def _where_it_goes(desk: Desk) -> str:
    if desk.draft.options.negative_prompt is not None:
        return (
            "The style becomes part of the final prompt. The negative prompt is sent beside it, as this model takes it."
        )
    return "The style and the negative prompt become part of the final prompt, where you see them before you approve."


def _models(desk: Desk, busy: bool) -> Estimate:
    draft = desk.draft
    criteria = desk.criteria or Criteria(options=draft.options, final_prompt=draft.prompt).without_inputs()
    found = studio().selector.compare(criteria)
    key = f"offers-{draft.draft_id}"

    def picked() -> None:
        pick = st.session_state[key].get("pick")
        if pick is not None:
            wishes.choose_model(desk, *read_pick(str(pick["key"])))

    _OFFERS(
        key=key,
        data={"offers": offers(draft.options, found, _troubles(found.estimate)), "locked": busy},
        on_pick_change=picked,
    )
    return found.estimate


def _troubles(estimate: Estimate) -> dict[ProviderName, str]:
    """Return what is wrong with the providers of these models that do not work at present."""
    providers = {candidate.provider for candidate in estimate.recommendations}
    found = {provider: trouble(studio().checks.of(provider)) for provider in providers}
    return {provider: problem for provider, problem in found.items() if problem is not None}


def _request(desk: Desk) -> GenerationParameters | None:
    """Return what would be sent; if nothing can be, draw the reason and return what the fields can be about."""
    if desk.quote is not None:
        return desk.quote.plan.request
    if desk.is_usual:
        return studio().registry.default
    if desk.quote_problem is not None:
        show_error(desk.quote_problem, key="choice-problem")
    return basis(desk.draft.options, studio().registry)


def _ways_back(desk: Desk, busy: bool) -> None:
    draft, last = desk.draft, studio().drafts.latest_approved(actor())
    is_chosen = not desk.is_usual or draft.style is not None or draft.negative_prompt != ""
    with st.container(horizontal=True):
        if last is not None and not _alike(last, draft):
            st.button(
                "As last time",
                key="as-last-time",
                help=words.literal(_in_short(last)),
                on_click=wishes.choose_like,
                args=(desk, last),
                disabled=busy,
            )
        if is_chosen:
            nothing = draft.model_copy(update={"style": None, "negative_prompt": "", "options": Options()})
            st.button(
                "Reset the options",
                key="reset-options",
                type="tertiary",
                on_click=wishes.choose_like,
                args=(desk, nothing),
                disabled=busy,
            )


def _alike(one: Draft, other: Draft) -> bool:
    names = ("style", "negative_prompt", "options")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _in_short(draft: Draft) -> str:
    """Return what was chosen for a draft, in a few words."""
    options = draft.options
    parts = (options.model or AUTOMATIC[options.priority], draft.style, options.size, options.quality)
    return f"What you approved last: {', '.join(part for part in parts if part)}"
