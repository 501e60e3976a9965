"""The embedded parts that a configuration needs: one for everything that it does not name."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from imagegeneration.configuration import provider_of
from imagegeneration.local.bucket import bucket_part
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import locked_mongod_part
from imagegeneration.local.part import Part
from imagegeneration.local.summary import browser_host, dashboard_url
from imagegeneration.settings import Settings


def embedded_parts(settings: Settings, data: DataDir, *sandbox_options: str) -> list[Part]:
    """Return the parts to start, in their order. Raises ConfigurationError if one is not available.

    `sandbox_options` go to the sandbox's command line.
    """
    parts = []
    if settings.mongodb_uri is None:
        parts.append(locked_mongod_part(data))
    if not _names_a_bucket(settings):
        parts.append(bucket_part(data, settings.r2_bucket, _origins(settings)))
    if provider_of(settings) in (None, "sandbox"):
        parts.append(_sandbox_part(data, sandbox_options))
    return parts


def _origins(settings: Settings) -> list[str]:
    """Return the addresses at which a browser may have the dashboard open."""
    hosts = dict.fromkeys(("127.0.0.1", "localhost", browser_host(settings)))
    here = [dashboard_url(host, settings) for host in hosts]
    return [*here, settings.public_url] if settings.public_url else here


def _names_a_bucket(settings: Settings) -> bool:
    """Return whether any variable names a bucket: half a configuration is an error, not a reason for another bucket."""
    return any(
        (
            settings.r2_endpoint_url,
            settings.r2_account_id,
            settings.r2_access_key_id,
            settings.r2_secret_access_key,
            settings.cdn_base_url,
        )
    )


def _sandbox_part(data: DataDir, options: Sequence[str]) -> Part:
    port, calls = data.port("sandbox"), data.path / "sandbox-calls.jsonl"
    module = "imagegeneration.local.sandbox"
    return Part(
        name="sandbox",
        command=[sys.executable, "-m", module, "--port", str(port), "--log", str(calls), *options],
        port=port,
        provides={"SANDBOX_URL": f"http://127.0.0.1:{port}/v1"},
        prepare=lambda _: None,
    )
