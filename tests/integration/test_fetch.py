"""The guarded fetcher: hostile addresses, names that change their mind, redirects, and bodies without an end.

The server is on 127.0.0.2, the one address that is allowed here; 127.0.0.1 stands for everything inside.
"""

from __future__ import annotations

import dataclasses
import gzip
import socket
import ssl
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from ssrfguard import BlockedAddressError

from imagegeneration.assets.fetch import MAX_REDIRECTS, PUBLIC_HTTPS, Fetcher, FetchFailed
from tests.wire.loopback import HANG, RESET, Loopback, Received, Sent

MAX_BYTES = 1_000
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.0.0.2",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:168.63.129.16",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::a83f:8110",
    "64:ff9b:1::a9fe:a9fe",
    "::ffff:0:7f00:1",
    "::ffff:0:a9fe:a9fe",
    "2a00:1450::5efe:7f00:1",
    "2a00:1450::200:5efe:a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:a83f:8110::1",
    "2001:0:a9fe:a9fe::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]

HOSTILE = [
    "",
    "image.png",
    "//example.com/image.png",
    "http://example.com/image.png",
    "http://example.com:443/image.png",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/image.png",
    "data:image/png;base64,AAAA",
    "https://",
    "https:///image.png",
    "https://example.com:8443/image.png",
    "https://example.com:22/",
    "https://user@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com%2f@127.0.0.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://①②⑦.0.0.1/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "https://[::1%25lo]/",
    "https://[fe80::1%eth0]/",
    "https://exa mple.com/",
    "https://example.com\r\nhost: inside/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\t/",
    "https://\u0000/",
    "https://" + "a" * 300 + ".com/",
    "https://example.com/" + "a" * 9_000,
    *(f"https://[{address}]/" if ":" in address else f"https://{address}/" for address in INSIDE),
]


class Names:
    """A resolver of the test's own: each question about a name gets the next of its answers."""

    def __init__(self, *answers: str | list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [_row(address, port) for address in ([answer] if isinstance(answer, str) else answer)]


def _row(address: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)


def _as_the_system(host: str, port: int, *_: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    """Numbers in any notation are themselves, as for the system's resolver; any other name is a public server."""
    try:
        address = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        address = "127.0.0.1" if host == "localhost" else "93.184.215.14"
    return [_row(address, port)]


class Files(Loopback):
    def serve(self, received: Received) -> Sent:
        if received.path == "/image.png":
            return Sent(200, b"image")
        if received.path.startswith("/again/"):
            left = int(received.path.removeprefix("/again/"))
            return Sent(302, headers={"location": f"/again/{left - 1}" if left > 1 else "/image.png"})
        return Sent(404)


@pytest.fixture
def files() -> Iterator[Files]:
    with Files("127.0.0.2") as server:
        yield server


def fetcher_of(server: Loopback, resolver: Names | None = None, *, network: str = "127.0.0.2/32") -> Fetcher:
    policy = dataclasses.replace(
        PUBLIC_HTTPS,
        allowed_schemes=frozenset({"http"}),
        allowed_networks=(ip_network(network),),
        allowed_ports=frozenset({server.port}),
    )
    return Fetcher(policy, resolver, NOBODY)


def fetch(fetcher: Fetcher, url: str, *, seconds: float = 5) -> bytes:
    return fetcher.fetch(url, max_bytes=MAX_BYTES, deadline=time.monotonic() + seconds)


def failure_of(fetcher: Fetcher, url: str, *, seconds: float = 5) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        fetch(fetcher, url, seconds=seconds)
    return caught.value


def test_an_image_is_fetched(files: Files) -> None:
    assert fetch(fetcher_of(files), f"{files.url}/image.png") == b"image"


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused(url: str) -> None:
    failed = failure_of(Fetcher(resolver=_as_the_system, tls=NOBODY), url)
    assert (str(failed), failed.may_pass) == ("Its address is not one that may be fetched.", False)


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_resolves_to_the_inside_is_refused(address: str) -> None:
    failed = failure_of(Fetcher(resolver=Names(address), tls=NOBODY), "https://images.example.com/image.png")
    assert isinstance(failed.__cause__, BlockedAddressError)


def test_a_name_that_resolves_to_both_sides_is_refused(files: Files) -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])
    assert not failure_of(fetcher_of(files, names), f"http://images.example.com:{files.port}/image.png").may_pass
    assert files.received == []


def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(files: Files) -> None:
    names = Names("127.0.0.2", "127.0.0.1")
    assert fetch(fetcher_of(files, names), f"http://images.example.com:{files.port}/image.png") == b"image"
    assert names.asked == ["images.example.com"]


def test_a_name_that_changes_its_mind_between_redirects_is_refused(files: Files) -> None:
    names = Names("127.0.0.2", "127.0.0.1")
    assert not failure_of(fetcher_of(files, names), f"http://images.example.com:{files.port}/again/1").may_pass
    assert len(files.received) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/image.png",
        "http://169.254.169.254:{port}/latest/meta-data/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "//127.0.0.1:{port}/",
        "https://127.0.0.2:{port}/image.png",
        "http://127.0.0.2:1/image.png",
        "file:///etc/passwd",
        "gopher://127.0.0.2:{port}/",
        "http://user@127.0.0.2:{port}/image.png",
        "http://[::ffff:127.0.0.1]:{port}/",
    ],
)
def test_a_redirect_to_the_inside_is_refused(files: Files, location: str) -> None:
    files.always["/image.png"] = Sent(302, headers={"location": location.format(port=files.port)})
    assert not failure_of(fetcher_of(files), f"{files.url}/image.png").may_pass
    assert len(files.received) == 1


def test_a_few_redirects_are_followed_and_no_more(files: Files) -> None:
    fetcher = fetcher_of(files)
    assert fetch(fetcher, f"{files.url}/again/{MAX_REDIRECTS}") == b"image"
    assert "redirected more than" in str(failure_of(fetcher, f"{files.url}/again/{MAX_REDIRECTS + 1}"))


def test_nothing_goes_along_that_tells_of_the_studio(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    location = Sent(302, headers={"location": "/image.png", "set-cookie": "a=b"})
    files.faults["/image.png"].append(location)
    assert fetch(fetcher_of(files), f"{files.url}/image.png") == b"image"
    assert {name.lower() for name in files.received[1].headers} == {"host", "accept", "accept-encoding", "user-agent"}


def test_a_body_that_is_too_large_is_not_read_to_its_end(files: Files) -> None:
    files.always["/image.png"] = Sent(200, b"x" * (MAX_BYTES + 1), declared=10**9)
    assert "larger" in str(failure_of(fetcher_of(files), f"{files.url}/image.png"))


def test_the_largest_body_is_fetched(files: Files) -> None:
    files.always["/image.png"] = Sent(200, b"x" * MAX_BYTES)
    assert len(fetch(fetcher_of(files), f"{files.url}/image.png")) == MAX_BYTES


def test_a_compressed_body_is_not_unpacked(files: Files) -> None:
    bomb = gzip.compress(bytes(10**6))[:MAX_BYTES]
    files.always["/image.png"] = Sent(200, bomb, {"content-encoding": "gzip"})
    assert "encoding" in str(failure_of(fetcher_of(files), f"{files.url}/image.png"))


@pytest.mark.parametrize(
    "slow",
    [
        HANG,
        Sent(200, b"x" * 900, drip=0.01),
        Sent(200, b"", {"x-long": "x" * 900}, drip=0.01),
        Sent(200, b"x", declared=900, drip=0.05),
    ],
)
def test_one_deadline_is_over_head_and_body(files: Files, slow: Sent) -> None:
    files.always["/image.png"] = slow
    begun = time.monotonic()
    failed = failure_of(fetcher_of(files), f"{files.url}/image.png", seconds=0.5)
    assert failed.may_pass
    assert time.monotonic() - begun < 3


def test_one_deadline_is_over_all_redirects(files: Files) -> None:
    for left in range(1, MAX_REDIRECTS + 1):
        next_path = f"/again/{left - 1}" if left > 1 else "/image.png"
        files.always[f"/again/{left}"] = Sent(302, headers={"location": next_path}, drip=0.005)
    failed = failure_of(fetcher_of(files), f"{files.url}/again/{MAX_REDIRECTS}", seconds=0.4)
    assert (str(failed), failed.may_pass) == ("It did not arrive in time.", True)


@pytest.mark.parametrize("broken", [RESET, Sent(200, b"half", declared=900), Sent(200, b"image", {"x": "a\r\nb"})])
def test_a_broken_answer_may_pass(files: Files, broken: Sent) -> None:
    files.faults["/image.png"].append(broken)
    assert failure_of(fetcher_of(files), f"{files.url}/image.png").may_pass


@pytest.mark.parametrize(("status", "may_pass"), [(403, False), (404, False), (410, False), (429, True), (503, True)])
def test_a_refusal_says_whether_it_may_pass(files: Files, status: int, may_pass: bool) -> None:
    files.always["/image.png"] = Sent(status)
    failed = failure_of(fetcher_of(files), f"{files.url}/image.png")
    assert (failed.may_pass, str(status) in str(failed)) == (may_pass, True)


def test_a_server_that_is_not_there_may_pass() -> None:
    with Files("127.0.0.2") as gone:
        fetcher = fetcher_of(gone)
    assert failure_of(fetcher, f"{gone.url}/image.png").may_pass


def test_a_name_that_does_not_resolve_may_pass() -> None:
    def unknown(*_: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert failure_of(Fetcher(resolver=unknown, tls=NOBODY), "https://images.example.com/").may_pass


def test_a_server_that_speaks_no_tls_is_not_spoken_to_without(files: Files) -> None:
    policy = dataclasses.replace(
        PUBLIC_HTTPS, allowed_networks=(ip_network("127.0.0.2/32"),), allowed_ports=frozenset({files.port})
    )
    failure_of(Fetcher(policy, tls=NOBODY), f"https://127.0.0.2:{files.port}/image.png")
    assert files.received == []
