"""The dashboard with the API in a process of its own, with sign-in, for requests with and without a session."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from imagegeneration.assets.bucket import Storage
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import bucket_of
from imagegeneration.core.roles import Role
from imagegeneration.local.__main__ import dashboard_command
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.people.person import LOGIN_COOKIE, Identity
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings
from tests.support import APPROVAL_KEY, wait_until

PROVIDER = {
    "name": "idp",
    "label": "Example",
    "issuer": "http://localhost:9",
    "clientId": "studio",
    "roles": {"admin": ["owner@example.com"]},
}


@dataclass(frozen=True)
class Server:
    """The running server, and a studio on its database, to let people in without a provider."""

    settings: Settings
    studio: Studio
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def client(self, **headers: str) -> httpx.Client:
        """A stranger, unless the headers say otherwise."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def enter(self, name: str, *roles: Role) -> dict[str, str]:
        """The header of a browser in which a person with these roles is signed in."""
        address = f"{name}@example.com"
        identity = Identity(issuer="http://localhost:9", subject=name, email=address, name=name)
        person = self.studio.people.signed_in(identity, {role: [address] for role in roles})
        return {"Cookie": f"{LOGIN_COOKIE}={self.studio.logins.create(person, 'idp', 'idp')}"}

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.settings.port), timeout=30)

    def answer(self, request: bytes) -> bytes:
        """What the server says to these bytes, until it has nothing more to say within a second."""
        with self.connect() as connection:
            connection.sendall(request)
            connection.settimeout(1)
            return b"".join(_received(connection))

    @property
    def megabytes(self) -> float:
        """The memory that the process holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:", 1)[1].split(maxsplit=1)[0]) / 1024


def _received(connection: socket.socket) -> Iterator[bytes]:
    try:
        while data := connection.recv(65536):
            yield data
    except OSError:
        return


@pytest.fixture(scope="package")
def server(
    servers_dir: DataDir,
    mongod: Part,
    bucket_server: Part,
    _sandbox_server: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    name, endpoint = f"doors-{uuid.uuid4().hex[:12]}", bucket_server.provides["R2_ENDPOINT_URL"]
    port = servers_dir.port("doors")
    settings = Settings(
        mongodb_uri=SecretStr(mongod.provides["MONGODB_URI"]),
        mongodb_database=name,
        r2_endpoint_url=endpoint,
        r2_access_key_id="embedded",
        r2_secret_access_key=SecretStr("embedded"),
        r2_bucket=name,
        cdn_base_url=f"{endpoint}/{name}",
        approval_keys=(SecretStr(APPROVAL_KEY),),
        sandbox_url=_sandbox_server.url,
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        sign_in_providers=(SignInProvider.model_validate(PROVIDER),),
        data_dir=tmp_path_factory.mktemp("doors"),
    )
    Storage(bucket_of(settings)).ensure_bucket()
    log = Log(settings.data_dir / "dashboard.log")
    process = Process("dashboard", dashboard_command(settings), os.environ | _environment(settings), log)
    studio = build_studio(settings)
    process.start()
    started = Server(settings, studio, process.pid)
    try:
        wait_until(lambda: _is_ready(started), "the dashboard is ready", seconds=60)
        yield started
    finally:
        process.kill()
        studio.close()


def _environment(settings: Settings) -> dict[str, str]:
    chosen = settings.model_dump(exclude_unset=True, exclude={"sign_in_providers", "approval_keys"})
    plain = {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in chosen.items()
    }
    return plain | {"APPROVAL_KEYS": APPROVAL_KEY, "SIGN_IN_PROVIDERS": json.dumps([PROVIDER])}


def _is_ready(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/image/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
