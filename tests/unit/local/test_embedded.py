from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagegeneration.local.datadir import DataDir
from imagegeneration.local.embedded import embedded_parts
from imagegeneration.local.summary import summary
from imagegeneration.settings import Settings

MONGODB = {"mongodb_uri": "mongodb://someone:secret@db.example:27017/?replicaSet=rs0"}
R2 = {
    "r2_account_id": "abc",
    "r2_access_key_id": "key",
    "r2_secret_access_key": "secret",
    "cdn_base_url": "https://cdn.example",
}
OPENAI = {"openai_api_key": "secret"}


def _settings(tmp_path: Path, **values: Any) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, **values})


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        ({}, ["mongod", "bucket", "sandbox"]),
        (MONGODB, ["bucket", "sandbox"]),
        (R2, ["mongod", "sandbox"]),
        ({"r2_access_key_id": "key"}, ["mongod", "sandbox"]),
        ({"r2_bucket": "mine"}, ["mongod", "bucket", "sandbox"]),
        (OPENAI, ["mongod", "bucket"]),
        ({"openai_base_url": "http://10.0.0.5:8000/v1"}, ["mongod", "bucket"]),
        ({**MONGODB, **R2, **OPENAI}, []),
    ],
)
def test_only_what_is_not_configured_is_embedded(
    tmp_path: Path, configured: dict[str, Any], expected: list[str]
) -> None:
    parts = embedded_parts(_settings(tmp_path, **configured), DataDir(tmp_path))

    assert [part.name for part in parts] == expected


def test_the_embedded_bucket_is_called_as_configured_and_is_its_own_cdn(tmp_path: Path) -> None:
    _, bucket, _ = embedded_parts(_settings(tmp_path, r2_bucket="mine"), DataDir(tmp_path))

    assert bucket.provides["R2_BUCKET"] == "mine"
    assert bucket.provides["CDN_BASE_URL"] == f"http://127.0.0.1:{bucket.port}/mine"


def test_options_go_to_the_sandbox(tmp_path: Path) -> None:
    *_, sandbox = embedded_parts(_settings(tmp_path), DataDir(tmp_path), "--delay", "0.5")

    assert sandbox.command[-2:] == ["--delay", "0.5"]


def test_the_summary_names_what_is_used_and_no_secret(tmp_path: Path) -> None:
    text = summary(_settings(tmp_path, **MONGODB, **R2, **OPENAI), [], tmp_path)

    assert "db.example:27017" in text
    assert "https://abc.r2.cloudflarestorage.com" in text
    assert "cost money" in text
    assert "SANDBOX" not in text
    assert "secret" not in text


def test_the_summary_says_when_nothing_is_real(tmp_path: Path) -> None:
    settings = _settings(tmp_path, host="0.0.0.0", port=8600)

    text = summary(settings, embedded_parts(settings, DataDir(tmp_path)), tmp_path)

    assert "SANDBOX: no image is real and no money is spent" in text
    assert "http://127.0.0.1:8600" in text
