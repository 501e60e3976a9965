"""What every test may ask for: settings that no developer's environment leaks into, and real servers behind them.

The servers (one mongod, one bucket server, one sandbox) are started by the first test that asks for them and
serve the whole run; each test that asks for `settings` has a database and a bucket of its own on them.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from imagegeneration.local.bucket import bucket_part
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import mongod_part
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from imagegeneration.storage import Storage
from tests.support import wait_until


@pytest.fixture(autouse=True, scope="session")
def _no_configuration_from_outside() -> Iterator[None]:
    """Hide the variables that the settings would read, and `.env`: a test must never find a real key."""
    with pytest.MonkeyPatch.context() as patch:
        proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
        for name in [*(field.upper() for field in Settings.model_fields), *proxies]:
            patch.delenv(name, raising=False)
        patch.setitem(Settings.model_config, "env_file", None)
        yield


@pytest.fixture(scope="session")
def servers_dir(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    """Where the servers of the whole run keep their data, logs and ports."""
    return DataDir(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="session")
def mongod(servers_dir: DataDir) -> Iterator[Part]:
    """A real mongod, a replica set of one."""
    part = mongod_part(servers_dir.path / "mongodb", servers_dir.port("mongod"))
    with _serving(part, servers_dir.path):
        part.prepare(Settings())
        yield part


@pytest.fixture(scope="session")
def bucket_server(servers_dir: DataDir) -> Iterator[Part]:
    """A real bucket server."""
    part = bucket_part(servers_dir.path / "bucket", servers_dir.port("bucket"), "images")
    with _serving(part, servers_dir.path):
        yield part


@pytest.fixture(scope="session")
def _sandbox_server() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


@pytest.fixture
def sandbox(_sandbox_server: Sandbox) -> Sandbox:
    """The sandbox provider, without delays, and without the calls and faults of other tests."""
    _sandbox_server.reset()
    return _sandbox_server


@pytest.fixture
def settings(mongod: Part, bucket_server: Part, sandbox: Sandbox, tmp_path: Path) -> Iterator[Settings]:
    """Everything that the studio needs: a fresh database, bucket and data folder, and the sandbox."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    uri, endpoint = mongod.provides["MONGODB_URI"], bucket_server.provides["R2_ENDPOINT_URL"]
    fresh = Settings(
        mongodb_uri=SecretStr(uri),
        mongodb_database=name,
        r2_endpoint_url=endpoint,
        r2_access_key_id="embedded",
        r2_secret_access_key=SecretStr("embedded"),
        r2_bucket=name,
        cdn_base_url=f"{endpoint}/{name}",
        sandbox_url=sandbox.url,
        data_dir=tmp_path / "data",
    )
    Storage(fresh).ensure_bucket()
    yield fresh
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


@contextlib.contextmanager
def _serving(part: Part, folder: Path) -> Iterator[None]:
    log = Log(folder / f"{part.name}.log")
    log.begin()
    process = Process(part.name, part.command, os.environ, log)
    process.start()
    try:
        wait_until(lambda: part.listens, f"{part.name} listens")
        yield
    finally:
        process.kill()
