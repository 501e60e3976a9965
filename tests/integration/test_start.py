"""Settings that would make all work fail later are found at start, and said in one line that names the variable."""

from __future__ import annotations

import errno
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from pydantic import SecretStr
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from imagegeneration.api import app as api_app
from imagegeneration.assets.bucket import TRIAL_KEY, Storage
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import bucket_of
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import ConfigurationError, DatabaseDown
from imagegeneration.dashboard.operations.needs import needs
from imagegeneration.local.part import Part
from imagegeneration.mongo import transaction
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.schema import Schema
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.runner import __main__ as runner_main
from imagegeneration.runner.build import build_runner
from imagegeneration.runner.spool import Spool
from imagegeneration.settings import Settings
from imagegeneration.settings_types import ImageServer, ProviderLimitSetting
from imagegeneration.start import require_fit
from tests.faults.support.httpproxy import HttpProxy, Request, Trouble
from tests.support import APPROVAL_KEY, run_async, wait_until
from tests.wire.openid import running_provider

ROOT = Path(__file__).parents[2]
PROVIDER = SignInProvider(
    name="idp",
    label="x",
    issuer="https://id.example.com",  # type: ignore[arg-type]  # pydantic makes it an address
    client_id="s",
    roles={"admin": ["ann@example.com"]},
)


def said(settings: Settings, *, runner: bool = False) -> str | None:
    """What stops the start; None if nothing does."""
    try:
        studio = build_studio(settings)
        if runner:
            with_spool(studio)
        require_fit(studio)
    except ConfigurationError as error:
        return str(error)
    studio.close()
    return None


def with_spool(studio: Studio) -> None:
    """What a runner needs beside the others: a spool that can be written to."""
    try:
        build_runner(studio).close()
    except ConfigurationError:
        studio.close()
        raise


def said_by_all(settings: Settings) -> str | None:
    """What stops the start of the runner, and of the app in the same words."""
    by_runner, by_app = said(settings, runner=True), said(settings)
    assert by_runner == by_app
    assert "\n" not in (by_runner or "")
    return by_runner


@pytest.fixture
def bucket(settings: Settings) -> Iterator[HttpProxy]:
    """A bucket that can be made to behave like others."""
    assert settings.r2_endpoint_url is not None
    with HttpProxy(settings.r2_endpoint_url) as proxy:
        yield proxy


def test_right_settings_start(settings: Settings) -> None:
    assert said_by_all(settings) is None
    assert Storage(bucket_of(settings)).get(TRIAL_KEY)


@pytest.mark.parametrize(
    ("changes", "named", "why"),
    [
        ({"r2_bucket": "nobodys-bucket"}, "R2_BUCKET", "there is no bucket nobodys-bucket"),
        ({"cdn_base_url": "{endpoint}/another"}, "CDN_BASE_URL", "does not serve what is in the bucket"),
        ({"cdn_base_url": "{sandbox}"}, "CDN_BASE_URL", "does not serve what is in the bucket"),
        ({"r2_endpoint_url": "{sandbox}"}, "R2_", "bucket"),
        ({"openai_image_model": "gpt-image-9"}, "OPENAI_IMAGE_MODEL", "gpt-image-9 is not in the catalog"),
        ({"openai_image_model": "fal-ai/flux-lora"}, "OPENAI_IMAGE_MODEL", "is a model of fal"),
        ({"openai_text_model": "gpt-99"}, "OPENAI_TEXT_MODEL", "gpt-99 is not in the catalog"),
        ({"default_size": "9999x9999"}, "DEFAULT_SIZE", "size: "),
        ({"max_cost_per_image_usd": 0.001}, "MAX_COST_PER_IMAGE_USD", "less than one image"),
        ({"daily_budget_usd": 0}, "DAILY_BUDGET_USD", "less than one image"),
        ({"daily_budget_per_user_usd": 0.001}, "DAILY_BUDGET_PER_USER_USD", "less than one image"),
        (
            {"provider_limits": {"sandbox": ProviderLimitSetting(daily_budget_usd=0.001)}},
            "PROVIDER_LIMITS, sandbox",
            "less than one image",
        ),
        (
            {"image_servers": (ImageServer(name="attic", base_url="http://127.0.0.1:9/v1"),)},  # type: ignore[arg-type]
            "CATALOG_FILE",
            "no model of the provider attic",
        ),
        ({"fal_key": SecretStr("k"), "moderation_policy": "flag"}, "MODERATION_POLICY", "no prompt can be checked"),
    ],
)
def test_a_setting_that_makes_all_work_fail(
    settings: Settings, changes: Mapping[str, Any], named: str, why: str
) -> None:
    places = {"endpoint": settings.r2_endpoint_url, "sandbox": settings.sandbox_url}
    filled = {name: value.format(**places) if isinstance(value, str) else value for name, value in changes.items()}
    message = said_by_all(settings.model_copy(update=filled))
    assert message is not None
    assert named in message.partition(":")[0]
    assert why in message


def test_the_public_address_is_not_asked_for_through_a_proxy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(bucket_of(settings))
    monkeypatch.setenv("http_proxy", str(settings.sandbox_url))
    monkeypatch.delenv("no_proxy", raising=False)
    storage.require_working()


def test_without_a_provider_the_start_says_so_and_goes_on(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    assert said_by_all(settings.model_copy(update={"sandbox_url": None})) is None
    assert "set OPENAI_API_KEY" in caplog.text


def test_a_time_out_below_the_models_own_is_said(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    assert said_by_all(settings.model_copy(update={"provider_timeout_seconds": 5})) is None
    assert "PROVIDER_TIMEOUT_SECONDS is 5" in caplog.text


def always(status: int, code: str, command: str = "PUT") -> Trouble:
    def trouble(request: Request) -> bool:
        if request.command != command:
            return False
        request.refuse(status, code)
        return True

    return trouble


def no_list(request: Request) -> bool:
    return "list-type" in request.path and always(403, "AccessDenied", "GET")(request)


def no_read(request: Request) -> bool:
    return "list-type" not in request.path and always(403, "AccessDenied", "GET")(request)


@pytest.mark.parametrize(
    ("trouble", "named", "why"),
    [
        (always(201, "Written"), "R2_ENDPOINT_URL", "writes over objects in spite of If-None-Match"),
        (always(501, "NotImplemented"), "R2_ENDPOINT_URL", "knows no conditional writes"),
        (always(403, "AccessDenied"), "R2_ACCESS_KEY_ID", "may not write to the bucket"),
        (no_list, "R2_ACCESS_KEY_ID", "may not list the bucket"),
        (no_read, "R2_ACCESS_KEY_ID", "may not read from the bucket"),
        (always(403, "InvalidAccessKeyId"), "R2_SECRET_ACCESS_KEY", "does not accept this key"),
        (always(403, "SignatureDoesNotMatch"), "R2_SECRET_ACCESS_KEY", "does not accept this key"),
        (always(404, "NoSuchBucket"), "R2_BUCKET", "there is no bucket"),
        (always(400, "AuthorizationHeaderMalformed"), "R2_ENDPOINT_URL", "not where the bucket"),
        (always(301, "PermanentRedirect"), "R2_ENDPOINT_URL", "not where the bucket"),
    ],
)
def test_a_bucket_that_cannot_be_used(
    settings: Settings, bucket: HttpProxy, trouble: Trouble, named: str, why: str
) -> None:
    bucket.trouble = trouble
    message = said_by_all(settings.model_copy(update={"r2_endpoint_url": bucket.url}))
    assert message is not None
    assert named in message.partition(":")[0]
    assert why in message


def gone(request: Request) -> bool:
    request.reset()
    return True


@pytest.mark.parametrize("trouble", [gone, always(503, "SlowDown"), always(403, "RequestTimeTooSkewed")])
@pytest.mark.parametrize("what", ["r2_endpoint_url", "cdn_base_url"])
def test_an_outage_is_said_and_stops_no_start(
    settings: Settings, bucket: HttpProxy, trouble: Trouble, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    if what == "cdn_base_url":
        trouble = gone if trouble is gone else always(503, "SlowDown", "GET")
    bucket.trouble = trouble
    path = f"/{settings.r2_bucket}" if what == "cdn_base_url" else ""
    assert said(settings.model_copy(update={what: bucket.url + path})) is None
    (line,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "CDN_BASE_URL" in line


def sign_in(request: Request) -> bool:
    request.send_response(302)
    request.send_header("Location", f"http://localhost:{request.server.server_address[1]}/sign-in")
    request.send_header("Content-Length", "0")
    request.end_headers()
    return True


def challenge(request: Request) -> bool:
    request.send_response(403)
    request.send_header("cf-mitigated", "challenge")
    request.send_header("Content-Length", "0")
    request.end_headers()
    return True


def only_browsers(trouble: Trouble) -> Trouble:
    return lambda request: "sign-in" not in request.path and trouble(request)


@pytest.mark.parametrize("trouble", [sign_in, challenge])
def test_a_public_address_that_asks_for_a_sign_in_stops_no_start(
    settings: Settings, bucket: HttpProxy, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.trouble = only_browsers(trouble)
    assert said(settings.model_copy(update={"cdn_base_url": bucket.url})) is None
    assert "Only browsers that it lets through show images." in caplog.text


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("readPreference=secondary", "leave readPreference=secondary out"),
        ("readPreference=nearest", "leave readPreference=nearest out"),
        ("tls=true&tlsCAFile=/nowhere", "/nowhere: No such file"),
        ("tls=true&tlsInsecure=true&tlsAllowInvalidCertificates=true", "MONGODB_URI is wrong"),
        *[(option, None) for option in ("w=0", "w=1&journal=false", "retryWrites=false", "readConcernLevel=local")],
        ("directConnection=true", None),
    ],
)
def test_options_of_the_database(settings: Settings, option: str, why: str | None) -> None:
    uri = f"{settings.require_database()}&{option}"
    message = said_by_all(settings.model_copy(update={"mongodb_uri": SecretStr(uri)}))
    if why is None:  # what would weaken writes is overruled
        assert message is None
        connection = Connection(uri, settings.mongodb_database)
        jobs = connection.collection("jobs")
        connection.close()
        assert jobs.write_concern.document == {"w": "majority", "j": True}
        assert jobs.read_concern.level == "majority"
    else:
        assert message is not None
        assert message.startswith("MONGODB_URI")
        assert why in message


Command = Callable[..., Any]


def answering(name: str, answer: Any) -> Command:
    """A database command that gives another answer, or raises it."""
    real: Command = Database.command

    def command(self: Database[Any], sent: Any, *args: Any, **kwargs: Any) -> Any:
        if sent != name:
            return real(self, sent, *args, **kwargs)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return command


@pytest.mark.parametrize(
    ("command", "answer", "why"),
    [
        ("hello", OperationFailure("Authentication failed.", 18), "refuses this user and password"),
        ("hello", {"setName": "rs", "isWritablePrimary": False, "secondary": True}, "leave directConnection out"),
        ("hello", {"isWritablePrimary": True}, "standalone server"),
    ],
)
def test_a_database_that_does_not_let_us(
    prepared_anew: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, command: str, answer: Any, why: str
) -> None:
    build_studio(settings).close()  # its collections are there
    monkeypatch.setattr(Schema, "_validators", {})  # of another version
    monkeypatch.setattr(Database, "command", answering(command, answer))
    message = said_by_all(settings)
    assert message is not None
    assert message.startswith("MONGODB_URI")
    assert why in message


def not_permitted(*_args: Any, **_kwargs: Any) -> None:
    raise OperationFailure("not authorized", 13, {"codeName": "Unauthorized"})


@pytest.mark.parametrize("needed", ["create_indexes", "update_one"])
def test_a_user_who_may_not_do_all(
    prepared_anew: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, needed: str
) -> None:
    """The indexes are made at start; else writes happen there only in the transaction that tries whether they can."""
    real = getattr(Collection, needed)

    def refused(self: Collection[Any], *args: Any, **kwargs: Any) -> Any:
        outside = needed == "update_one" and kwargs.get("session") is None
        return real(self, *args, **kwargs) if outside else not_permitted()

    monkeypatch.setattr(Collection, needed, refused)
    assert "(Unauthorized). Give the user the roles readWrite and dbAdmin" in str(said_by_all(settings))


@pytest.mark.parametrize(("times", "why"), [(1, None), (10**6, "The database does not answer as it should.")])
def test_another_process_that_starts_at_the_same_time_is_no_wrong_setting(
    prepared_anew: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, times: int, why: str | None
) -> None:
    """It sets the validator of a collection, and for that time no transaction gets hold of it."""
    real, refusals = Collection.update_one, iter(range(times))

    def busy(self: Collection[Any], *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("session") is None or next(refusals, None) is None:
            return real(self, *args, **kwargs)
        raise OperationFailure("lock timeout", 24, {"errorLabels": ["TransientTransactionError"]})

    monkeypatch.setattr(Collection, "update_one", busy)
    monkeypatch.setattr(transaction, "TRANSACTION_SECONDS", 1)
    found = None
    try:
        assert said(settings) is None
    except DatabaseDown as error:
        found = error.message
    assert found == why


def test_counters_that_cannot_be_written_stop_a_start_with_sign_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegeneration.people.rate_store._Windows.create_index", not_permitted, raising=False)
    assert said_by_all(settings) is None
    signing_in = settings.model_copy(update={"sign_in_providers": (PROVIDER,), "public_url": "http://localhost"})
    assert f"readWrite on {settings.rates_database}" in str(said_by_all(signing_in))


def test_a_sign_in_that_cannot_work_stops_the_start_and_one_that_is_down_is_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with running_provider() as provider:
        issuer = PROVIDER.model_copy(update={"issuer": provider.issuer, "label": "Example"})
        signing_in = settings.model_copy(update={"sign_in_providers": (issuer,), "public_url": "http://localhost"})
        assert said_by_all(signing_in) is None
        assert "SIGN_IN_PROVIDERS" not in caplog.text
        provider.metadata["response_modes_supported"] = ["form_post"]
        assert str(said_by_all(signing_in)).startswith("SIGN_IN_PROVIDERS: Example knows no way to sign in from here.")
        provider.statuses["openid-configuration"] = 503
        caplog.clear()
        assert said(signing_in) is None
    lines = [record.getMessage() for record in caplog.records if "SIGN_IN_PROVIDERS" in record.getMessage()]
    why = "Example answered with an error. (HTTP 503)"
    assert lines == [f"SIGN_IN_PROVIDERS: sign-in with Example does not work: {why}"]


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"approval_keys": (SecretStr("another-key-" + "1" * 32),)}, "APPROVAL_KEYS"),
        ({"sandbox_url": "http://127.0.0.1:9/v1"}, "SANDBOX_URL"),
    ],
)
def test_a_runner_with_other_settings_than_the_dashboard_is_found_by_both(
    settings: Settings, caplog: pytest.LogCaptureFixture, changes: Mapping[str, Any], variable: str
) -> None:
    def lines() -> list[str]:
        found = [record.getMessage() for record in caplog.records if record.name == "imagegeneration.start"]
        caplog.clear()
        return found

    dashboard = build_studio(settings)
    require_fit(dashboard)
    alike = build_studio(settings, kind="runner")
    require_fit(alike)
    assert (lines(), dashboard.operations.state(LOCAL).mismatches) == ([], ())
    other = build_studio(settings.model_copy(update=changes), kind="runner")
    require_fit(other)
    host = socket.gethostname()
    (first, second) = lines()
    assert first.startswith(f"{variable} of the runner on {host} and the dashboard on {host} differ. Jobs ")
    assert second.startswith(f"{variable} of the runner on {host} and the runner on {host} differ. Jobs ")
    (seen,) = dashboard.operations.state(LOCAL).mismatches
    assert seen.text.startswith(f"{variable} of the dashboard on {host} and the runner on {host} differ.")
    (need,) = (row for row in needs(dashboard.operations.state(LOCAL)).rows if row.key.startswith("mismatch"))
    assert need.lines == ((seen.text,),)
    another_dashboard = build_studio(settings)
    require_fit(another_dashboard)
    assert len(lines()) == 1
    other.close()
    assert dashboard.operations.state(LOCAL).mismatches == (), "a process that has stopped does not count"
    for studio in (dashboard, alike, another_dashboard):
        studio.close()


def test_processes_say_that_they_still_run(
    settings: Settings, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_app, "POST_SECONDS", 0.05)
    kinds = database.processes

    async def serve() -> None:
        async with api_app.running(build_studio(settings)):
            await to_thread.run_sync(lambda: wait_until(lambda: kinds.find_one({"kind": "dashboard"}), "it is seen"))

    run_async(serve)
    studio = build_studio(settings, kind="runner")
    runner_main.Runner(studio, build_runner(studio))._heartbeat()
    assert [process["kind"] for process in kinds.find()] == ["runner"]
    studio.close()


def test_no_key_can_be_found_from_what_processes_tell(settings: Settings, database: Database[dict[str, Any]]) -> None:
    studio = build_studio(settings)
    require_fit(studio)
    (told,) = database.processes.find()
    assert [len(name) for name in told["sealKeys"]] == [8]
    assert [set(address) for address in told["addresses"]] == [{"provider", "digits"}]
    assert APPROVAL_KEY not in str(told)
    studio.close()
    assert database.processes.count_documents({}) == 0


def test_a_spool_that_cannot_be_written_to(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    nowhere = said(settings.model_copy(update={"data_dir": tmp_path / "file"}), runner=True)
    assert nowhere is not None
    assert nowhere.startswith("DATA_DIR: ")

    def read_only(self: Path, content: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    Spool(settings.spool_dir, 2**30)
    monkeypatch.setattr(Path, "write_bytes", read_only)
    found = said(settings, runner=True)
    assert found == f"DATA_DIR: {settings.spool_dir} cannot be written to: Read-only file system."
    assert said(settings) is None  # the app has no spool


def test_a_full_disk_keeps_no_runner_from_delivering(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert said(settings, runner=True) is None


MISSING = "cannot start: R2_BUCKET: there is no bucket nobodys-bucket"


@pytest.fixture
def wrong(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a bucket that is not there, as every process reads them."""
    changed = settings.model_copy(update={"r2_bucket": "nobodys-bucket"})
    for module in (runner_main, api_app):
        monkeypatch.setattr(module, "load_settings", lambda: changed)
        monkeypatch.setattr(module, "configure_logging", lambda: None)
    return changed


def test_the_runner_ends_with_this_line(wrong: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner_main.main() == 2
    assert f"The runner {MISSING}" in capsys.readouterr().err


def test_the_api_ends_with_this_line(wrong: Settings) -> None:
    with pytest.raises(SystemExit, match=f"The API {MISSING}"):
        api_app.create_api()


def environment(settings: Settings, bucket_server: Part) -> dict[str, str]:
    """What a dashboard of its own needs to have these settings."""
    return {
        **os.environ,
        **bucket_server.provides,
        "PYTHONPATH": str(ROOT),
        "MONGODB_URI": settings.require_database(),
        "MONGODB_DATABASE": settings.mongodb_database,
        "R2_BUCKET": settings.r2_bucket,
        "CDN_BASE_URL": str(settings.cdn_base_url),
        "APPROVAL_KEYS": APPROVAL_KEY,
        "SANDBOX_URL": str(settings.sandbox_url),
    }


def test_the_dashboard_ends_with_this_line(wrong: Settings, bucket_server: Part, tmp_path: Path) -> None:
    env = environment(wrong, bucket_server)
    command = ["uvicorn", "app:app", "--app-dir", str(ROOT), "--port", "0"]
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert f"The dashboard {MISSING}" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


UVICORN = ("uvicorn", "app:app", "--app-dir", str(ROOT), "--port")


@pytest.mark.parametrize(
    ("command", "is_said"),
    [
        (("streamlit", "run", str(ROOT / "app.py"), "--server.headless=true", "--server.port"), True),
        (UVICORN, True),
        (("uvicorn", "--factory", "imagegeneration.api.app:create_api", "--port"), True),
        (("uvicorn", "--http", "imagegeneration.api.protocol:TimedProtocol", *UVICORN[1:]), False),
    ],
)
def test_a_server_without_time_outs_says_so_and_names_the_command(
    settings: Settings, bucket_server: Part, tmp_path: Path, command: tuple[str, ...], is_said: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said_here = tmp_path / "said"
    with said_here.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, str(port)],
            cwd=tmp_path,
            env=environment(settings, bucket_server),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: is_live(port), "the server answers", seconds=60, every=0.2)
    finally:
        server.kill()
        server.wait()
    lines = [line for line in said_here.read_text().splitlines() if "Slow clients are not cut off" in line]
    assert len(lines) == int(is_said), said_here.read_text()
    assert all("uvicorn app:app --http imagegeneration.api.protocol:TimedProtocol" in line for line in lines)


def is_live(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/image/health/live", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
