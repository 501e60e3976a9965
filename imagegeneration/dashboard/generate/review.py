"""The second step of Generate: the final prompt beside what was typed, the price, and the approval."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from imagegeneration.core.errors import StudioError
from imagegeneration.core.text import PROMPT_MAX
from imagegeneration.dashboard.frame import (
    actor,
    draw_part_again,
    errors_in_words,
    notice,
    resets_at,
    show_error,
    studio,
)
from imagegeneration.dashboard.generate import submit, wishes
from imagegeneration.dashboard.generate.desk import Desk, lay, new_draft
from imagegeneration.dashboard.generate.difference import show_difference
from imagegeneration.dashboard.generate.elsewhere import elsewhere
from imagegeneration.dashboard.generate.obstacles import announce_obstacles, require_announced
from imagegeneration.dashboard.generate.onward import Button, Cost, onward
from imagegeneration.dashboard.generate.options import panel
from imagegeneration.dashboard.generate.sources import sources
from imagegeneration.dashboard.jobs import newest
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.fields import Field, editor
from imagegeneration.dashboard.kit.inbox import Message
from imagegeneration.dashboard.web import asset
from imagegeneration.models.quote import Quote, shown_sha256
from imagegeneration.models.style import parts
from imagegeneration.money.money import Spend, format_left, format_usd
from imagegeneration.providers.generation import MAX_IMAGES

_FINAL = Field("Final prompt", PROMPT_MAX, rows=9)
_TYPED = st.components.v2.component("studio_typed", **asset("typed"))


@st.fragment
@errors_in_words()
def review(desk: Desk) -> None:
    """Draw the step, and do what its buttons asked for."""
    if st.session_state["desk"] is not desk or desk.step != "review":
        st.rerun()
    before, after = st.columns([5, 7], gap="large")
    with before:
        _what_was_typed(desk)
    with after, st.container(border=True, key="review"):
        elsewhere(desk)
        _final_prompt(desk)
        _choices(desk)
        cost = _cost(desk)
        if desk.problem is not None:
            show_error(desk.problem, key="approve-problem", cost="Nothing was charged.")
        if desk.unsaved is not None and desk.elsewhere is None:
            notice("bad", "Your text is not stored at the moment.", desk.unsaved.message, key="unsaved")
    desk.is_short = cost is not None and cost.short != ""
    _buttons(desk, cost)
    if desk.doing == "approve":
        _approve(desk)
        if desk.draft.job_id is not None:
            _show_in_jobs(desk.draft.job_id)
        draw_part_again()


def _approve(desk: Desk) -> None:
    """Approve what the screen showed, including what it said to be in the way."""
    try:
        require_announced(desk)
    except StudioError as error:
        desk.problem, desk.doing = error, None
        return
    submit.approve(desk)


def _show_in_jobs(job_id: str) -> None:
    """Take the user to Jobs, where the new job comes first. Generate is then ready for another request."""
    lay(Desk(new_draft()))
    newest.expect(job_id)
    newest.go()


def _what_was_typed(desk: Desk) -> None:
    draft = desk.draft
    sources(desk)
    _TYPED(key="typed", data={"intent": draft.intent, "prompt": draft.raw_prompt})
    show_difference(draft.raw_prompt, draft.final_prompt or "", key="difference")


def _final_prompt(desk: Desk) -> None:
    draft, busy = desk.draft, desk.is_locked
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
                key="suggestion",
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
        if draft.previous_prompts:
            st.button("Undo", key="undo-replaced", type="tertiary", on_click=wishes.undo, args=(desk,), disabled=busy)


def _is_own(final_prompt: str | None, text: str) -> bool:
    """Return whether the final prompt is this text, apart from what is rendered into it."""
    return parts(final_prompt or "").own == parts(text).own


def _choices(desk: Desk) -> None:
    count = st.segmented_control(
        "Number of images",
        range(1, MAX_IMAGES + 1),
        key=f"count-{desk.draft.draft_id}-{desk.choices}",
        default=desk.draft.image_count,
        required=True,
        disabled=desk.is_locked,
    )
    desk.edit(image_count=count or desk.draft.image_count)
    wishes.settle(desk)
    panel(desk)


def _buttons(desk: Desk, cost: Cost | None) -> None:
    busy, images = desk.doing is not None, words.plural(desk.draft.image_count, "image")
    if desk.elsewhere is not None:
        label, blocked = f"Generate {images}", desk.elsewhere.message
    elif cost is None:
        label, blocked = f"Generate {images}", "It cannot be generated as it is. The reason is above."
    else:
        label, blocked = f"Generate {images} for up to {cost.total}", cost.short
    working = f"Approving {images}…"
    onward(
        Button("approve", working if busy else label, working=working, blocked=blocked, spends=True),
        [Button("back", "Back")] if desk.elsewhere is None else [],
        lambda message: _press(desk, message),
        key="review-onward",
        busy="Your approval is on its way." if busy else "",
        cost=cost or Cost(),
        shown={
            "field": f"final-{desk.draft.draft_id}",
            "prompt": desk.draft.final_prompt,
            "count": desk.draft.image_count,
        },
    )


def _press(desk: Desk, message: Message) -> None:
    """Note an approval with the hash of what the screen showed, or go back."""
    if desk.doing is not None or desk.elsewhere is not None:
        return
    if message.get("do") == "back":
        desk.rewrite(True)
    elif message.get("do") == "approve":
        shown = (str(message.get("prompt")), int(message.get("count", 0)), str(message.get("terms")))
        desk.ask("approve", shown_sha256(*shown))


def _cost(desk: Desk) -> Cost | None:
    """Return the price of what is on the screen, or None, with the reason drawn."""
    quote, problem = desk.quote, desk.quote_problem
    if quote is not None and problem is None:
        problem = quote.refusal
    if quote is None or problem is not None:
        announce_obstacles(desk, None)
        if problem is not None:
            show_error(problem, key="quote-problem", cost="Nothing was charged.")
        return None
    if quote.given_up:
        title = "The image will have other proportions than the one it is made from."
        notice("neutral", title, " ".join(quote.given_up), key="proportions")
    total = quote.total_micros
    each = f"Up to {format_usd(total // quote.image_count)} an image"
    cost = Cost(each, _made_as(quote), total=format_usd(total), terms=quote.terms_sha256)
    try:
        announce_obstacles(desk, quote)
        return _within_means(quote, cost)
    except StudioError as error:
        return replace(cost, left=error.message)


def _made_as(quote: Quote) -> str:
    made_as = words.made_as(quote.plan.request, draws_seed=quote.draws_seed)
    if quote.plan.alternates:
        labels = (studio().registry.label_of(route.model) for route in quote.plan.alternates)
        made_as += f"; else {' or '.join(labels)}"
    return made_as


def _within_means(quote: Quote, cost: Cost) -> Cost:
    """Return the cost with what is left to spend, and with whether that is too little."""
    cost = _left(studio().spending.today(actor()), quote.total_micros, cost)
    if not cost.short:
        cost = _of_provider(quote, cost)
    if quote.credits is None:
        return cost
    cost = replace(cost, each=f"{cost.each}, {words.credits_of(quote.credits)}")
    if quote.credits.cost <= quote.credits.left:
        return cost
    too_few = "Your credits are too few. Ask for fewer images, or ask an administrator."
    return replace(cost, short=too_few)


def _of_provider(quote: Quote, cost: Cost) -> Cost:
    """Return the cost, with a warning if too little is left of the first provider's own budget."""
    provider = quote.plan.request.provider
    spend = studio().spending.today_of(provider)
    left = max(spend.left_micros, 0)
    if quote.total_micros <= left:
        return cost
    name = words.provider(provider)
    short = (
        f"Only {format_left(left)} left in today's budget of {name}. It starts again at {resets_at(spend)}, your time. "
        "Until then choose a model of another provider, or ask an operator to raise it."
    )
    return replace(cost, short=short)


def _left(spend: Spend, total: int, cost: Cost) -> Cost:
    left = max(spend.limit_micros - spend.spent_micros - spend.held_micros, 0)
    if total <= left:
        return replace(cost, left=f"{format_left(left)} left in today's budget")
    short = (
        f"Only {format_left(left)} left in today's budget. It starts again at {resets_at(spend)}, your time. "
        "Until then ask for fewer images, or ask an operator to raise it."
    )
    return replace(cost, short=short)
