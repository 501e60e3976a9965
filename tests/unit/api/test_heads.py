"""Whose address counts behind a proxy, and which hosts this machine answers to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from imagegeneration.api.addresses import check_local, client_address
from imagegeneration.api.heads import ClientAddresses
from imagegeneration.core.errors import ConfigurationError, NotAllowed
from imagegeneration.settings import load_settings
from tests.support import run_async


def address(trusted: str, peer: str, forwarded: str) -> str:
    """The address that counts for a request over a connection from `peer`."""
    found = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(client_address(scope))

    studio: Any = SimpleNamespace(settings=load_settings(trusted_proxies=trusted, _env_file=None))
    scope: Scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    nothing: Any = None
    run_async(ClientAddresses(app, lambda: studio), scope, nothing, nothing)
    return found[0]


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        ("10.0.0.1", "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.0/24, ::1", "::1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the first is what the client has made up
        ("10.0.0.1", "203.0.113.9", "1.1.1.1", "203.0.113.9"),
        ("10.0.0.1", "127.0.0.1", "1.1.1.1", "127.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_says_where_a_client_is(trusted: str, peer: str, forwarded: str, expected: str) -> None:
    assert address(trusted, peer, forwarded) == expected


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1/24", "10.0.0.1,"])
def test_a_wrong_proxy_is_found_at_start(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^TRUSTED_PROXIES is wrong"):
        load_settings(trusted_proxies=wrong, _env_file=None)


def check(host: str) -> None:
    check_local({"type": "http", "server": ("127.0.0.1", 8501), "method": "GET"}, {"host": host})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "127.0.0.1:8501", "[::1]:8501", "studio.localhost"])
def test_this_machine_has_these_names(host: str) -> None:
    check(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example@localhost", "user:pass@localhost:8501", "localhost/x", "localhost?x"),
        *(
            "localhost#x",
            "localhost:x",
            "localhost:",
            "localhost:8501:1",
            "[::1",
            "[::1]x",
            " localhost",
            "localhost\t",
        ),
        *("localhost,evil.example", "localhost evil.example", "::1", "localhost..", "127.0.0.1\\@evil.example"),
    ],
)
def test_a_malformed_host_is_none_of_them(host: str) -> None:
    with pytest.raises(NotAllowed):
        check(host)
