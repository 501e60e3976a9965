"""What a first visit loads: little, without a miss, and no white page where the theme is dark."""

from __future__ import annotations

import re

from tests.integration.doors.conftest import Server


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
