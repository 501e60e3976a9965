"""The embedded bucket: an S3 server whose public objects anybody may read, and nobody may do anything else."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from imagegeneration.assets.bucket import CACHE_CONTROL, Storage
from imagegeneration.configuration import bucket_of
from imagegeneration.core.errors import StorageFailed
from imagegeneration.local.bucket import bucket_part
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.settings import Settings
from tests.support import remove_sockets, serving

KEY, CONTENT = "2026/11/image.png", b"bytes of an image"
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="key"\r\n\r\nevil.png\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="evil.png"\r\n\r\nevil\r\n--B--\r\n'
)
DASHBOARD = "http://127.0.0.1:8501"
PAGES = [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {}]
"""What a browser sends for another site's page, for one whose name leads to this machine, and another program."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, _ports_of_this_worker: None) -> DataDir:
    return DataDir(tmp_path_factory.mktemp("embedded") / "data")


@pytest.fixture(scope="module")
def part(data: DataDir) -> Iterator[Part]:
    """The bucket as `make run` starts it again after a kill, with an object in it and one in a private bucket."""
    part = bucket_part(data, "images", [DASHBOARD, "http://localhost:8501"])
    with serving(part, data.path):
        part.prepare(_settings(part))
        Storage(bucket_of(_settings(part))).put(KEY, CONTENT, "image/png", compare=True)
        owner = _client(part)
        owner.create_bucket(Bucket="private")
        owner.put_object(Bucket="private", Key=KEY, Body=CONTENT)
    with serving(part, data.path):
        part.prepare(_settings(part))
        yield part
    remove_sockets(data.path)


@pytest.fixture
def storage(part: Part) -> Storage:
    return Storage(bucket_of(_settings(part)))


def _settings(part: Part, **changed: str) -> Settings:
    return Settings.model_validate({name.lower(): value for name, value in {**part.provides, **changed}.items()})


def _client(part: Part) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=part.provides["R2_ENDPOINT_URL"],
        aws_access_key_id=part.provides["R2_ACCESS_KEY_ID"],
        aws_secret_access_key=part.provides["R2_SECRET_ACCESS_KEY"],
        region_name="auto",
        config=Config(),
    )


def _inner_ports(data: DataDir) -> dict[str, int]:
    ports: dict[str, int] = json.loads((data.path / "ports.json").read_text())
    return {name: port for name, port in ports.items() if name.startswith("bucket-")}


@pytest.mark.parametrize("page", PAGES)
def test_what_was_put_before_a_kill_can_be_read_by_who_knows_its_key(part: Part, page: Mapping[str, str]) -> None:
    answer = httpx2.get(f"{part.provides['CDN_BASE_URL']}/{KEY}", headers=page)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == CACHE_CONTROL
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/images"),
        ("GET", "/images/"),
        ("GET", "/images?list-type=2"),
        ("GET", "/images?versions"),
        ("GET", "/images?uploads"),
        ("GET", "/images?policy"),
        ("GET", f"/images/{KEY}?acl"),
        ("GET", f"/images/{KEY}?tagging"),
        ("GET", f"/private/{KEY}"),
        ("GET", f"/images/../private/{KEY}"),
        ("GET", f"/images/%2e%2e/private/{KEY}"),
        ("GET", f"/images//private/{KEY}"),
        ("GET", f"/buckets/private/{KEY}"),
        ("PUT", f"/images/{KEY}"),
        ("PUT", "/images/new.png"),
        ("PUT", "/images"),
        ("PUT", "/images?policy"),
        ("PUT", "/evil"),
        ("POST", "/images"),
        ("POST", "/images?delete"),
        ("POST", "/images/new.png?uploads"),
        ("POST", "/"),
        ("DELETE", f"/images/{KEY}"),
        ("DELETE", "/images"),
        ("DELETE", "/images?policy"),
    ],
)
def test_all_else_is_for_who_has_the_secret(
    part: Part, storage: Storage, method: str, path: str, page: Mapping[str, str]
) -> None:
    head = {**page, "Content-Type": "multipart/form-data; boundary=B"}
    answer = httpx2.request(method, part.provides["R2_ENDPOINT_URL"] + path, content=FORM, headers=head)

    assert answer.status_code in (400, 403, 404, 405)
    assert "<Contents>" not in answer.text
    assert CONTENT not in answer.content
    assert storage.keys("") == [KEY]
    assert storage.get(KEY) == CONTENT
    assert _client(part).get_object(Bucket="private", Key=KEY)["Body"].read() == CONTENT


def test_a_page_of_another_site_is_told_no_content(part: Part) -> None:
    asks = {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}
    preflight = httpx2.options(f"{part.provides['CDN_BASE_URL']}/{KEY}", headers=asks)

    assert "access-control-allow-origin" not in preflight.headers


def test_the_dashboard_reads_an_object_to_save_it_under_a_name(part: Part) -> None:
    def allowed(origin: str) -> str | None:
        answer = httpx2.get(f"{part.provides['CDN_BASE_URL']}/{KEY}", headers={"Origin": origin})
        return answer.headers.get("access-control-allow-origin")

    assert allowed(DASHBOARD) == DASHBOARD
    assert allowed("http://evil.example:8501") is None
    assert allowed(f"{DASHBOARD}0") is None


@pytest.mark.parametrize("wrong", [{"R2_SECRET_ACCESS_KEY": "guessed"}, {"R2_ACCESS_KEY_ID": "guessed"}])
def test_a_wrong_secret_is_refused(part: Part, wrong: dict[str, str]) -> None:
    guesser = Storage(bucket_of(_settings(part, **wrong)))

    with pytest.raises(StorageFailed, match="403"):
        guesser.get(KEY)
    with pytest.raises(StorageFailed, match="403"):
        guesser.put("new.png", b"evil", "image/png", compare=False)


def test_a_presigned_address_opens_one_object_and_no_other(part: Part) -> None:
    url = _client(part).generate_presigned_url("get_object", {"Bucket": "private", "Key": KEY}, ExpiresIn=60)

    assert httpx2.get(url).content == CONTENT
    assert httpx2.get(url.replace("image.png", "other.png")).status_code == 403


def test_an_object_is_never_put_over_another(part: Part, storage: Storage) -> None:
    storage.put(KEY, b"other", "image/png", compare=False)

    with pytest.raises(ClientError, match="PreconditionFailed"):
        _client(part).put_object(Bucket="images", Key=KEY, Body=b"other", IfNoneMatch="*")
    assert storage.get(KEY) == CONTENT


def test_behind_s3_every_port_wants_a_certificate(data: DataDir, part: Part) -> None:
    ports = _inner_ports(data)
    assert sorted(ports) == [
        *("bucket-filer", "bucket-filer.grpc", "bucket-master", "bucket-master.grpc"),
        *("bucket-s3.grpc", "bucket-volume", "bucket-volume.grpc"),
    ]
    assert _listening(_pid_of(part)) == {part.port, *ports.values()}

    for name, port in ports.items():
        assert _answer(port, None) in (b"", b"Client sent an HTTP request to an HTTPS server.\n"), name
        anybody = ssl.create_default_context(cafile=data.path / "bucket-certificate")
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate required"):
            _answer(port, anybody)
    known = ssl.create_default_context(cafile=data.path / "bucket-certificate")
    known.load_cert_chain(data.path / "bucket-certificate")
    assert b'"IsLeader":true' in _answer(ports["bucket-master"], known, "/cluster/status"), "the test can tell"


def _answer(port: int, tls: ssl.SSLContext | None, path: str = "/") -> bytes:
    """What a web page gets to read, over HTTP or over TLS."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        if tls is not None:
            connection = stack.enter_context(tls.wrap_socket(connection, server_hostname="127.0.0.1"))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if head.startswith(b"HTTP/") else b""


def _pid_of(part: Part) -> int:
    (pid,) = (
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if f"-s3.port={part.port}\0" in path.read_text(errors="replace")
    )
    return pid


def _listening(pid: int) -> set[int]:
    """The ports on which a process listens."""
    files = {file.readlink().name for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in files}


def test_secret_and_certificate_are_in_files_of_their_owner_and_not_on_the_command_line(
    data: DataDir, part: Part
) -> None:
    names = ("bucket-secret", "bucket-certificate")

    assert [(data.path / name).stat().st_mode & 0o777 for name in names] == [0o600] * 2
    assert not any(data.secret(name) in word for name in names for word in part.command)
    assert not any(data.secret(name) in (data.path / "bucket.log").read_text() for name in names)
