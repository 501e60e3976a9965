"""The LoRAs page: the style add-ons that users may choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from pydantic import ValidationError

from imagegeneration.core.errors import StudioError
from imagegeneration.core.text import INTENT_MAX
from imagegeneration.dashboard.frame import acting, actor, errors_in_words, explain, loading, notice, studio
from imagegeneration.dashboard.kit.pager import cursor, pager, to_first
from imagegeneration.dashboard.kit.sections import Answers, Said, draw_sections
from imagegeneration.dashboard.loras.lora_rows import lora_section
from imagegeneration.models.lora import DESCRIPTION_MAX, CollectedLora, LoraBody, LoraChanges

PER_PAGE = 20
_KEY, _OPEN, _ANSWERS = "loras", "loras-open", "loras-answers"
_NEW = "new"


@errors_in_words()
def loras() -> None:
    """Draw a page of LoRAs, and the form for the one that is added or edited."""
    answers: Answers = st.session_state.setdefault(_ANSWERS, Answers())
    searched = _search()
    with loading(320) as place:
        found = studio().loras.page(actor(), text=searched, after=cursor(), limit=PER_PAGE + 1)
    shown = found[:PER_PAGE]
    names = studio().people.names({lora.changed_by for lora in shown})
    with place:
        draw_sections([lora_section(shown, _takers(), names, searched)], _act, key=_KEY, answer=answers.latest)
        pager(shown[-1].name if len(found) > PER_PAGE else None, back="Before", on="Next")
    opened: CollectedLora | str | None = st.session_state.get(_OPEN)
    if isinstance(opened, CollectedLora):
        _edit_dialog(opened)
    elif opened == _NEW:
        _add_dialog(f"new-{answers.count}")


def _search() -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            type="search",
            max_chars=100,
            placeholder="Name, family or trigger word",
            label_visibility="collapsed",
            on_change=to_first,
        )
        st.button("Add a LoRA", type="primary", key="add-lora", on_click=_open, args=(_NEW,))
    return (typed or "").strip()


def _takers() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for model in studio().registry.catalog.image_models:
        if model.lora_family is not None:
            found.setdefault(model.lora_family, []).append(model.label)
    return found


def _open(what: CollectedLora | str) -> None:
    st.session_state[_OPEN] = what


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _act(key: str, order: Mapping[str, Any]) -> None:
    said = None
    try:
        who, name = acting("administer"), str(order.get("name"))
        if order.get("what") == "edit":
            _open(studio().loras.get(who, name))
        elif order.get("what") == "delete":
            studio().loras.delete(who, name)
            said = Said("good", f"{name} is deleted.", "Jobs that were approved with it stay as they are.")
        else:
            changes = LoraChanges(version=int(order.get("version", 0)), enabled=bool(order.get("enabled")))
            changed = studio().loras.change(who, name, changes)
            said = Said("good", f"{changed.label} is {'offered again' if changed.enabled else 'disabled'}.")
    except StudioError as error:
        said = Said("bad", *explain(error))
    if said is not None:
        st.session_state.setdefault(_ANSWERS, Answers()).say(key, said)


@st.dialog("Add a LoRA", width="medium", on_dismiss=_close)
def _add_dialog(key: str) -> None:
    """Draw an empty form; the next one has another key, so that it starts empty."""
    name = st.text_input(
        "Name",
        key=f"name {key}",
        max_chars=63,
        placeholder="ink-drawing",
        help="What requests call it; it never changes.",
    )
    facts = _fields(None, key)
    if st.button("Add it", type="primary", key="lora-confirm"):
        _confirm(
            lambda: studio().loras.add(acting("administer"), LoraBody.model_validate(facts | {"name": name or ""}))
        )


@st.dialog("Edit a LoRA", width="medium", on_dismiss=_close)
def _edit_dialog(lora: CollectedLora) -> None:
    """Draw the form of a LoRA as it was when the form was opened."""
    st.text(lora.name)
    facts = _fields(lora, f"{lora.name}-{lora.version}")
    if st.button("Save", type="primary", key="lora-confirm"):
        changes = facts | {"version": lora.version}
        _confirm(lambda: studio().loras.change(acting("administer"), lora.name, LoraChanges.model_validate(changes)))


def _fields(lora: CollectedLora | None, key: str) -> dict[str, Any]:
    """Draw the fields of a LoRA and return what is typed."""
    families = studio().loras.families
    label = st.text_input("Label", "" if lora is None else lora.label, key=f"label {key}", max_chars=INTENT_MAX)
    path = st.text_input(
        "Where it is",
        "" if lora is None else lora.path,
        key=f"path {key}",
        max_chars=500,
        placeholder="owner/name of Hugging Face, or the https address of a .safetensors file",
        help="It is sent to the provider, and never opened by the studio.",
    )
    family = st.selectbox(
        "Made for",
        families,
        index=families.index(lora.family) if lora is not None and lora.family in families else 0,
        format_func=lambda one: f"{one}: {', '.join(_takers().get(one, []))}",
        key=f"family {key}",
    )
    words = st.text_input(
        "Trigger words, separated by commas",
        "" if lora is None else ", ".join(lora.trigger_words),
        key=f"words {key}",
        help="What a prompt has to say for it to have an effect. Nobody but a person puts them there.",
    )
    usual = 1.0 if lora is None else lora.default_weight
    weight = st.slider("Usual weight", 0.0, 2.0, usual, step=0.05, key=f"weight {key}")
    described = "" if lora is None else lora.description
    description = st.text_area("Description", described, key=f"description {key}", max_chars=DESCRIPTION_MAX, height=80)
    return {
        "label": label or "",
        "path": (path or "").strip(),
        "family": family,
        "trigger_words": [word.strip() for word in (words or "").split(",") if word.strip()],
        "default_weight": weight,
        "description": (description or "").strip(),
    }


def _confirm(change: Callable[[], CollectedLora]) -> None:
    try:
        lora = change()
    except ValidationError as error:
        notice("bad", *_wrong(error), key="lora-problem")
        return
    except StudioError as error:
        notice("bad", *explain(error), key="lora-problem", code=error.code)
        return
    _close()
    st.session_state.setdefault(_ANSWERS, Answers()).say("", Said("good", f"{lora.label} is saved."))
    st.rerun()


_FIELDS = {
    "name": "Name: 1 to 63 lower-case letters, digits and dashes",
    "label": f"Label: 1 to {INTENT_MAX} characters",
    "path": "The studio does not take it from there",
    "triggerWords": "Trigger words: at most ten of 100 characters",
    "description": f"Description: at most {DESCRIPTION_MAX:,} characters",
}


def _wrong(error: ValidationError) -> tuple[str, str]:
    """Return which field is wrong, and what is wrong with it unless the field makes that plain."""
    wrong = error.errors(include_url=False, include_input=False)[0]
    field = str(wrong["loc"][0])
    why = wrong["msg"].removeprefix("Value error, ") if field == "path" and wrong["type"] == "value_error" else ""
    return f"{_FIELDS.get(field, field)}.", f"It {why}." if why else ""
