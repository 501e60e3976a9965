"""What a provider said, as it may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.provider import brief

FILE = "https://v3b.fal.media/files/b/koala/x_1.png?sig=1#top"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Could not fetch {FILE}.", "Could not fetch https://v3b.fal.media/... "),
        (f'{{"url": "{FILE}"}}', '{"url": "https://v3b.fal.media/..."}'),
        (f"<{FILE}> and HTTP://u:p@h:8/x", "<https://v3b.fal.media/...> and HTTP://[hidden]@h:8/..."),
        ("See https://fal.ai or nothing.", "See https://fal.ai or nothing."),
    ],
)
def test_nobody_is_handed_the_address_of_a_providers_file(said: str, shown: str) -> None:
    assert brief(said) == shown.strip()


@given(st.text(), st.text())
def test_whatever_stands_around_it(before: str, after: str) -> None:
    assert "koala" not in brief(f"{before} {FILE}{after}")


def test_what_is_said_at_length_is_cut_and_nothing_is_told_in_words() -> None:
    assert len(brief("x" * 5_000)) == 300
    assert brief("\x00\n") == brief("") == "no reason given"
