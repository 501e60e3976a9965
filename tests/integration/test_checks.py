"""One runner asks for all; what was found is stored, shown and logged, and holds up nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.providers.health import Checked
from imagegeneration.settings import Settings
from tests.wire.accounts import KEY, Accounts
from tests.wire.loopback import HANG

Documents = Database[dict[str, Any]]


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    with Accounts() as stub:
        yield stub


def studio_of(settings: Settings, url: str, key: str = KEY, **more: Any) -> Studio:
    changes = {"replicate_api_token": SecretStr(key), "replicate_base_url": url} | more
    return build_studio(settings.model_copy(update=changes))


def test_the_sandbox_is_asked_at_its_own_server(studio: Studio) -> None:
    studio.checks.run()
    found = studio.checks.all()["sandbox"]
    assert (found.status, found.problem) == ("works", None)
    assert found.checked_at is not None


def test_refused_credentials_are_stored_and_logged_in_one_line(
    settings: Settings, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    studio = studio_of(settings, accounts.url, "wrong")
    with caplog.at_level(logging.INFO, logger="imagegeneration.providers.checks"):
        studio.checks.run()
    found = studio.checks.all()["replicate"]
    assert (found.status, found.problem) == (
        "refused",
        "The provider does not accept the account: You did not pass a valid token.",
    )
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.getMessage().startswith("The credentials of the provider replicate do not work: ")
    assert studio.pauses.board.of_provider("replicate") is None, "a check pauses nothing"
    studio.close()


def test_of_many_runners_that_start_together_one_asks(settings: Settings, accounts: Accounts) -> None:
    studios = [studio_of(settings, accounts.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda studio: studio.checks.run(), studios))
    assert len(accounts.received) == 1
    for studio in studios:
        studio.close()


def test_it_is_asked_again_when_its_time_has_come_and_not_before(
    settings: Settings, accounts: Accounts, database: Documents
) -> None:
    studio = studio_of(settings, accounts.url, provider_check_minutes=5)
    for _ in range(3):
        studio.checks.run()
    assert len(accounts.received) == 1
    (known,) = database.provider_checks.find({"_id": "replicate"})
    database.provider_checks.update_one(
        {"_id": "replicate"}, {"$set": {"claimedAt": known["claimedAt"] - timedelta(minutes=5)}}
    )
    studio.checks.run()
    studio.checks.run()
    assert len(accounts.received) == 2
    studio.close()


def test_other_credentials_are_asked_about_at_once(settings: Settings, accounts: Accounts) -> None:
    wrong = studio_of(settings, accounts.url, "wrong")
    wrong.checks.run()
    wrong.close()
    right = studio_of(settings, accounts.url)
    right.checks.run()
    assert right.checks.all()["replicate"].status == "works"
    right.close()


def test_what_an_overtaken_check_finds_does_not_count(studio: Studio) -> None:
    store = studio._stores.checks
    assert store.claim("sandbox", "chk_slow", "a", 60) is not None
    assert store.claim("sandbox", "chk_late", "a", 60) is None
    assert store.claim("sandbox", "chk_next", "b", 60) is not None
    assert store.record("sandbox", "chk_next", Checked(status="works"))
    assert not store.record("sandbox", "chk_slow", Checked(status="refused", problem="$of long ago"))
    assert studio.checks.all()["sandbox"].status == "works"


def test_one_that_does_not_answer_holds_up_no_other(
    settings: Settings, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegeneration.providers.check.CHECK_SECONDS", 1.0)
    accounts.always["/account"] = HANG
    more: dict[str, Any] = {"stability_api_key": SecretStr(KEY), "stability_base_url": accounts.url}
    studio = studio_of(settings, accounts.url, **more)
    studio.checks.run()
    found = {name: health.status for name, health in studio.checks.all().items()}
    assert found == {"replicate": "unreachable", "stability": "works"}
    studio.close()


def test_programs_are_told_status_time_and_problem(settings: Settings, accounts: Accounts) -> None:
    studio = studio_of(settings, accounts.url, "wrong")
    with TestClient(build_asgi(lambda: studio), base_url="http://localhost:8501") as client:
        before = _told(client, "replicate")
        assert (before["status"], before["checkedAt"], before["failures"]) == (None, None, 0)
        studio.checks.run()
        told = _told(client, "replicate")
        assert (told["status"], told["paused"], told["failures"]) == ("refused", None, 0)
        assert "does not accept the account" in told["problem"]
        assert told["checkedAt"] is not None
        studio.breakers.count_failure("replicate", "It took too long.")
        studio.pauses.refresh()
        told = _told(client, "replicate")
        assert (told["failures"], told["lastFailure"]) == (1, "It took too long.")
        studio.breakers.succeeded("replicate", None)
        studio.pauses.refresh()
        told = _told(client, "replicate")
        assert (told["failures"], told["lastFailure"]) == (0, None), "a failure that is over is not told as present"
        assert _told(client, "fal")["isConfigured"] is False
    studio.close()


def _told(client: TestClient, name: str) -> dict[str, Any]:
    answer = client.get("/image/providers").raise_for_status().json()
    found: dict[str, Any] = next(provider for provider in answer if provider["name"] == name)
    return found
