"""Users as rows, and what an admin's change makes of them. Pure; the texts are shown as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from imagegeneration.core.roles import PlanName, Role
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Action, Fact, Link, Row, Section, moment
from imagegeneration.people.person import Person
from imagegeneration.people.plan import PLANS


def people_section(
    people: Sequence[Person], providers: Mapping[str, str], balances: Mapping[str, int], searched: str
) -> Section:
    """Return the section of these users.

    `providers` are the labels of sign-in providers by issuer, `balances` the credits by user.
    """
    empty = f"Nobody has “{searched}” in their name or e-mail address." if searched else "Nobody has signed in yet."
    rows = tuple(
        _row(person, providers.get(person.issuer.rstrip("/"), person.issuer), balances.get(person.person_id))
        for person in people
    )
    return Section("people", "Who has signed in", rows, empty=empty)


def _row(person: Person, provider: str, left: int | None) -> Row:
    return Row(
        key=person.person_id,
        title=person.name,
        aside=person.email or "",
        pill=_state(person),
        facts=(
            *(_roles(person), _plan(person), _credits(left)),
            *(_provider(provider), _last_sign_in(person)),
        ),
        links=(
            Link("What they did", _record(who=person.person_id)),
            Link("What was changed about them", _record(subject=person.person_id)),
        ),
        actions=(
            Action(f"change {person.person_id}", "Change", {"what": "open", "person_id": person.person_id}),
            Action(f"credits {person.person_id}", "Credits", {"what": "credits", "person_id": person.person_id}),
        ),
    )


def _state(person: Person) -> tuple[str, words.Tone]:
    if person.is_disabled:
        return "Disabled", "bad"
    return ("May sign in", "good") if person.may_enter else ("No access", "neutral")


def _was_refused(person: Person) -> bool:
    """Return whether the last sign-in was refused because no rule gives a role."""
    return person.roles is None and not person.granted_roles


def _roles(person: Person) -> Fact:
    if _was_refused(person):
        return Fact("Roles", ("No role",), note="No rule of the configuration gives one. Set one to let them in.")
    note = "As configured" if person.roles is None else f"Set here; configured: {words.roles(person.granted_roles)}"
    return Fact("Roles", (words.roles(person.effective_roles),), note=note)


def _plan(person: Person) -> Fact:
    return Fact("Plan", (person.plan.capitalize(),), note=plan_words(person.plan))


def _credits(left: int | None) -> Fact:
    return Fact("Credits", ("Not metered" if left is None else words.plural(left, "credit") + " left",))


def plan_words(name: PlanName) -> str:
    """Return what a plan allows: `200 approvals an hour, 2,000 a day, 5 jobs at once`."""
    plan = PLANS[name]
    jobs = f"{words.plural(plan.jobs_at_once, 'job')} at once"
    if plan.an_hour is None or plan.a_day is None:
        return f"any number of approvals, {jobs}"
    return f"{plan.an_hour:,} approvals an hour, {plan.a_day:,} a day, {jobs}"


def _provider(provider: str) -> Fact:
    return Fact("Signs in with", (provider,))


def _last_sign_in(person: Person) -> Fact:
    label = "Refused" if _was_refused(person) else "Last sign-in"
    return Fact(label, (moment(person.signed_in_at),))


def _record(**filters: str) -> str:
    return f"audit?{urlencode(filters)}"


def access_words(granted: Sequence[Role], roles: Sequence[Role] | None, plan: PlanName, *, is_disabled: bool) -> str:
    """Return what a user may do, in one line; `granted` are the configured roles."""
    what = f"{words.roles(granted)}, as configured" if roles is None else words.roles(roles)
    enters = "may sign in" if (granted if roles is None else roles) else "no access"
    return f"{what} · plan {plan} · {'disabled' if is_disabled else enters}"


def confirm_words(person: Person, *, is_disabled: bool) -> str:
    """Return the label of the button that makes the change."""
    if is_disabled and not person.is_disabled:
        return "Disable, and sign out everywhere"
    return "Let in again" if person.is_disabled and not is_disabled else "Change"
