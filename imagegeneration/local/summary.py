"""The summary that `make run` prints once everything is up."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from imagegeneration.configuration import bucket_of, endpoints_of, limits_of
from imagegeneration.local.part import Part
from imagegeneration.money.money import format_usd
from imagegeneration.settings import Settings


def summary(settings: Settings, parts: Sequence[Part], data: Path) -> str:
    """Return a few lines: the address, which part is used for what, and how to stop it. They name no secret."""
    embedded = {part.name: f"embedded, on port {part.port}" for part in parts}
    url = dashboard_url(browser_host(settings), settings)
    rows = (
        ("Dashboard", url),
        ("API", f"{url}/image/docs"),
        ("Database", embedded.get("mongod") or _without_secrets(settings.require_database())),
        ("Bucket", embedded.get("bucket") or f"{settings.r2_bucket} at {bucket_of(settings).endpoint_url}"),
        ("Images", _images(settings)),
        ("Data, logs", str(data)),
    )
    lines = [f"  {name:<11}{value}" for name, value in rows]
    return "\n".join(["", "Image Studio is ready. Ctrl-C stops it.", "", *lines, ""])


def dashboard_url(host: str, settings: Settings) -> str:
    """Return the dashboard's address at a host: a name, or an address of version 4 or 6."""
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def browser_host(settings: Settings) -> str:
    """Return where a browser on this machine finds the dashboard: a wildcard address stands for loopback too."""
    try:
        address = ipaddress.ip_address(settings.host)
    except ValueError:
        return settings.host
    return ("127.0.0.1" if address.version == 4 else "::1") if address.is_unspecified else settings.host


def _images(settings: Settings) -> str:
    endpoints = endpoints_of(settings)
    if endpoints.keys() - {"sandbox"}:
        limit = format_usd(limits_of(settings).daily_micros)
        addresses = ", ".join(endpoint.url for endpoint in endpoints.values())
        return f"made at {addresses}; they cost money, at most {limit} a day"
    return "SANDBOX: no image is real and no money is spent. OPENAI_API_KEY makes real ones."


def _without_secrets(uri: str) -> str:
    """Return the hosts of a database URI, which may carry a user name and a password."""
    return urlsplit(uri).netloc.rpartition("@")[2]
