"""The API keys page: the reader's own keys. A new one is shown once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from pydantic import ValidationError

from imagegeneration.core.errors import StudioError
from imagegeneration.core.roles import Permission
from imagegeneration.core.text import INTENT_MAX
from imagegeneration.dashboard.frame import acting, actor, errors_in_words, explain, loading, notice, studio
from imagegeneration.dashboard.keys.key_rows import example, key_sections
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.sections import Answers, Said, draw_sections
from imagegeneration.dashboard.web import asset
from imagegeneration.people.key import KeyBody

DAYS: Mapping[str, int | None] = {"30 days": 30, "90 days": 90, "1 year": 365, "Never": None}
_KEY, _ANSWERS, _NEW, _PROBLEM = "keys", "keys-answers", "keys-new", "keys-problem"
_SECRET = st.components.v2.component("studio_secret", **asset("secret"))


@errors_in_words()
def keys() -> None:
    """Draw the form for a new key, the reader's keys, and the new key in its dialog."""
    if not studio().settings.has_sign_in:
        notice("neutral", "Keys need sign-in.", _WITHOUT_SIGN_IN, key="no-sign-in")
        return
    answers: Answers = st.session_state.setdefault(_ANSWERS, Answers())
    _form()
    with loading(200) as place:
        own = studio().keys.of_actor(actor())
    sections = key_sections(own, datetime.now(UTC), studio().settings.key_confirmation_days)
    with place:
        draw_sections(sections, _revoke, key=_KEY, answer=answers.latest)
    made: str | None = st.session_state.get(_NEW)
    if made is not None:
        _show(made)


_WITHOUT_SIGN_IN = (
    "A key acts for a person, and nobody signs in to this studio: programs on this machine need no key, and no others "
    "are answered. To let people and their programs in, set SIGN_IN_PROVIDERS and PUBLIC_URL, and start it again."
)


def _form() -> None:
    with st.form("new-key", enter_to_submit=True):
        st.text_input("What the key is for", key="key-name", max_chars=INTENT_MAX, placeholder="Example: nightly job")
        st.text("What it may do")
        for permission in _own_permissions():
            name, about = words.PERMISSION_WORDS[permission]
            st.checkbox(f"{name}: {about}", key=_box(permission))
        st.radio("It expires after", list(DAYS), index=1, key="key-days", horizontal=True)
        st.form_submit_button("Make the key", type="primary", on_click=_make)
        problem: tuple[str, str] | None = st.session_state.pop(_PROBLEM, None)
        if problem is not None:
            notice("bad", *problem, key="key-problem")


def _own_permissions() -> list[Permission]:
    own = actor().permissions
    return [permission for permission in words.PERMISSION_WORDS if permission in own]


def _box(permission: Permission) -> str:
    return f"key-may-{permission}"


def _make() -> None:
    state = st.session_state
    try:
        wanted = KeyBody(
            name=state["key-name"] or "",
            scopes=tuple(permission for permission in words.PERMISSION_WORDS if state.get(_box(permission))),
            days=DAYS[state["key-days"]],
        )
        state[_NEW], _ = studio().keys.make(acting("signed-in"), wanted.name, wanted.scopes, wanted.days)
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["loc"][0]
        state[_PROBLEM] = (_WRONG_SCOPES if what == "scopes" else _WRONG_NAME, "")
    except StudioError as error:
        state[_PROBLEM] = explain(error)
    else:
        state["key-name"] = ""


_WRONG_SCOPES = "Choose at least one thing that the key may do."
_WRONG_NAME = f"Say what the key is for, in 1 to {INTENT_MAX} characters."


def _revoke(key: str, order: Mapping[str, Any]) -> None:
    try:
        studio().keys.revoke(acting("signed-in"), str(order.get("key_id")))
        said = Said("good", "The key is revoked.", "It is refused everywhere within seconds.")
    except StudioError as error:
        said = Said("bad", *explain(error))
    st.session_state.setdefault(_ANSWERS, Answers()).say(key, said)


def _forget() -> None:
    st.session_state.pop(_NEW, None)


@st.dialog("Your new key", width="medium", on_dismiss=_forget)
def _show(made: str) -> None:
    call = example(made, studio().settings.public_url or "")
    _SECRET(key="secret", data={"secret": made, "example": call})
    if st.button("I have kept it", type="primary"):
        _forget()
        st.rerun()
