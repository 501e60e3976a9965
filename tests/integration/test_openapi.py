"""The OpenAPI document is what is served, and no bad request is a fault of ours."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio
from imagegeneration.local.datadir import DataDir
from tests.integration.conftest import listening

pytestmark = pytest.mark.timeout(600)  # every operation is fuzzed, which a busy machine does in minutes

BAD_REQUESTS = [1_000, pytest.param(10_000, marks=pytest.mark.long)]
FORMS = [("examples,fuzzing", 3), pytest.param(("examples,coverage,fuzzing", 40), marks=pytest.mark.long)]
"""Phases and examples of each operation; the long form covers each field."""


@pytest.fixture
def server(studio: Studio, servers_dir: DataDir) -> Iterator[str]:
    """The API behind a real HTTP server; the base URL."""
    port = servers_dir.port("api")
    with listening(studio, port):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("form", FORMS)
def test_what_is_served_is_what_is_documented(server: str, tmp_path: Path, form: tuple[str, int]) -> None:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server}/image/openapi.json"),
        *("--checks", "all", "--mode", "all", "--phases", form[0]),
        *("--max-examples", str(form[1]), "--seed", "20261121", "--no-color"),
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.integration.openapi_hooks",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    described = httpx.get(f"{server}/image/openapi.json", trust_env=False).json()["paths"]
    operations = sum(len(path) for path in described.values())
    assert f"{operations}/{operations}" in result.stdout, "every operation is tested"


class BadRequests:
    """Requests that were good until something was done to them; the same for the same seed."""

    GOOD: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
        ("POST", "/image/enhance-prompt", {"intent": "a card", "prompt": "a kite"}),
        ("POST", "/image/execute-prompt", {"intent": "a", "rawPrompt": "b", "finalPrompt": "c", "imageCount": 2}),
        ("POST", "/image/jobs/imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV/retry", {"acceptMicros": 1}),
        ("POST", "/image/jobs/imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV/run-again", {"acceptMicros": 1}),
        ("POST", "/image/jobs/imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel", None),
        ("GET", "/image/job-status/imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV", None),
        ("GET", "/image/jobs/imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV", None),
        ("GET", "/image/job-list", None),
    )
    VALUES: tuple[Any, ...] = (
        *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308, "", " ", "\x00", "\x1b[0m"),
        *("\ud800", "\u202e", "x" * 4001, "x" * 201, "\n" * 50, "$where", "{{7*7}}", "../../etc/passwd", "%00", "NaN"),
        *([], [[]], {}, {"$ne": None}, {"$gt": ""}, ["a"], {"a": {"a": {"a": 1}}}, "'; drop table jobs; --"),
    )
    BODIES: tuple[bytes, ...] = (
        *(b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b"{}" * 9, b"[" * 20_000, b'{"a":' * 5_000, b"\xef\xbb\xbf{}"),
        *(b'{"imageCount": NaN}', b'{"imageCount": Infinity}', b'{"intent": "\\ud800"}', b"a=1&b=2", b"<xml/>"),
    )
    QUERIES: tuple[str, ...] = (
        *("limit=-1", "limit=1e3", "limit=", "limit=999999999999999999999", "cursor=%00", "cursor=..", "status[]=DONE"),
        *(
            "status=done",
            "limit=1&limit=x",
            "cursor=99999999999999.imgjob_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "&&&=",
            "%ff=%ff",
        ),
    )
    HEADERS: tuple[tuple[str, str], ...] = (
        *(("idempotency-key", ""), ("idempotency-key", "x" * 300), ("idempotency-key", "\x80"), ("content-type", "")),
        *(("content-type", "text/html"), ("content-type", "application/json; charset=utf-16"), ("origin", "null")),
        *(("host", "evil.example"), ("host", "[::1"), ("origin", "http://["), ("x-request-id", "\xff" * 99)),
        *(("content-encoding", "gzip"), ("accept", "image/png"), ("range", "bytes=0-1"), ("expect", "nothing")),
    )

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def next(self) -> httpx.Request:
        """One request with one to three things wrong with it."""
        method, path, body = self._random.choice(self.GOOD)
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if body is not None else {}
        query = ""
        for _ in range(self._random.randint(1, 3)):
            match self._random.randrange(6):
                case 0 if body is not None:
                    content = self._spoilt(body)
                case 1:
                    content = self._random.choice(self.BODIES)
                case 2:
                    query = "?" + self._random.choice(self.QUERIES)
                case 3:
                    name, value = self._random.choice(self.HEADERS)
                    headers[name] = value
                case 4:
                    method = self._random.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
                case _:
                    path = self._elsewhere(path)
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return httpx.Request(method, f"http://127.0.0.1{path}{query}", headers=encoded, content=content)

    def _spoilt(self, body: dict[str, Any]) -> bytes:
        spoilt = dict(body)
        name = self._random.choice([*body, "extra", "$set"])
        if self._random.random() < 0.2:
            spoilt.pop(name, None)
        else:
            spoilt[name] = self._random.choice(self.VALUES)
        return json.dumps(spoilt).encode()

    def _elsewhere(self, path: str) -> str:
        junk = self._random.choice(["/", "//", "/..", "%00", "%0a", "%ff", "/x", "?", "%2e%2e/", "\u00e9", "." * 3000])
        return path + junk


@pytest.mark.parametrize("count", BAD_REQUESTS)
def test_bad_requests_give_no_5xx_and_change_nothing(
    server: str, database: Database[dict[str, Any]], count: int
) -> None:
    requests, accepted, statuses = BadRequests(seed=20261121), 0, set[int]()
    with httpx.Client(base_url=server, timeout=30) as client:
        for number in range(count):
            request = requests.next()
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=client.base_url.port)
            response = client.send(request)
            statuses.add(response.status_code)
            shown = f"request {number}: {request.method} {request.url} {request.headers} {request.content[:300]!r}"
            assert response.status_code < 500, shown + response.text
            if response.status_code >= 400 and request.url.path.startswith("/image"):
                assert response.headers["content-type"] == "application/json", shown + response.text
                assert set(response.json()["error"]) == {"code", "message", "resolution", "requestId"}, shown
            accepted += response.status_code == 202
    assert {404, 405, 413, 415, 422} - {413} <= statuses
    assert database.jobs.count_documents({}) == accepted
    assert database.images.count_documents({}) == 0
