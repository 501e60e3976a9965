"""Fixtures for every test: settings isolated from the developer's environment, and real servers behind them.

The first test that asks for a server (one mongod, one bucket server, one sandbox) starts it, and it serves the whole
run. Each test that asks for `settings` has a database and a bucket of its own on these servers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import ipaddress
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from pymongo import MongoClient
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # xdist has no types

from imagegeneration import bootstrap
from imagegeneration.assets.bucket import Storage
from imagegeneration.configuration import bucket_of
from imagegeneration.local import datadir
from imagegeneration.local.bucket import bucket_part
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import mongod_part
from imagegeneration.local.part import Part
from imagegeneration.local.sandbox import Sandbox, vendor
from imagegeneration.local.sandbox.painting import paint
from imagegeneration.settings import Settings
from imagegeneration.stores import Stores
from tests.support import APPROVAL_KEY, BUCKET_SECRET, empty_bucket, listening, remove_sockets

hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile(
    "unshrunk", hypothesis_settings.get_profile("busy"), phases=(Phase.explicit, Phase.generate), database=None
)  # for `make mutation-rules`: that an example fails is all that counts there
hypothesis_settings.load_profile("busy")  # a machine that does other things meanwhile is no fault of an example

MEMORY_DISK = Path("/dev/shm")
MEMORY_DISK_BYTES = 2 * 1024**3
"""A mongod needs some hundred megabytes of it. In a container there are often 64 only."""

BROWSER_WORKERS = 2
"""How many workers share the browser tests: each starts the whole product and a Chromium."""

PICTURES = 8
"""How many pictures of each size the sandbox has."""

QUICK = ["--setParameter", "minSnapshotHistoryWindowInSeconds=0"]
"""Dropped collections give their files back at once."""


@pytest.fixture(autouse=True, scope="session")
def _no_configuration_from_outside() -> Iterator[None]:
    """Hide the variables that the settings would read, and `.env`: a test must never find a real key."""
    with pytest.MonkeyPatch.context() as patch:
        proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
        for name in [*(field.upper() for field in Settings.model_fields), *proxies]:
            patch.delenv(name, raising=False)
        patch.setitem(Settings.model_config, "env_file", None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection beyond this machine: no test may depend on one, or spend money over one."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise ConnectionRefusedError(f"tests have no network, and {address[0]} is not this machine")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


def _is_here(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


@pytest.fixture(autouse=True, scope="session")
def _one_client_a_bucket_server() -> Iterator[None]:
    """Share the bucket's clients among tests: each takes longer to make than most tests to run."""
    made: dict[tuple[object, ...], Any] = {}
    make: Callable[..., Any] = boto3.client

    def client(service: str, config: Any, **options: Any) -> Any:
        key = (service, config.read_timeout, *sorted(options.items()))
        if key not in made:
            made[key] = make(service, config=config, **options)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "client", client)
        yield


@pytest.fixture(scope="session")
def _prepared() -> dict[str, set[str]]:
    """The databases of the shared mongod, by its address, that have their collections, validators and indexes."""
    return {}


@pytest.fixture(autouse=True, scope="session")
def _prepared_once(_prepared: dict[str, set[str]]) -> Iterator[None]:
    """Prepare a database once: the test that gets it next finds its collections empty, and as they were made."""

    class PreparedOnce(Stores):
        def __init__(self, uri: str, database: str) -> None:
            super().__init__(uri, database)
            self._known, self._name = _prepared.get(uri, set()), database

        def prepare(self) -> None:
            if self._name in self._known:
                self.audit.ensure_head()  # it is a document, and was deleted
                return
            super().prepare()
            self._known.add(self._name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "Stores", PreparedOnce)
        yield


@pytest.fixture
def prepared_anew(_prepared: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Prepare the database at each start, as outside of tests, and again for the test that gets it next."""
    monkeypatch.setattr(bootstrap, "Stores", Stores)
    yield
    for known in _prepared.values():
        known.clear()


@pytest.fixture(autouse=True, scope="session")
def _ports_of_this_worker() -> Iterator[None]:
    """Files run side by side: what one keeps for a server that is not running yet, the other must not take."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datadir, "PORTS", datadir.PORTS[worker::workers])
        yield


@pytest.fixture(scope="session")
def servers_dir(_ports_of_this_worker: None, tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """Where servers that several tests share keep their data, logs and ports."""
    return DataDir(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="session")
def mongod(
    _ports_of_this_worker: None, tmp_path_factory: pytest.TempPathFactory, _prepared: dict[str, set[str]]
) -> Iterator[Part]:
    """A real mongod, a replica set of one, where writing costs little: each test makes collections and indexes."""

    def server() -> tuple[Part, Path]:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="studio-tests-", dir=_memory_disk()))
        logs = DataDir(tmp_path_factory.mktemp("mongod"))
        part = mongod_part(Path(folder), logs.port("mongod"))
        return dataclasses.replace(part, command=[*part.command, *QUICK]), logs.path

    with contextlib.ExitStack() as stack:
        part = listening(stack, server)
        part.prepare(Settings())
        _prepared[part.provides["MONGODB_URI"]] = set()
        yield part


@pytest.fixture(scope="session")
def bucket_server(_ports_of_this_worker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Part]:
    """A real bucket server, with a secret that the tests know."""

    def bucket() -> tuple[Part, Path]:
        data = DataDir(tmp_path_factory.mktemp("bucket"))
        (data.path / "bucket-secret").write_text(BUCKET_SECRET)
        stack.callback(remove_sockets, data.path)
        return bucket_part(data, "images"), data.path

    with contextlib.ExitStack() as stack:
        yield listening(stack, bucket)


@pytest.fixture(scope="session")
def _sandbox_server() -> Iterator[Sandbox]:
    """Its pictures are few, and drawn once: drawing takes longer than all that is done with them."""
    with pytest.MonkeyPatch.context() as patch, Sandbox() as server:
        drawn = functools.cache(lambda number, size: paint(bytes([number]), size))
        patch.setattr(vendor, "paint", lambda seed, size: drawn(seed[0] % PICTURES, size).copy())
        yield server


@pytest.fixture
def sandbox(_sandbox_server: Sandbox) -> Sandbox:
    """The sandbox provider, without delays, and without the calls and faults of other tests."""
    _sandbox_server.reset()
    return _sandbox_server


@pytest.fixture(scope="session")
def _mongo(mongod: Part) -> Iterator[MongoClient[dict[str, object]]]:
    with MongoClient[dict[str, object]](mongod.provides["MONGODB_URI"]) as client:
        yield client


@pytest.fixture(scope="session")
def _emptied() -> list[str]:
    """Databases and buckets that earlier tests have left empty: collections, indexes and volumes take long to make."""
    return []


@pytest.fixture
def settings(
    mongod: Part,
    bucket_server: Part,
    sandbox: Sandbox,
    tmp_path: Path,
    _mongo: MongoClient[dict[str, object]],
    _emptied: list[str],
) -> Iterator[Settings]:
    """Everything that the studio needs: an empty database and bucket, a fresh data folder, and the sandbox."""
    name = _emptied.pop() if _emptied else None
    database = name or f"test-{uuid.uuid4().hex[:12]}"
    uri, endpoint = mongod.provides["MONGODB_URI"], bucket_server.provides["R2_ENDPOINT_URL"]
    fresh = Settings(
        mongodb_uri=SecretStr(uri),
        mongodb_database=database,
        r2_endpoint_url=endpoint,
        r2_access_key_id="embedded",
        r2_secret_access_key=SecretStr(BUCKET_SECRET),
        r2_bucket=database,
        cdn_base_url=f"{endpoint}/{database}",
        approval_keys=(SecretStr(APPROVAL_KEY),),
        sandbox_url=sandbox.url,
        data_dir=tmp_path / "data",
    )
    if name is None:
        Storage(bucket_of(fresh)).ensure_bucket()
    yield fresh
    for used in (database, fresh.rates_database):
        for collection in _mongo[used].list_collection_names():
            _mongo[used][collection].delete_many({})
    empty_bucket(fresh)
    _emptied.append(database)


def _memory_disk() -> Path | None:
    """A folder in memory with room enough; None, which stands for the usual folder of temporary files, without."""
    if MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > MEMORY_DISK_BYTES:
        return MEMORY_DISK
    return None


class OneServerOneWorker(LoadFileScheduling):  # type: ignore[misc]  # see its import
    """Hands out files, those that share costly servers together: a worker starts the servers once for all of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(super()._split_scope(nodeid))
        if file.parent.name == "doors":
            return str(file.parent)
        if file.parent.name == "browser":
            files = sorted(other.name for other in (Path(__file__).parent / "browser").glob("test_*.py"))
            return f"{file.parent} {files.index(file.name) % BROWSER_WORKERS}"
        return str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneServerOneWorker:
    return OneServerOneWorker(config, log)
