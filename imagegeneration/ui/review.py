"""The second step of Generate: the final prompt beside what was typed, the price, and the approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import streamlit as st

from imagegeneration.domain.credits import CreditQuote
from imagegeneration.domain.generation import MAX_IMAGES, GenerationParameters
from imagegeneration.domain.money import Spend, format_usd
from imagegeneration.domain.options import RANDOM_SEED, Order
from imagegeneration.domain.style import parts
from imagegeneration.domain.text import PROMPT_MAX
from imagegeneration.errors import StudioError
from imagegeneration.ui import wishes, words
from imagegeneration.ui.desk import Desk
from imagegeneration.ui.difference import show_difference
from imagegeneration.ui.fields import Field, editor
from imagegeneration.ui.frame import actor, errors_in_words, notice, resets_at, show_error, studio
from imagegeneration.ui.options import panel
from imagegeneration.ui.sources import sources
from imagegeneration.ui.web import asset

_FINAL = Field("Final prompt", PROMPT_MAX, rows=9)
_TYPED = st.components.v2.component("studio_typed", **asset("typed"))
_PRICE = st.components.v2.component("studio_price", **asset("price"))


@st.fragment
@errors_in_words()
def review(desk: Desk) -> None:
    """Draw the step, and do what its buttons asked for."""
    before, after = st.columns([5, 7], gap="large")
    with before:
        _what_was_typed(desk)
    with after, st.container(border=True, key="review"):
        _final_prompt(desk)
        _approval(desk)
        if desk.unsaved is not None:
            notice("bad", "Your text is not stored at the moment.", desk.unsaved.message, key="unsaved")
    if desk.doing == "approve":
        desk.approve()
        st.rerun(scope="app" if desk.step == "images" else "fragment")


def _what_was_typed(desk: Desk) -> None:
    draft = desk.draft
    sources(desk)
    _TYPED(key="typed", data={"intent": draft.intent, "prompt": draft.raw_prompt})
    show_difference(draft.raw_prompt, draft.final_prompt or "", key="difference")


def _final_prompt(desk: Desk) -> None:
    draft, busy = desk.draft, desk.doing is not None
    editor(
        _FINAL,
        draft.final_prompt or "",
        lambda text: wishes.type_final_prompt(desk, text),
        key=f"final-{draft.draft_id}",
        revision=desk.revision,
        problem=desk.field_problems.get("final_prompt", ""),
        locked=busy,
        stored=desk.unsaved is None,
    )
    with st.container(horizontal=True):
        if draft.suggestion is not None:
            st.button(
                "Back to the suggestion",
                key="undo",
                type="tertiary",
                on_click=wishes.put_prompt,
                args=(desk, draft.suggestion),
                disabled=busy or _is_own(draft.final_prompt, draft.suggestion),
            )
        st.button(
            "Use my own words",
            key="own-words",
            type="tertiary",
            on_click=wishes.put_prompt,
            args=(desk, draft.raw_prompt),
            disabled=busy or _is_own(draft.final_prompt, draft.raw_prompt),
        )


def _is_own(final_prompt: str | None, text: str) -> bool:
    """The final prompt is this text, whatever is folded into it."""
    return parts(final_prompt or "").own == parts(text).own


def _approval(desk: Desk) -> None:
    busy = desk.doing is not None
    count = st.segmented_control(
        "Number of images",
        range(1, MAX_IMAGES + 1),
        key=f"count-{desk.draft.draft_id}",
        default=desk.draft.image_count,
        required=True,
        disabled=busy,
    )
    desk.edit(image_count=count or desk.draft.image_count)
    panel(desk)
    offered = _quote(desk)
    if desk.problem is not None:
        show_error(desk.problem, key="approve-problem", cost="Nothing was charged.")
    with st.container(horizontal=True):
        if st.button("Back", key="back", disabled=busy):
            desk.rewriting, desk.problem = True, None
            st.rerun()
        _approve_button(desk, offered, busy)


def _approve_button(desk: Desk, offered: _Offered | None, busy: bool) -> None:
    images = words.plural(desk.draft.image_count, "image")
    price = "" if offered is None else f" for up to {format_usd(offered.total)}"
    st.button(
        words.literal(f"Approving {images}…" if busy else f"Generate {images}{price}"),
        key="approve",
        type="primary",
        icon="spinner" if busy else None,
        shortcut="Ctrl+Enter",
        on_click=desk.ask,
        args=("approve", 0, None) if offered is None else ("approve", offered.total, offered.order),
        width="stretch",
        disabled=busy or offered is None,
    )


class _Offered(NamedTuple):
    """What the button offers: the price of all images, and what would be sent (None: what version 1 makes)."""

    total: int
    order: Order | None


def _quote(desk: Desk) -> _Offered | None:
    """The price of what is on the screen; None, and the reason drawn, where there is none."""
    try:
        chosen = wishes.chosen(desk)
        order = None if chosen is None else chosen.order
        total = studio().jobs.quote(desk.draft.final_prompt or "", desk.draft.image_count, order)
    except StudioError as error:
        show_error(error, key="quote-problem", cost="Nothing was charged.")
        return None
    _price(desk, total, order)
    return _Offered(total, order)


def _label(route: GenerationParameters) -> str:
    model = studio().offer.catalog.named(route.model)
    return route.model if model is None else model.label


def _price(desk: Desk, total: int, order: Order | None) -> None:
    each = -(-total // desk.draft.image_count)
    request = None if order is None else order.request
    sent = request or studio().offer.parameters
    draws_seed = desk.draft.options.seed == RANDOM_SEED
    if sent is not None:
        sent = studio().offer.catalog.with_seeds(sent, desk.draft.image_count)
    made_as = "" if sent is None else words.made_as(sent, draws_seed=draws_seed)
    if order is not None and order.alternates:
        made_as += f"; else {' or '.join(_label(route) for route in order.alternates)}"
    data = {"each": f"Up to {format_usd(each)} an image", "made_as": made_as, "left": "", "short": False}
    try:
        data |= _left(studio().spending.today(actor()), total)
        quote = studio().jobs.quote_credits(actor(), desk.draft.image_count, request)
        if quote is not None:
            data |= _metered(data, quote)
    except StudioError as error:
        data["left"] = error.message
    _PRICE(key="price", data=data)


def _metered(data: Mapping[str, object], quote: CreditQuote) -> dict[str, object]:
    said: dict[str, object] = {"each": f"{data['each']}, {words.credits_of(quote)}"}
    if quote.cost > quote.left:
        said |= {"left": "Your credits are too few. Ask for fewer images, or ask an administrator.", "short": True}
    return said


def _left(spend: Spend, total: int) -> dict[str, object]:
    left = max(spend.limit_micros - spend.spent_micros - spend.held_micros, 0)
    if total <= left:
        return {"left": f"{format_usd(left)} left in today's budget"}
    return {
        "left": f"Only {format_usd(left)} left in today's budget. It starts again at {resets_at(spend)}, your time. "
        "Until then ask for fewer images, or ask an operator to raise it.",
        "short": True,
    }
