"""The fields of the Options panel: for each parameter, what the chosen model can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from imagegeneration.dashboard.frame import actor, studio
from imagegeneration.dashboard.generate import wishes
from imagegeneration.dashboard.generate.desk import Desk
from imagegeneration.dashboard.generate.picks import (
    Number,
    Pick,
    extra_needed,
    lora_name,
    loras_offered,
    picks,
    with_fallback,
    with_lora,
)
from imagegeneration.dashboard.kit import words
from imagegeneration.models.lora import CollectedLora, LoraWish
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import MAX_ALTERNATES
from imagegeneration.models.ranking import Candidate
from imagegeneration.models.style import STYLE_NAMES, label
from imagegeneration.money.money import MICROS_PER_USD, format_usd
from imagegeneration.providers.generation import GenerationParameters

LORAS_SHOWN = 200
"""How many LoRAs of the collection are offered, by name."""


@dataclass(frozen=True)
class Form:
    """The fields of the chosen model: `request` is what would be sent now; with `busy` they are locked."""

    desk: Desk
    model: ImageModel
    request: GenerationParameters
    busy: bool

    def draw(self) -> None:
        """Draw all fields, side by side."""
        with st.grid(2):
            for one in picks(self.model, self.request, self.desk.draft.options):
                if isinstance(one, Pick):
                    self._list(one)
                else:
                    self._number(one)
        self._mapping()

    def _mapping(self) -> None:
        """Say which size is made instead of a size that the model does not make."""
        options = self.desk.draft.options
        wished = f"{options.width}x{options.height}"
        if options.size is None and options.width and options.height and wished != self.request.size:
            made = words.size(self.request.size)
            st.caption(f"{words.size(wished)} is made as {made}, the nearest that this model makes.")

    def _list(self, pick: Pick) -> None:
        key, names = field_key(self.desk, pick.name), list(pick.choices)
        st.selectbox(
            pick.name,
            names,
            index=names.index(pick.current) if pick.current in names else None,
            key=key,
            on_change=lambda: wishes.choose(self.desk, **pick.choices[st.session_state[key]]),
            disabled=self.busy,
        )

    def _number(self, number: Number) -> None:
        kind: Callable[[float], Any] = int if isinstance(number.step, int) else float
        key, shown = field_key(self.desk, number.name), number.shown
        st.number_input(
            number.name,
            min_value=kind(number.least),
            max_value=kind(number.most),
            value=None if shown is None else kind(shown),
            step=number.step,
            placeholder=number.empty,
            key=key,
            on_change=lambda: wishes.choose(self.desk, **{number.field: st.session_state[key]}),
            disabled=self.busy,
        )


def loras(form: Form) -> None:
    """Draw one row for each chosen LoRA, and an empty one while the model takes more."""
    desk, most = form.desk, form.model.loras
    chosen = desk.draft.options.loras
    if most == 0 and not chosen:
        return
    offered = loras_offered(form.model, studio().loras.page(actor(), limit=LORAS_SHOWN))
    if not offered and not chosen:
        st.caption(words.literal(f"The collection has no LoRA for {form.model.label} yet. Admins add them on LoRAs."))
        return
    for row in range(max(min(len(chosen) + 1, most), len(chosen))):
        _lora_row(form, chosen[row] if row < len(chosen) else None, row, offered)


def _lora_row(form: Form, wish: LoraWish | None, row: int, offered: Mapping[str, CollectedLora]) -> None:
    desk, own = form.desk, lora_name(wish)
    name_key, weight_key = field_key(desk, f"lora-{row}"), field_key(desk, f"weight-{row}")

    def take() -> None:
        picked, weight = st.session_state[name_key], st.session_state.get(weight_key)
        desk.choices += 1
        wishes.choose(desk, **with_lora(desk.draft.options.loras, row, picked or "", weight))

    names = list(dict.fromkeys(["", *offered, own]))
    name_column, weight_column = st.columns([3, 1], vertical_alignment="bottom")
    name_column.selectbox(
        f"LoRA {row + 1} of at most {form.model.loras}",
        names,
        index=names.index(own),
        format_func=lambda name: _lora_label(name, offered),
        key=name_key,
        on_change=take,
        disabled=form.busy,
    )
    if wish is not None:
        usual = offered[own].default_weight if own in offered else 1.0
        weight_column.number_input(
            "Weight",
            min_value=0.0,
            max_value=2.0,
            value=usual if wish.weight is None else wish.weight,
            step=0.1,
            key=weight_key,
            on_change=take,
            disabled=form.busy,
        )
        if own in offered and offered[own].trigger_words:
            st.caption(words.literal(f"Its words for the prompt: {', '.join(offered[own].trigger_words)}"))


def fallback(form: Form, able: Sequence[Candidate], price: int) -> None:
    """Draw the alternates and their extra price. They are chosen beforehand: a job does not stop to ask."""
    desk, own = form.desk, form.request.model
    options = desk.draft.options
    offered = {candidate.model: candidate for candidate in able if candidate.model != own}
    if not offered and not options.fallback:
        return
    key, extra_key = field_key(desk, "fallback"), field_key(desk, "extra")
    least = extra_needed(options.fallback, able, price)

    def take() -> None:
        desk.choices += 1
        wishes.choose(desk, **with_fallback(options, st.session_state[key], able, price))

    names, extra = st.columns([3, 1], vertical_alignment="bottom") if options.fallback else (st.container(), None)
    names.multiselect(
        "If it fails without a charge, go on with",
        list(dict.fromkeys([*offered, *options.fallback])),
        default=list(options.fallback),
        max_selections=MAX_ALTERNATES,
        format_func=lambda name: _alternate(name, offered),
        key=key,
        on_change=take,
        disabled=form.busy,
        placeholder="Nobody: the image fails, and you decide",
    )
    if extra is not None:
        extra.number_input(
            "Extra, up to $",
            min_value=least / MICROS_PER_USD,
            max_value=max(options.max_extra_micros, 100 * MICROS_PER_USD) / MICROS_PER_USD,
            value=max(options.max_extra_micros, least) / MICROS_PER_USD,
            step=0.01,
            format="%.2f",
            key=extra_key,
            on_change=lambda: wishes.choose(desk, max_extra_micros=round(st.session_state[extra_key] * MICROS_PER_USD)),
            disabled=form.busy,
        )


def _alternate(name: str, offered: Mapping[str, Candidate]) -> str:
    if name not in offered:
        return name
    micros = offered[name].price_micros
    price = "" if micros is None else f", up to {format_usd(micros)}"
    return f"{offered[name].label}{price}"


def _lora_label(name: str, offered: Mapping[str, CollectedLora]) -> str:
    if not name:
        return "None"
    return f"{offered[name].label} ({name})" if name in offered else name


def style_field(desk: Desk, busy: bool) -> None:
    """Draw the styles; every model takes them, because they become part of the prompt."""
    key, names = field_key(desk, "style"), ["", *STYLE_NAMES]
    st.selectbox(
        "Style",
        names,
        index=names.index(desk.draft.style or ""),
        format_func=lambda name: label(name) if name else "None",
        key=key,
        on_change=lambda: wishes.choose_style(desk, st.session_state[key] or None),
        disabled=busy,
    )


def field_key(desk: Desk, name: str) -> str:
    """Return the key of a field: it changes whenever something other than the field changed what it shows."""
    return f"{name}-{desk.draft.draft_id}-{desk.choices}"
