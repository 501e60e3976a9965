"""Who looks at a page of sections is offered what works for them, and reads names."""

from __future__ import annotations

import pytest

from imagegeneration.core.actor import Actor
from imagegeneration.core.roles import Role
from imagegeneration.dashboard.kit.rows import Action, Link, Row, Section, job_link
from imagegeneration.dashboard.readers import for_reader, people_in
from tests.unit.dashboard.samples import NOW

OWNERS = {"imgjob_mine": "usr_me", "imgjob_other": "usr_other"}


def sections(job: str) -> list[Section]:
    row = Row(
        key="1",
        lines=((f"By usr_other, {NOW}", "usr_gone did more"),),
        links=(job_link(job), Link("All", "audit")),
        actions=(
            Action("q", "Retry", {"what": "quote", "job_id": job}),
            Action("r", "Retry", {"what": "retry", "job_id": job}),
            Action("d", "Accept as lost", {"what": "decide"}),
        ),
    )
    return [Section("inbox", "Perhaps charged", (row,))]


def shown(job: str, *roles: Role) -> tuple[list[str], list[str]]:
    (section,) = for_reader(sections(job), Actor(user_id="usr_me", roles=roles), OWNERS, {})
    (row,) = section.rows
    return [link.label for link in row.links], [action.key for action in row.actions]


EVERYTHING = (["Open the job", "All"], ["q", "r", "d"])
DECISIONS = (["All"], ["d"])


@pytest.mark.parametrize(
    ("roles", "job", "expected"),
    [
        (("admin",), "imgjob_other", EVERYTHING),
        (("admin",), "imgjob_unknown", EVERYTHING),
        (("operator",), "imgjob_other", DECISIONS),
        (("operator",), "imgjob_mine", DECISIONS),
        (("operator", "creator"), "imgjob_other", DECISIONS),
        (("operator", "creator"), "imgjob_unknown", DECISIONS),
        (("operator", "creator"), "imgjob_mine", EVERYTHING),
        (("operator", "reviewer"), "imgjob_mine", (["Open the job", "All"], ["d"])),
        (("operator", "reviewer"), "imgjob_other", DECISIONS),
    ],
)
def test_what_would_answer_that_there_is_no_such_job_is_not_offered(
    roles: tuple[Role, ...], job: str, expected: tuple[list[str], list[str]]
) -> None:
    assert shown(job, *roles) == expected


def test_people_go_by_their_names() -> None:
    assert set(people_in(sections("imgjob_mine"))) == {"usr_other", "usr_gone"}
    (section,) = for_reader(sections("imgjob_mine"), Actor(user_id="usr_me"), OWNERS, {"usr_other": "Ann"})
    assert section.rows[0].lines == ((f"By Ann, {NOW}", "usr_gone did more"),)
