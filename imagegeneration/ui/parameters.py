"""The fields of the panel Options: of each parameter what the chosen model can do, and only where there is a choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from imagegeneration.domain.catalog import Bounds, ImageModel
from imagegeneration.domain.choice import Candidate
from imagegeneration.domain.generation import LARGEST_SEED, MAX_PARTIAL_IMAGES, GenerationParameters
from imagegeneration.domain.lora import CollectedLora, LoraWish
from imagegeneration.domain.money import MICROS_PER_USD, format_usd
from imagegeneration.domain.options import MAX_ALTERNATES, RANDOM_SEED
from imagegeneration.domain.style import STYLE_NAMES, label
from imagegeneration.ui import wishes, words
from imagegeneration.ui.desk import Desk
from imagegeneration.ui.frame import actor, studio

OTHER = "other"
"""Stands in a list for a size of one's own."""

LORAS_SHOWN = 200
"""Of the collection, by name."""

_CENT = MICROS_PER_USD // 100

SEEDS = {"none": "None is sent", "random": "Random: drawn at approval, and kept", "own": "A number of your own"}


@dataclass(frozen=True)
class Form:
    """What the fields are about: `request` is what would be sent now. While the page is busy they are locked."""

    desk: Desk
    model: ImageModel
    request: GenerationParameters
    busy: bool

    def draw(self) -> None:
        """All fields, side by side."""
        with st.grid(2):
            for part in PARTS:
                part(self)
        self._mapping()

    def size(self) -> None:
        """One of the sizes that have a price, or another where the model makes others."""
        options, free = self.desk.draft.options, self.model.priced_free_sizes
        sizes = list(dict.fromkeys([*self.model.priced_sizes(), self.request.size]))
        is_other = free is not None and options.width is not None

        def take(picked: str) -> None:
            width, height = self.request.pixels
            own = {"size": None, "width": width, "height": height}
            wishes.choose(self.desk, **own if picked == OTHER else {"size": picked, "width": None, "height": None})

        choices = [*sizes, OTHER] if free is not None else sizes
        self._select("Size", choices, OTHER if is_other else self.request.size, take, _size_word)
        if is_other and free is not None:
            self._whole("Width", "width", options.width, (64, 4096), free.step)
            self._whole("Height", "height", options.height, (64, 4096), free.step)

    def quality(self) -> None:
        """One of the qualities that have a price at this size."""
        choices = list(dict.fromkeys([*self.model.priced_qualities(self.request.size), self.request.quality]))
        self._select("Quality", choices, self.request.quality, self._taker("quality"))

    def output_format(self) -> None:
        """What kind of file."""
        self._select("Format", self.model.formats, self.request.output_format, self._taker("output_format"), str.upper)

    def background(self) -> None:
        """Transparent or not, where the model has a say in it."""
        choices = ["", *self.model.backgrounds] if self.model.backgrounds else []
        current = self.request.background or ""
        self._select("Background", choices, current, self._taker("background"), lambda name: name or "as usual")

    def seed(self) -> None:
        """None, a random one, or a number."""
        if not self.model.takes_seed:
            return
        seed = self.desk.draft.options.seed
        kind = {None: "none", RANDOM_SEED: "random"}.get(seed, "own")
        meant = {"none": None, "random": RANDOM_SEED, "own": 1}
        self._select(
            "Seed", list(SEEDS), kind, lambda name: wishes.choose(self.desk, seed=meant[name]), SEEDS.__getitem__
        )
        if kind == "own":
            self._whole("Seed number", "seed", seed, (0, LARGEST_SEED), 1)

    def steps(self) -> None:
        """How often the model goes over the image."""
        self._bounded("Steps", "steps", self.model.steps, self.request.steps, 1)

    def guidance(self) -> None:
        """How closely the model keeps to the prompt."""
        self._bounded("Guidance", "guidance", self.model.guidance, self.request.guidance, 0.5)

    def partial_images(self) -> None:
        """How often an image is shown while it is made, and what that costs; in the end it is the same image."""
        each = self.model.prices.partial_micros
        if not each:
            return

        def word(count: str) -> str:
            number = int(count)
            if number == 0:
                return "not before it is done"
            up_to = "up to " if number > 1 else ""
            return f"{up_to}{words.times(number)}, {format_usd(number * each)} more an image"

        counts = [str(count) for count in range(min(self.model.partial_images, MAX_PARTIAL_IMAGES) + 1)]
        current = str(self.request.partial_images)

        def take(count: str) -> None:
            wishes.choose(self.desk, partial_images=int(count))

        self._select("Show it while it is made", counts, current, take, word)

    def _mapping(self) -> None:
        """Say what becomes of a size that the model does not make."""
        options = self.desk.draft.options
        wished = f"{options.width}x{options.height}"
        if options.size is None and options.width and options.height and wished != self.request.size:
            made = words.size(self.request.size)
            st.caption(f"{words.size(wished)} is made as {made}, the nearest that this model makes.")

    def _select(
        self,
        name: str,
        choices: Sequence[str],
        current: str,
        take: Callable[[str], None],
        word: Callable[[str], str] = str,
    ) -> None:
        """A list, where there is something to choose."""
        if len(choices) < 2:
            return
        key = field_key(self.desk, name)
        st.selectbox(
            name,
            choices,
            index=list(choices).index(current) if current in choices else None,
            format_func=lambda choice: words.capital(word(choice)),
            key=key,
            on_change=lambda: take(st.session_state[key]),
            disabled=self.busy,
        )

    def _bounded(self, name: str, field: str, bounds: Bounds | None, current: float | None, step: float) -> None:
        """A number that the model takes; empty means as usual."""
        if bounds is None:
            return
        kind: Callable[[float], Any] = int if isinstance(step, int) else float
        key = field_key(self.desk, name)
        st.number_input(
            f"{name}, {bounds.least:g} to {bounds.most:g}",
            min_value=kind(bounds.least),
            max_value=kind(bounds.most),
            value=None if current is None else kind(current),
            step=step,
            placeholder=f"as usual: {bounds.usual:g}",
            key=key,
            on_change=lambda: wishes.choose(self.desk, **{field: st.session_state[key]}),
            disabled=self.busy,
        )

    def _whole(self, name: str, field: str, current: int | None, between: tuple[int, int], step: int) -> None:
        """A whole number."""
        key = field_key(self.desk, name)
        st.number_input(
            name,
            min_value=between[0],
            max_value=between[1],
            value=between[0] if current is None else current,
            step=step,
            key=key,
            on_change=lambda: wishes.choose(self.desk, **{field: st.session_state[key]}),
            disabled=self.busy,
        )

    def _taker(self, field: str) -> Callable[[str], None]:
        return lambda name: wishes.choose(self.desk, **{field: name or None})


PARTS: Sequence[Callable[[Form], None]] = (
    Form.size,
    Form.quality,
    Form.output_format,
    Form.background,
    Form.seed,
    Form.steps,
    Form.guidance,
    Form.partial_images,
)
"""The parameters in the order of the panel: another one is another line."""


def loras(form: Form) -> None:
    """One row for each LoRA of the collection, and an empty one as long as the model takes more."""
    desk, most = form.desk, form.model.loras
    chosen = desk.draft.options.loras
    if most == 0:
        return
    offered = {
        lora.name: lora
        for lora in studio().loras.page(actor(), limit=LORAS_SHOWN)
        if lora.enabled and lora.family == form.model.lora_family
    }
    if not offered and not chosen:
        st.caption(words.literal(f"The collection has no LoRA for {form.model.label} yet. Admins add them on LoRAs."))
        return
    for row in range(min(len(chosen) + 1, most)):
        _lora_row(form, chosen[row] if row < len(chosen) else None, row, offered)


def _lora_row(form: Form, wish: LoraWish | None, row: int, offered: Mapping[str, CollectedLora]) -> None:
    desk, own = form.desk, _lora_name(wish)
    name_key, weight_key = field_key(desk, f"lora-{row}"), field_key(desk, f"weight-{row}")

    def take() -> None:
        found = list(desk.draft.options.loras)
        picked, weight = st.session_state[name_key], st.session_state.get(weight_key)
        found[row : row + 1] = (
            []
            if not picked
            else [LoraWish(name=picked, weight=weight if picked == own else None)]
            if wish is None or wish.path is None or picked != own
            else [wish.model_copy(update={"weight": weight})]
        )
        desk.choices += 1
        wishes.choose(desk, loras=tuple(found))

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
    """Who may make an image instead, and for how much more: chosen beforehand, because nobody is asked then."""
    desk, own = form.desk, form.request.model
    options = desk.draft.options
    offered = {candidate.model: candidate for candidate in able if candidate.model != own}
    if not offered and not options.fallback:
        return
    key, extra_key = field_key(desk, "fallback"), field_key(desk, "extra")

    def take() -> None:
        names = tuple(st.session_state[key])
        prices = [offered[name].price_micros or 0 for name in names if name in offered]
        needed = -(-max([micros - price for micros in prices], default=0) // _CENT) * _CENT
        extra = max(options.max_extra_micros, needed, 0) if names else 0
        desk.choices += 1
        wishes.choose(desk, fallback=names, max_extra_micros=extra)

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
            min_value=0.0,
            max_value=100.0,
            value=options.max_extra_micros / MICROS_PER_USD,
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


def _lora_name(wish: LoraWish | None) -> str:
    return "" if wish is None else wish.name or wish.path or ""


def _lora_label(name: str, offered: Mapping[str, CollectedLora]) -> str:
    if not name:
        return "None"
    return f"{offered[name].label} ({name})" if name in offered else name


def style_field(desk: Desk, busy: bool) -> None:
    """The styles; every model takes them, as they become part of the prompt."""
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
    """The key of a field: it is drawn anew whenever something else than itself has changed what it shows."""
    return f"{name}-{desk.draft.draft_id}-{desk.choices}"


def _size_word(name: str) -> str:
    return "Another size" if name == OTHER else words.size(name)
