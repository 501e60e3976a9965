"""No reader meets a sentence of Streamlit's that does not speak of the studio."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit
from streamlit.elements import exception
from streamlit.testing.v1 import AppTest

from imagegeneration.dashboard.wording import WORDS, in_our_words, use_our_words

SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"


@pytest.fixture(scope="module")
def scripts() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(SCRIPTS.glob("*.js")))


@pytest.mark.parametrize("theirs", WORDS)
def test_each_sentence_is_in_the_installed_version_once(scripts: str, theirs: str) -> None:
    assert scripts.count(theirs) == 1


def test_ours_take_their_places() -> None:
    assert in_our_words("say(`Connection error`)") == "say(`Connection lost`)"
    assert not [ours for ours in WORDS.values() if "Streamlit" in ours or len(ours.split(". ")[0].split()) > 12]


def test_what_a_page_does_not_catch_is_said_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "_GENERIC_UNCAUGHT_EXCEPTION_TEXT"
    monkeypatch.setattr(exception, name, getattr(exception, name))
    use_our_words()
    page = AppTest.from_string("raise ValueError('a secret')").run()
    assert page.exception[0].message.startswith("Something went wrong in the studio itself. Reload the page.")
