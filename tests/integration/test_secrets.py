"""Canaries: every secret, configured or met on the way, is looked for in everything that the studio says or keeps."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image
from pymongo import MongoClient
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio
from imagegeneration.core import redaction
from imagegeneration.core.logs import redacted_record
from imagegeneration.dashboard import frame
from imagegeneration.dashboard.jobs.record import record
from imagegeneration.jobs.job import Job
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from imagegeneration.settings import Settings
from tests.integration import test_sign_in as signing_in
from tests.support import serving, wait_until

ROOT = Path(__file__).parents[2]
PASSWORD = "c4n4ry/of the d@tabase"
CONFIGURED = {
    "OPENAI_API_KEY": "a-key-of-no-known-shape-c4n4ry",
    "R2_SECRET_ACCESS_KEY": "c4n4ry-of-the-bucket",
    "APPROVAL_KEYS": "c4n4ry-that-seals-what-was-approved",
    "client secret": "c4n4ry-of-the-provider",
    "password": PASSWORD,
    "password in a URI": "c4n4ry%2Fof%20the%20d%40tabase",
}
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjNG40cnkifQ.c4n4rysignature"
UNKNOWN_KEY = "isk_" + "C4N4RY77" * 5
OLD_LOGIN = "c4n4ry-of-a-login-that-is-over"
COMMANDS = {
    "api": ["uvicorn", "--factory", "imagegeneration.api.app:create_api", "--log-level", "debug"],
    "runner": ["imagegeneration.runner"],
    "audit": ["imagegeneration.audit", "verify"],
}

issuer = signing_in.issuer


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1024, 1024)).save(buffer, "PNG")
    return buffer.getvalue()


class _Repeating(BaseHTTPRequestHandler):
    """A provider and a bucket that refuse, and repeat in their answer everything that they were sent."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "good" in sent:
            image = base64.b64encode(_png()).decode()
            self._answer(200, {"data": [{"b64_json": image}], "usage": None})
        else:
            self._answer(401, {"error": {"message": f"Incorrect key: {self.headers!s}", "code": "invalid_api_key"}})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(503, {"you sent": str(self.headers)})

    def do_HEAD(self) -> None:
        self._answer(503, {})

    def do_GET(self) -> None:
        self._answer(503, {})

    def _answer(self, status: int, payload: object) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing."""


@pytest.fixture
def repeating() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Repeating) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def uri(mongod: Part) -> Iterator[str]:
    """The database as a user with a password sees it."""
    plain = mongod.provides["MONGODB_URI"]
    with MongoClient[dict[str, Any]](plain) as client:
        client.admin.command("createUser", "canary", pwd=PASSWORD, roles=["root"])
        yield plain.replace("mongodb://", f"mongodb://canary:{CONFIGURED['password in a URI']}@")
        client.admin.command("dropUser", "canary")


@pytest.fixture
def environment(settings: Settings, uri: str, repeating: str, issuer: str, tmp_path: Path) -> dict[str, str]:
    """Every secret is configured; the database and the identity provider are real ones."""
    provider = {
        "name": "idp",
        "label": "Example",
        "issuer": issuer,
        "clientId": "studio",
        "clientSecret": CONFIGURED["client secret"],
        "roles": {"admin": ["ann@example.com"]},
    }
    return {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "MONGODB_URI": uri,
        "MONGODB_DATABASE": settings.mongodb_database,
        "APPROVAL_KEYS": CONFIGURED["APPROVAL_KEYS"],
        "OPENAI_API_KEY": CONFIGURED["OPENAI_API_KEY"],
        "OPENAI_BASE_URL": f"{repeating}/v1",
        "R2_ENDPOINT_URL": repeating,
        "R2_ACCESS_KEY_ID": "studio",
        "R2_SECRET_ACCESS_KEY": CONFIGURED["R2_SECRET_ACCESS_KEY"],
        "CDN_BASE_URL": repeating,
        "SIGN_IN_PROVIDERS": json.dumps([provider]),
        "DATA_DIR": str(tmp_path / "data"),
        "MODERATION_POLICY": "flag",
    }


class Said:
    """Everything that was said, and the secrets that must not be in it."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.secrets = {*CONFIGURED.values(), JWT, UNKNOWN_KEY, OLD_LOGIN}

    def keep(self, what: str, text: object) -> None:
        self.texts[f"{len(self.texts)} {what}"] = str(text)

    def require_silence(self) -> None:
        leaks = [
            (what, secret) for what, text in self.texts.items() for secret in self.secrets if secret and secret in text
        ]
        assert leaks == []


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def api(
    environment: dict[str, str], servers_dir: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> Iterator[str]:
    """The API and a runner as processes of their own; what they print is kept."""
    port = servers_dir.port("api-with-canaries")
    for name, value in (environment | {"PUBLIC_URL": f"http://127.0.0.1:{port}"}).items():
        monkeypatch.setenv(name, value)
    api_command = [sys.executable, "-m", *COMMANDS["api"], "--port", str(port)]
    part = Part("api", api_command, port, provides={}, prepare=lambda _: None)
    runner = Process("runner", [sys.executable, "-m", *COMMANDS["runner"]], os.environ, Log(tmp_path / "runner.log"))
    runner.start()
    try:
        with serving(part, tmp_path, seconds=60):
            yield f"http://127.0.0.1:{port}"
    finally:
        runner.kill()


def sign_in(browser: httpx.Client, said: Said) -> None:
    """By way of the provider; what is secret of it is kept."""
    sent = browser.post("/auth/begin/idp", data={"next": "/"}, headers={"Origin": str(browser.base_url)})
    back = signing_in.from_provider(str(sent.headers["location"]), "ann")
    query = parse_qs(urlsplit(back).query)
    entered = browser.get(back)
    assert entered.status_code == 303, entered.text
    said.keep("callback", entered.text + str(entered.headers["location"]))
    said.keep("callback again", browser.get(back).text)
    said.secrets |= {query["code"][0], query["state"][0], browser.cookies["studio_login"]}


def test_no_secret_leaves_a_running_studio(
    api: str, said: Said, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    with httpx.Client(base_url=api, trust_env=False, timeout=20) as browser:
        for headers in (
            {"Authorization": f"Bearer {UNKNOWN_KEY}"},
            {"Authorization": f"Bearer {JWT}"},
            {"Cookie": f"studio_login={OLD_LOGIN}"},
        ):
            said.keep("refused", browser.get("/image/me", headers=headers).text)
        sign_in(browser, said)
        key = browser.post("/image/keys", json={"name": "a script", "scopes": ["look"]}).json()["key"]
        said.secrets.add(key)
        said.keep("by key", httpx.get(f"{api}/image/me", headers={"Authorization": f"Bearer {key}"}).text)
        refused = browser.post("/image/enhance-prompt", json={"intent": "a card", "prompt": "a kite"})
        assert (refused.status_code, "Incorrect key" in refused.text) == (502, True)
        said.keep("enhance", refused.text)
        good = _approve(browser, "a good kite")
        wait_until(lambda: "waits for storage" in (tmp_path / "runner.log").read_text(), "the bucket refused")
        bad = _approve(browser, "a bad kite")
        wait_until(lambda: _status(browser, bad) == "FAILED", "the provider refused")
        jobs = (good, bad)
        for path in (
            *(f"/image/jobs/{job}" for job in jobs),
            "/image/operations",
            "/image/audit",
            "/image/health/ready",
        ):
            said.keep(path, browser.get(path).text)
        said.keep("the page's record", [record(_model(database, job), [], None) for job in jobs])
    for name in database.list_collection_names():
        said.keep(name, list(database[name].find({})))
    for log in ("api.log", "runner.log"):
        said.keep(log, (tmp_path / log).read_text())
    assert "Incorrect key" in str(said.texts)
    assert "/auth/callback/idp?[hidden]" in (tmp_path / "api.log").read_text(), "the access log is on"
    said.require_silence()


def _approve(browser: httpx.Client, prompt: str) -> str:
    sent = {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": prompt}
    return str(browser.post("/image/execute-prompt", json=sent).raise_for_status().json()["jobId"])


def _status(browser: httpx.Client, job_id: str) -> str:
    return str(browser.get(f"/image/job-status/{job_id}").json()["status"])


def _model(database: Database[dict[str, Any]], job_id: str) -> Job:
    return Job.model_validate(database.jobs.find_one({"jobId": job_id}, {"_id": False}))


def away(environment: dict[str, str]) -> dict[str, str]:
    return {"MONGODB_URI": "mongodb://canary:c4n4ry%2Fof%20the%20d%40tabase@127.0.0.1:9/?serverSelectionTimeoutMS=200"}


def wrong_password(environment: dict[str, str]) -> dict[str, str]:
    uri = environment["MONGODB_URI"].replace("c4n4ry", "c4n4ry-that-is-wrong")
    return {"MONGODB_URI": uri, "OPENAI_BASE_URL": f"http://me:{CONFIGURED['OPENAI_API_KEY']}@127.0.0.1:9"}


def malformed_uri(environment: dict[str, str]) -> dict[str, str]:
    return {"MONGODB_URI": "mongodb://user:12/c4n4ry%2Fof%20the%20d%40tabase c4n4ry-of-the-bucket@localhost"}


def malformed_json(environment: dict[str, str]) -> dict[str, str]:
    return {"SIGN_IN_PROVIDERS": environment["SIGN_IN_PROVIDERS"][:-1]}


def wrong_bucket(environment: dict[str, str]) -> dict[str, str]:
    return {"R2_ENDPOINT_URL": f"http://me:{CONFIGURED['R2_SECRET_ACCESS_KEY']}@no_host!"}


@pytest.mark.parametrize("trouble", [away, wrong_password, malformed_uri, malformed_json, wrong_bucket])
def test_no_secret_is_in_what_a_process_says_that_cannot_start(
    environment: dict[str, str], said: Said, tmp_path: Path, trouble: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    wrong = environment | {"PUBLIC_URL": "http://127.0.0.1:9"} | trouble(environment)
    said.secrets |= {"c4n4ry-that-is-wrong"}
    for name in ("runner", "audit") if trouble is not wrong_bucket else ("runner",):
        ended = subprocess.run(
            [sys.executable, "-m", *COMMANDS[name]],
            cwd=tmp_path,
            env=os.environ | wrong,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode != 0
        assert ended.stderr
        said.keep(name, ended.stdout + ended.stderr)
    said.require_silence()


@pytest.fixture
def _redacted_records(monkeypatch: pytest.MonkeyPatch, said: Said) -> Iterator[None]:
    """Records are made as in a process of the studio that has read its settings."""
    monkeypatch.setattr(redaction, "_values", set(CONFIGURED.values()))
    made_before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(redacted_record)
    yield
    logging.setLogRecordFactory(made_before)


@pytest.mark.usefixtures("_redacted_records")
def test_an_unforeseen_error_takes_no_secret_along(
    studio: Studio, said: Said, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        texts = (f"Cookie: studio_login={OLD_LOGIN}\n" if secret == OLD_LOGIN else secret for secret in said.secrets)
        raise RuntimeError(" ".join(texts))

    monkeypatch.setattr(studio.queries, "get", fail)
    monkeypatch.setattr(frame, "_NOTICE", lambda key, data: said.keep("page", data))
    program = TestClient(build_asgi(lambda: studio), base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = program.get("/image/job-status/imgjob_1")
    assert answer.status_code == 500
    said.keep("answer", answer.text)
    with frame.errors_in_words():
        fail()
    said.keep("log", caplog.text)
    assert caplog.text.count("RuntimeError: ") == 2
    assert len(said.texts) == 3
    said.require_silence()
