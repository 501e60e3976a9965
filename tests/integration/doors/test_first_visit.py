"""What a first visit loads: little, without a miss, and no white page where the theme is dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit

from tests.integration.doors.conftest import Server

STATIC = Path(streamlit.__file__).parent / "static" / "static"


def test_scripts_are_compressed_for_those_who_can_read_it(server: Server) -> None:
    with server.client(**server.enter("ann", "creator")) as ann:
        page = ann.get("/jobs").text
        (script,) = re.findall(r'<script type="module"[^>]*src="\.(/static/js/[^"]+)"', page)
        plain = ann.get(script, headers={"Accept-Encoding": "identity"})
        small = ann.get(script, headers={"Accept-Encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == plain.content
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert "immutable" in small.headers["cache-control"]


def test_scripts_say_our_words_to_everybody(server: Server) -> None:
    (file,) = (path for path in (STATIC / "js").glob("*.js") if "`Connection error`" in path.read_text())
    with server.client(**server.enter("ann", "creator")) as ann:
        scripts = [
            ann.get(f"/static/js/{file.name}", headers={"Accept-Encoding": encoding}).text
            for encoding in ("identity", "gzip", "br")
        ]
    assert len(set(scripts)) == 1
    assert "`Connection lost`" in scripts[0]


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/nowhere", "/nowhere/", "/index.html", "/robots.txt", "/imagesque"])
def test_an_address_that_is_no_page_is_not_found(server: Server, path: str) -> None:
    with server.client(**server.enter("ann", "creator")) as ann:
        answer = ann.get(path)
    assert answer.status_code == 404
    assert "There is no page at this address." in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize("path", ["/", "/jobs", "/audit", "/favicon.png", "/_stcore/health", "/image/docs"])
def test_an_address_that_is_there_is_found(server: Server, path: str) -> None:
    with server.client(**server.enter("ann", "creator")) as ann:
        assert ann.get(path).status_code == 200


def test_a_page_with_a_slash_behind_it_is_that_page(server: Server) -> None:
    with server.client(**server.enter("ann", "creator")) as ann:
        answer = ann.get("/jobs/")
    assert (answer.status_code, answer.headers["location"]) == (301, "/jobs")
