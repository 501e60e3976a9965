"""The events of a job: written with what they tell of, told in order, and told again to whoever comes back."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api import events as api_events
from imagegeneration.api import gate
from imagegeneration.api.app import build_asgi
from imagegeneration.api.protocol import TimedProtocol
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import DatabaseDown, OverBudget
from imagegeneration.jobs.event import JobEvent
from imagegeneration.jobs.event_store import KEPT_SECONDS, EventStore
from imagegeneration.jobs.feed import JobUpdates
from imagegeneration.jobs.job import Job
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.people import logins
from imagegeneration.people.person import LOGIN_COOKIE
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.task import ImageTask
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.company import execute, person, signed_in
from tests.integration.conftest import approve, claim, listening, one_round, run_to_the_end
from tests.support import wait_until

ALL = ["queued", "started", "generated", "image", "completed"]


@pytest.fixture
def server(studio: Studio, servers_dir: DataDir) -> Iterator[str]:
    """The API behind a real HTTP server; the base URL."""
    port = servers_dir.port("api")
    with listening(studio, port):
        yield f"http://127.0.0.1:{port}"


class Listener:
    """Somebody who listens to a job on a thread, until the stream ends."""

    def __init__(self, url: str, job_id: str, headers: Mapping[str, str] | None = None) -> None:
        self.heard: list[dict[str, str]] = []
        self.comments = 0
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
        self.job_id = job_id
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    @property
    def types(self) -> list[str]:
        """The events in the order in which they came; without the estimates."""
        return [one["event"] for one in self.heard if "id" in one]

    def join(self, seconds: float) -> None:
        """Wait for the end of the stream, for so long."""
        self._thread.join(seconds)

    @property
    def is_connected(self) -> bool:
        return bool(self.heard)

    def _listen(self) -> None:
        with self._client, self._client.stream("GET", f"/image/job-events/{self.job_id}") as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["cache-control"] == "no-store"
            for block in blocks(answer.iter_lines()):
                self.heard.append(block)


def blocks(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Each message as a mapping of its fields."""
    block: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in block:
                yield block
            block = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            block[name] = value


def told(answer: Any) -> list[tuple[int, str]]:
    """The numbers and types of a stream that has ended."""
    assert answer.status_code == 200, answer.text
    return [(int(one["id"]), one["event"]) for one in blocks(iter(answer.text.splitlines())) if "id" in one]


def stored(database: Database[dict[str, Any]], job: Job) -> list[dict[str, Any]]:
    return list(database.events.find({"jobId": job.job_id}).sort("eventId"))


def test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says(
    studio: Studio, worker: Worker, database: Database[dict[str, Any]]
) -> None:
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    found = stored(database, job)
    assert [event["type"] for event in found] == ALL
    assert [event["eventId"] for event in found] == [1, 2, 3, 4, 5]
    assert job.last_event == 5
    assert {event["userId"] for event in found} == {"local"}
    assert found[3]["url"] == job.cdn_urls[0]
    indexes = database.events.index_information()
    assert indexes["createdAt_1"]["expireAfterSeconds"] == KEPT_SECONDS == 7 * 24 * 3600
    assert indexes["jobId_1_eventId_1"]["unique"] is True


def test_the_one_way_door_is_passed_with_its_event(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio, image_count=2)
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, ImageTask(0, "att_1"))
    assert [event["type"] for event in stored(database, job)] == ["queued", "started"]
    assert not runner.door.enter(job, ImageTask(0, "att_2"))
    assert runner.door.enter(job, ImageTask(1, "att_3")), "the job as it was read, before its other image had an event"
    events = studio.feed.updates_since(LOCAL, job.job_id, 1).events
    assert [(event.event_id, event.attempt_id) for event in events] == [(2, "att_1"), (3, "att_3")]
    assert studio.queries.get(LOCAL, job.job_id).last_event == 3


def test_a_change_whose_events_cannot_be_written_does_not_happen(
    studio: Studio, runner: RunnerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(studio, image_count=2)
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, ImageTask(0, "att_1"))
    answer = runner.calls.make(job, ImageTask(0, "att_1"))

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(EventStore, "append", broken)
        with pytest.raises(RuntimeError):
            runner.intake.receive(job, ImageTask(0, "att_1"), answer)
        with pytest.raises(RuntimeError):
            runner.door.enter(job, ImageTask(1, "att_2"))
    unchanged = studio.queries.get(LOCAL, job.job_id)
    assert [image.state for image in unchanged.images] == ["CALLING", "HELD"]
    assert [event.type for event in studio.feed.updates_since(LOCAL, job.job_id, 0).events] == ["queued", "started"]


def test_a_cursor_that_is_past_later_events_comes_to_one_that_is_committed_late(
    studio: Studio, database: Database[dict[str, Any]]
) -> None:
    """The change stream keeps the order of commit, so that its resume token is a cursor over all events."""
    event = studio._stores.events.of_job(approve(studio).job_id, 0, 1)[0]
    early, late = (event.model_copy(update={"job_id": f"imgjob_{name}"}) for name in ("early", "late"))
    client = database.client
    with database.events.watch() as stream, client.start_session() as first, client.start_session() as second:
        first.start_transaction()
        database.events.insert_one(late.document(), session=first)
        second.start_transaction()
        database.events.insert_one(early.document(), session=second)
        second.commit_transaction()
        assert next(stream)["fullDocument"]["jobId"] == early.job_id
        cursor = stream.resume_token
        first.commit_transaction()
    with database.events.watch(resume_after=cursor) as again:
        assert next(again)["fullDocument"]["jobId"] == late.job_id


def test_a_change_that_is_given_up_is_not_told_of(
    settings: Settings, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    with closing(build_studio(settings.model_copy(update={"daily_budget_usd": 0.02}))) as studio:
        sandbox.set_fault("moderation")
        failed = approve(studio)
        one_round(studio)
        approve(studio)
        before = database.events.count_documents({})
        with pytest.raises(OverBudget):
            approve(studio)
        with pytest.raises(OverBudget):
            studio.approvals.retry(LOCAL, failed.job_id, accept_micros=1_000_000)
        assert database.events.count_documents({}) == before
        assert len(stored(database, failed)) == studio.queries.get(LOCAL, failed.job_id).last_event


def test_a_stream_resumes_after_each_event(client: TestClient, studio: Studio) -> None:
    job = approve(studio, image_count=2)
    one_round(studio)
    address = f"/image/job-events/{job.job_id}"
    everything = told(client.get(address))
    assert [number for number, _ in everything] == [*range(1, len(everything) + 1)]
    assert everything[0][1] == "queued"
    assert everything[-1][1] == "completed"
    for number in range(len(everything)):
        assert told(client.get(address, headers={"Last-Event-ID": str(number)})) == everything[number:]
        assert told(client.get(address, params={"lastEventId": number})) == everything[number:]
    assert client.get(address, headers={"Last-Event-ID": str(len(everything))}).status_code == 204


def test_what_is_told_is_json_in_camel_case(client: TestClient, studio: Studio) -> None:
    job = approve(studio)
    one_round(studio)
    answer = client.get(f"/image/job-events/{job.job_id}")
    facts = {one["event"]: json.loads(one["data"]) for one in blocks(iter(answer.text.splitlines()))}
    assert set(facts["image"]) == {
        *("type", "createdAt", "index", "attemptId", "url", "thumbnailUrl", "eventId", "jobId")
    }
    assert facts["image"]["url"] == studio.queries.get(LOCAL, job.job_id).cdn_urls[0]


@pytest.mark.parametrize("wrong", ["6", "-1", "x", "1.5", "99999999999999999999", ""])
def test_a_number_that_is_none_of_the_jobs_events_is_refused(client: TestClient, studio: Studio, wrong: str) -> None:
    job = approve(studio)
    one_round(studio)
    for answer in (
        client.get(f"/image/job-events/{job.job_id}", headers={"Last-Event-ID": wrong}),
        client.get(f"/image/job-events/{job.job_id}", params={"lastEventId": wrong}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IMG_009")


def test_a_job_whose_events_are_gone_still_tells_how_it_ended(
    client: TestClient, studio: Studio, database: Database[dict[str, Any]]
) -> None:
    job = approve(studio, "no such thing [sandbox:400 count=1]")
    one_round(studio)
    database.events.delete_many({})
    last = studio.queries.get(LOCAL, job.job_id).last_event
    assert told(client.get(f"/image/job-events/{job.job_id}")) == [(last, "error")]


def test_a_retry_is_told_after_the_end_and_the_stream_goes_on(client: TestClient, studio: Studio) -> None:
    job = approve(studio, "no such thing [sandbox:400 count=1]")
    one_round(studio)
    first = told(client.get(f"/image/job-events/{job.job_id}"))
    assert [kind for _, kind in first] == ["queued", "started", "missing", "error"]
    studio.approvals.retry(LOCAL, job.job_id, accept_micros=job.approval.quoted_micros)
    one_round(studio)
    assert [kind for _, kind in told(client.get(f"/image/job-events/{job.job_id}"))[4:]] == ALL


def test_two_listeners_hear_the_same_as_it_happens(server: str, studio: Studio, worker: Worker) -> None:
    job = approve(studio, "a kite [sandbox:delay delay=2]", image_count=2)
    listeners = [Listener(server, job.job_id) for _ in range(2)]
    wait_until(lambda: all(listener.is_connected for listener in listeners), "both are told that it is queued")
    assert [listener.types for listener in listeners] == [["queued"]] * 2
    run_to_the_end(studio, worker, job.job_id)
    wait_until(lambda: all(listener.is_over for listener in listeners), "both streams end with the job")
    expected = [event.type for event in studio.feed.updates_since(LOCAL, job.job_id, 0).events]
    assert [listener.types for listener in listeners] == [expected, expected]
    estimates = [json.loads(one["data"]) for one in listeners[0].heard if one["event"] == "progress"]
    assert all(estimate["isEstimate"] is True for estimate in estimates)
    assert [estimate["percent"] for estimate in estimates] == sorted(estimate["percent"] for estimate in estimates)
    assert max(estimate["percent"] for estimate in estimates) <= 95


def test_an_event_is_told_sooner_than_a_stream_looks_by_itself(
    server: str, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "LOOK_SECONDS", 60)

    def hears_at_once() -> bool:
        listener = Listener(server, approve(studio).job_id)
        wait_until(lambda: listener.is_connected, "it is told that the job is queued")
        studio.cancellation.cancel(LOCAL, listener.job_id)
        listener.join(3)
        return listener.types == ["queued", "canceled", "missing", "error"]

    assert any(hears_at_once() for _ in range(5)), "the change stream may be a little late at first"


def test_a_cancel_is_told_once_also_where_everything_is_in_flight(studio: Studio, runner: RunnerParts) -> None:
    job_id = approve(studio).job_id
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, ImageTask(0, "att_1"))
    for _ in range(2):
        studio.cancellation.cancel(LOCAL, job_id)
    events = studio.feed.updates_since(LOCAL, job_id, 0).events
    assert [event.type for event in events] == ["queued", "started", "canceled"]


def test_fifty_open_streams_keep_nobody_waiting(server: str, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "STREAMS_OF_A_PERSON", 50)
    job = approve(studio)
    threads = threading.active_count()
    with httpx.Client(base_url=server, timeout=10, trust_env=False) as client, ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(open_stream(client, job.job_id))
        began = time.monotonic()
        for _ in range(20):
            assert client.get(f"/image/job-status/{job.job_id}").status_code == 200
        assert time.monotonic() - began < 3
        assert threading.active_count() - threads < 20, "a stream has no thread of its own"
        refused = client.get(f"/image/job-events/{job.job_id}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "IMG_005")
        assert "Retry-After" in refused.headers


def test_a_stream_that_is_closed_makes_room(server: str, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "STREAMS_OF_A_PERSON", 1)
    job = approve(studio)
    with httpx.Client(base_url=server, trust_env=False) as client, open_stream(client, job.job_id):
        assert httpx.get(f"{server}/image/job-events/{job.job_id}", trust_env=False).status_code == 429

    def is_admitted() -> bool:
        with httpx.stream("GET", f"{server}/image/job-events/{job.job_id}", trust_env=False) as answer:
            return answer.status_code == 200

    wait_until(is_admitted, "there is room again", every=0.1)
    assert httpx.get(f"{server}/image/job-events/imgjob_none", trust_env=False).status_code == 404
    wait_until(is_admitted, "a refusal takes no room", every=0.1)


@contextmanager
def open_stream(client: httpx.Client, job_id: str) -> Iterator[None]:
    """A stream that is open: its first line has come."""
    with client.stream("GET", f"/image/job-events/{job_id}") as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()  # closes the answer once nobody has it any more
        assert next(lines).startswith("retry: ")
        yield


def test_another_persons_job_is_none(company: Studio) -> None:
    ann, bob = (signed_in(company, person(company, name, "creator")) for name in ("ann", "bob"))
    answer = bob.get(f"/image/job-events/{execute(ann)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "IMG_008")


def test_signing_out_closes_a_stream(company: Studio, servers_dir: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (api_events, gate):
        monkeypatch.setattr(module, "RECHECK_SECONDS", 0.2)
    monkeypatch.setattr(api_events, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(logins, "KNOWN_SECONDS", 0.1)
    ann = person(company, "ann", "creator")
    token = company.logins.create(ann, "idp", "idp")
    job_id = execute(signed_in(company, ann))
    port = servers_dir.port("api")
    with listening(company, port):
        headers = {"Host": "studio.test", "Cookie": f"{LOGIN_COOKIE}={token}"}
        listener = Listener(f"http://127.0.0.1:{port}", job_id, headers)
        wait_until(lambda: listener.is_connected, "she hears that her job is queued")
        company.logins.end(token)
        wait_until(lambda: listener.is_over, "the stream is closed", seconds=15)
    assert listener.types == ["queued"]


def test_a_stream_goes_on_where_the_database_is_away_for_a_moment(
    server: str, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "LOOK_SECONDS", 0.05)
    listener = Listener(server, approve(studio).job_id)
    wait_until(lambda: listener.is_connected, "it is told that the job is queued")
    away = threading.Event()
    real = studio.feed.updates_since

    def updates_since(actor: Actor, job_id: str, after: int) -> JobUpdates:
        if not away.is_set():
            away.set()
            raise DatabaseDown("The database does not answer as it should.")
        return real(actor, job_id, after)

    monkeypatch.setattr(studio.feed, "updates_since", updates_since)
    assert away.wait(10), "it looked while the database was away"
    studio.cancellation.cancel(LOCAL, listener.job_id)
    listener.join(10)
    assert listener.types == ["queued", "canceled", "missing", "error"]


def test_a_silent_stream_says_that_it_is_there(server: str, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(api_events, "LOOK_SECONDS", 0.1)
    job = approve(studio)
    with httpx.stream("GET", f"{server}/image/job-events/{job.job_id}", timeout=10, trust_env=False) as answer:
        assert next(line for line in answer.iter_lines() if line.startswith(":")) == ": still there"


def test_a_server_that_stops_ends_its_streams(studio: Studio) -> None:
    job = approve(studio)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(build_asgi(lambda: studio), http=TimedProtocol, log_level="critical", lifespan="off")
        serving = uvicorn.Server(config)
        thread = threading.Thread(target=serving.run, args=([listener],), daemon=True)
        thread.start()
        heard = Listener(f"http://127.0.0.1:{listener.getsockname()[1]}", job.job_id)
        wait_until(lambda: heard.is_connected, "it is told that the job is queued")
        serving.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server waits for nobody who listens"
        heard.join(5)
        assert heard.is_over


def test_events_cannot_be_changed(studio: Studio) -> None:
    ways = {name for name in vars(EventStore) if not name.startswith("_")}
    assert ways == {"append", "of_job", "changed_jobs"}
    assert JobEvent.model_config["frozen"] is True
