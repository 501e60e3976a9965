"""Which addresses, hosts and origins are answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from starlette.types import Scope

from imagegeneration.core.errors import NotAllowed
from imagegeneration.settings import is_loopback

_WINDING = re.compile(r"//|\\|/\.\.?(/|$)")
"""Addresses that parsers read differently: the gate and the application must read the same one."""


_HOST = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""A Host header: a name or an address, and a port. Some parsers accept more."""


_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


def check_local(scope: Scope, headers: Mapping[str, str]) -> None:
    """Raise NotAllowed (IMG_010) for a connection from outside, or for a page of another site in this browser."""
    server = scope.get("server")
    if server is None or not is_loopback(server[0]):
        raise NotAllowed(
            "Without sign-in the studio answers on this machine only.",
            resolution="Set HOST=127.0.0.1 and open http://localhost on the machine itself, or through an SSH tunnel.",
        )
    host = headers.get("host", "").lower()
    if not _HOST.fullmatch(host) or not is_loopback(_split(f"//{host}").hostname or ""):
        raise NotAllowed("The Host header does not name this machine.")
    _check_origin(scope, headers, f"http://{host}", f"https://{host}")


def check_public(scope: Scope, headers: Mapping[str, str], public_url: str) -> None:
    """Raise NotAllowed (IMG_010) for another Host than PUBLIC_URL's, or for a page of another site.

    Health checks may use any Host, because machines know the server by other names.
    """
    own = _split(public_url.lower())
    if headers.get("host", "").lower() != own.netloc and not scope["path"].startswith("/image/health/"):
        raise NotAllowed("The Host header does not name this studio.", resolution=f"Open {public_url}.")
    _check_origin(scope, headers, f"{own.scheme}://{own.netloc}")


def _check_origin(scope: Scope, headers: Mapping[str, str], *own: str) -> None:
    """Raise NotAllowed (IMG_010) for a page of another site, by `Origin`, or by `Sec-Fetch-Site` if that is missing."""
    origin = headers.get("origin")
    is_foreign = origin is not None and origin.lower() not in own
    is_change = scope.get("method", "GET") not in _CHANGES_NOTHING
    if is_foreign or (is_change and headers.get("sec-fetch-site", "none") not in ("none", "same-origin")):
        raise NotAllowed("The request comes from a page of another site.")


def client_address(scope: Scope) -> str:
    """Return the client's address; behind a reverse proxy, the one that the proxy forwarded."""
    client = scope.get("client")
    return "unknown" if client is None else str(client[0])


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # for example "http://["
        return urlsplit("")
