"""Links to what a job is for."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from imagegeneration.jobs.link import MAX_LINKS, Link, Links

LINKS: TypeAdapter[tuple[Link, ...]] = TypeAdapter(Links)


def test_a_link_is_read_as_it_is_written_and_its_id_may_have_colons() -> None:
    assert Link.read("article:42") == Link(type="article", id="42")
    assert Link.read("page:https://example.com/a:b") == Link(type="page", id="https://example.com/a:b")


@pytest.mark.parametrize("text", ["", "article", "article:", ":42", "Article:42", "article: 42", "article:4\n2"])
def test_any_other_text_is_no_link(text: str) -> None:
    with pytest.raises(ValidationError):
        Link.read(text)


def test_links_are_up_to_ten_different_ones() -> None:
    ten = [{"type": "article", "id": str(number)} for number in range(MAX_LINKS)]
    assert len(LINKS.validate_python(ten)) == MAX_LINKS
    for wrong in ([*ten, {"type": "campaign", "id": "1"}], [ten[0], ten[0]]):
        with pytest.raises(ValidationError):
            LINKS.validate_python(wrong)
    LINKS.validate_python([ten[0], ten[0] | {"type": "campaign"}])
