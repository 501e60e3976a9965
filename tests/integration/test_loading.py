"""A page that loads its content anew keeps in place what it shows."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from imagegeneration.bootstrap import Studio
from imagegeneration.dashboard.jobs.board import Wanted
from tests.integration.company import person
from tests.integration.window import Window

CONTENT = {
    "jobs": "studio_gallery",
    "people": "studio_sections",
    "keys": "studio_sections",
    "loras": "studio_sections",
    "audit": "studio_sections",
}
"""The component that shows what a page loads."""


@pytest.mark.parametrize("page", CONTENT)
def test_the_skeleton_is_below_what_is_shown(company: Studio, window: Window, page: str) -> None:
    window.sign_in(person(company, "ann", "admin"))
    window.open(page)
    assert window.order.index(CONTENT[page]) < window.order.index("empty"), "a skeleton leaves an empty element"


def test_jobs_that_were_just_loaded_are_not_loaded_again_to_look_more_or_less_often(
    company: Studio, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Mock(wraps=company.queries.page)
    monkeypatch.setattr(company.queries, "page", load)
    window.sign_in(person(company, "ann", "admin"))
    window.open("jobs")
    for loaded, so_far in ((f"{Wanted('All')} ", 1), (None, 2), (f"{Wanted('Done')} ", 3)):
        window.state["jobs-loaded"] = loaded
        window.draw()
        assert load.call_count == so_far, loaded
