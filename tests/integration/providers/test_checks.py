"""Each vendor is asked for something that costs nothing, and says whether it works with this account."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.health import Checked
from imagegeneration.providers.vendors import PROVIDERS
from tests.wire.accounts import KEY, Accounts
from tests.wire.loopback import HANG, RESET, Sent, answer_json

ASKING = ["fal", "google", "openai", "replicate", "sandbox", "stability"]


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    with Accounts() as stub:
        yield stub


def check(name: str, url: str, key: str = KEY) -> Checked:
    with contextlib.closing(PROVIDERS[name](Endpoint(url=url, key=SecretStr(key)), 10)) as provider:
        return provider.check()


def answered(accounts: Accounts, name: str, answer: Sent) -> Checked:
    """What the vendor's check makes of this answer to the same question."""
    check(name, accounts.url)
    accounts.always[accounts.stage(accounts.received[-1])] = answer
    return check(name, accounts.url)


def test_every_provider_of_the_table_is_asked_here() -> None:
    assert set(PROVIDERS) == {*ASKING, "forge"}


@pytest.mark.parametrize("name", ASKING)
def test_a_right_key_works_and_nothing_but_one_question_is_sent(accounts: Accounts, name: str) -> None:
    assert check(name, accounts.url) == Checked(status="works")
    assert [received.method for received in accounts.received] == ["GET"]


@pytest.mark.parametrize("name", ASKING)
def test_a_wrong_key_is_refused_and_not_repeated(accounts: Accounts, name: str) -> None:
    found = check(name, accounts.url, "sk-proj-0123456789abcdefghijkl")
    assert (found.status, found.problem is not None) == ("refused", True)
    assert "0123456789" not in str(found.problem)


@pytest.mark.parametrize("name", PROVIDERS)
def test_nobody_there_is_unreachable(name: str) -> None:
    assert check(name, "http://127.0.0.1:9").status == "unreachable"


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_connection_that_breaks_is_unreachable(accounts: Accounts, name: str) -> None:
    assert answered(accounts, name, RESET).status == "unreachable"


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_does_not_answer_is_unreachable_in_time(
    accounts: Accounts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegeneration.providers.check.CHECK_SECONDS", 0.3)
    assert answered(accounts, name, HANG).status == "unreachable"


@pytest.mark.parametrize("name", ASKING)
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (answer_json({"error": {"message": "down"}}, 503), "unreachable"),
        (Sent(502, b"<html>proxy</html>"), "unreachable"),
        (Sent(302, b"", {"location": "http://127.0.0.1:9/"}), "unreachable"),
        (answer_json({"error": {"message": "slow down"}}, 429), "reached"),
        (answer_json({"detail": "Payment required"}, 402), "refused"),
        (answer_json({"message": "no"}, 403), "refused"),
    ],
    ids=lambda case: str(getattr(case, "status", case)),
)
def test_what_an_answer_says_of_the_account(accounts: Accounts, name: str, answer: Sent, status: str) -> None:
    assert answered(accounts, name, answer).status == status


def test_a_key_that_may_only_make_images_is_not_refused(accounts: Accounts) -> None:
    narrow = {"error": {"message": "You have insufficient permissions. Missing scopes: api.model.read."}}
    found = answered(accounts, "openai", answer_json(narrow, 403))
    assert (found.status, "Missing scopes" in str(found.problem)) == ("reached", True)


def test_a_server_without_a_list_of_models_is_reached(accounts: Accounts) -> None:
    assert answered(accounts, "openai", Sent(404, b"not found")).status == "reached"


def test_an_answer_of_fal_that_knows_no_such_question_says_nothing_of_the_key(accounts: Accounts) -> None:
    assert answered(accounts, "fal", answer_json({"detail": "Request not found"}, 404)).status == "reached"


def test_an_account_without_credits_is_refused(accounts: Accounts) -> None:
    accounts.stability_credits = 0
    found = check("stability", accounts.url)
    assert (found.status, "no credits left" in str(found.problem)) == ("refused", True)


def test_forge_is_only_reached_and_not_told_the_key(accounts: Accounts) -> None:
    assert check("forge", accounts.url).status == "reached"
    assert "authorization" not in accounts.received[0].headers


@pytest.mark.parametrize("name", ASKING)
def test_a_proxy_of_the_environment_is_not_asked(
    accounts: Accounts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert check(name, accounts.url).status == "works"


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_redirect_does_not_get_the_key(accounts: Accounts, name: str) -> None:
    with Accounts() as elsewhere:
        check(name, accounts.url)
        address = f"{elsewhere.url}{accounts.received[-1].path}"
        found = answered(accounts, name, Sent(302, b"", {"location": address}))
        assert elsewhere.received == []
    assert found.status in ("unreachable", "reached")
