"""The People page: who has signed in, and what an admin allows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic import TypeAdapter, ValidationError

from imagegeneration.core.errors import StudioError
from imagegeneration.core.roles import ROLES, PlanName, Role
from imagegeneration.core.text import Reason
from imagegeneration.dashboard.frame import acting, actor, errors_in_words, explain, loading, notice, studio
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.pager import cursor, pager, to_first
from imagegeneration.dashboard.kit.sections import Answers, Said, draw_sections
from imagegeneration.dashboard.people.persons import access_words, confirm_words, people_section, plan_words
from imagegeneration.money.credit import MAX_GRANT
from imagegeneration.people.person import Person
from imagegeneration.people.plan import PLANS

PER_PAGE = 20
_KEY, _OPEN, _METERED, _ANSWERS = "people", "people-open", "people-metered", "people-answers"
_REASON: TypeAdapter[str] = TypeAdapter(Reason)


@errors_in_words()
def people() -> None:
    """Draw a page of users, and the dialog of the one that is open."""
    if not studio().settings.has_sign_in:
        notice("neutral", "Sign-in is not set up.", _WITHOUT_SIGN_IN, key="no-sign-in")
        return
    answers: Answers = st.session_state.setdefault(_ANSWERS, Answers())
    searched = _search()
    with loading(320) as place:
        found = studio().people.page(cursor(), PER_PAGE + 1, searched)
    shown = found[:PER_PAGE]
    balances = studio().credits.balances([person.person_id for person in shown])
    section = people_section(shown, _providers(), balances, searched)
    with place:
        draw_sections([section], _act, key=_KEY, answer=answers.latest)
        pager(shown[-1].person_id if len(found) > PER_PAGE else None, back="Before", on="Next")
    opened: Person | None = st.session_state.get(_OPEN)
    if opened is not None:
        _dialog(opened)
    metered: Person | None = st.session_state.get(_METERED)
    if metered is not None:
        _credits_dialog(metered)


_WITHOUT_SIGN_IN = (
    "There is one local admin, and only this machine is answered. To let people in, set SIGN_IN_PROVIDERS (OpenID "
    "providers, and who gets which role) and PUBLIC_URL (the studio's own address), and start the studio again; "
    "README.md and .env.example have examples. Everybody who signs in then appears here."
)


def _search() -> str:
    typed = st.text_input(
        "Search",
        key="search",
        bind="query-params",
        type="search",
        max_chars=100,
        placeholder="Name or e-mail address",
        label_visibility="collapsed",
        on_change=to_first,
    )
    return (typed or "").strip()


def _providers() -> Mapping[str, str]:
    return {str(one.issuer).rstrip("/"): one.label for one in studio().settings.sign_in_providers}


def _act(key: str, order: Mapping[str, Any]) -> None:
    try:
        acting("administer")
        _close()
        target = _METERED if order.get("what") == "credits" else _OPEN
        st.session_state[target] = studio().people.get(str(order.get("person_id")))
    except StudioError as error:
        st.session_state.setdefault(_ANSWERS, Answers()).say(key, Said("bad", *explain(error)))


def _close() -> None:
    st.session_state.pop(_OPEN, None)
    st.session_state.pop(_METERED, None)


@st.dialog("What this person may do", width="medium", on_dismiss=_close)
def _dialog(person: Person) -> None:
    """Draw the dialog of a user as they were when it was opened: before, after, and the reason."""
    key = f"{person.person_id}-{person.version}"
    st.text(" · ".join(part for part in (person.name, person.email) if part))
    roles = _choose_roles(person, key)
    plans = list(PLANS)
    plan = st.selectbox(
        "Plan",
        plans,
        index=plans.index(person.plan),
        format_func=lambda name: f"{name.capitalize()}: {plan_words(name)}",
        key=f"plan {key}",
    )
    is_own = person.person_id == actor().user_id  # admins cannot take away their own administration
    is_disabled = not st.toggle("Enabled", value=not person.is_disabled, key=f"let-in {key}", disabled=is_own)
    reason = st.text_input("Why, for the record", key=f"reason {key}", max_chars=500)
    before = access_words(person.granted_roles, person.roles, person.plan, is_disabled=person.is_disabled)
    after = access_words(person.granted_roles, roles, plan, is_disabled=is_disabled)
    with st.container(border=True, gap="small"):
        st.text(f"Before: {before}")
        st.text(f"After: {after}")
    label = confirm_words(person, is_disabled=is_disabled)
    if st.button(label, type="primary", key="confirm", disabled=before == after):
        _confirm(person, roles, plan, is_disabled=is_disabled, reason=reason or "")


def _choose_roles(person: Person, key: str) -> Sequence[Role] | None:
    """Draw the roles and return those that are set here, or None for those of the configuration."""
    configured = words.roles(person.granted_roles)
    choices = {"configured": f"As configured: {configured}", "here": "Set here"}
    start = 0 if person.roles is None else 1
    chosen = st.radio("Roles", list(choices), index=start, format_func=choices.get, key=f"roles {key}")
    if chosen == "configured":
        return None
    picked = []
    for role in ROLES:
        name, about = words.ROLE_WORDS[role]
        has, is_kept = role in person.effective_roles, role == "admin" and person.person_id == actor().user_id
        if st.checkbox(f"{name}: {about}", value=has, key=f"role {role} {key}", disabled=has and is_kept):
            picked.append(role)
    return tuple(picked)


def _confirm(person: Person, roles: Sequence[Role] | None, plan: PlanName, *, is_disabled: bool, reason: str) -> None:
    try:
        studio().people.change(
            acting("administer"),
            person.person_id,
            version=person.version,
            roles=roles,
            is_disabled=is_disabled,
            plan=plan,
            reason=_REASON.validate_python(reason),
        )
    except ValidationError:
        notice("bad", "Write down why, in 1 to 500 characters.", key="person-problem")
        return
    except StudioError as error:
        notice("bad", *explain(error), key="person-problem", code=error.code)
        return
    _done(Said("good", f"{person.name}: changed.", "It works on their open pages within a minute."))


@st.dialog("Credits", width="small", on_dismiss=_close)
def _credits_dialog(person: Person) -> None:
    """Draw how many credits are left, and how many are granted or taken back."""
    left = studio().credits.balance(person.person_id)
    st.text(person.name)
    if left is None:
        st.caption("Not metered so far. From the first grant on, approvals cost credits as well as money.")
    amount = int(
        st.number_input("Grant (below zero: take back)", value=10, min_value=-MAX_GRANT, max_value=MAX_GRANT, step=1)
    )
    reason = st.text_input("Why, for the record", key=f"grant-reason {person.person_id}", max_chars=500)
    with st.container(border=True, gap="small"):
        st.text(f"Before: {'not metered' if left is None else words.plural(left, 'credit')}")
        st.text(f"After: {words.plural((left or 0) + amount, 'credit')}")
    if st.button("Grant" if amount >= 0 else "Take back", type="primary", key="grant", disabled=amount == 0):
        _grant(person, amount, reason or "")


def _grant(person: Person, amount: int, reason: str) -> None:
    try:
        balance = studio().credits.grant(
            acting("administer"), person.person_id, amount, _REASON.validate_python(reason)
        )
    except ValidationError:
        notice("bad", "Write down why, in 1 to 500 characters.", key="grant-problem")
        return
    except StudioError as error:
        notice("bad", *explain(error), key="grant-problem", code=error.code)
        return
    _done(Said("good", f"{person.name}: {words.plural(balance.credits, 'credit')} now.", ""))


def _done(said: Said) -> None:
    _close()
    st.session_state[_ANSWERS].say("", said)
    st.rerun()
