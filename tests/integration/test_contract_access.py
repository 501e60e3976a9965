"""Any request of a stranger, and of a key with a small scope: no fault of ours, nothing told, nothing undocumented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.api.app import build_api
from imagegeneration.bootstrap import Studio
from imagegeneration.local.datadir import DataDir
from imagegeneration.people.key import key_sha256
from imagegeneration.settings import Settings
from tests.integration.belongings import Belongings, belongings
from tests.integration.company import build_company, make_key, somebody
from tests.integration.conftest import listening
from tests.integration.leak_hooks import SECRETS

pytestmark = pytest.mark.timeout(600)  # every operation is fuzzed, which a busy machine does in minutes

FORMS = [
    ("fuzzing", 3),
    pytest.param(("coverage,fuzzing", 20), marks=pytest.mark.long),
]
"""Phases and examples of each operation: the short form sends to each operation, the long one covers each field."""

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,no_leak"
)


@pytest.fixture
def port(servers_dir: DataDir) -> int:
    return servers_dir.port("contract")


@pytest.fixture
def company(settings: Settings, port: int) -> Iterator[Studio]:
    """A studio with sign-in behind a real HTTP server."""
    built = build_company(settings, public_url=f"http://127.0.0.1:{port}")
    with listening(built, port):
        yield built
    built.close()


@pytest.fixture
def anns(company: Studio, database: Database[dict[str, Any]]) -> Belongings:
    return belongings(company, database)


def attack(
    company: Studio, port: int, folder: Path, secrets: Sequence[str], form: tuple[str, int], *headers: str
) -> None:
    """Send what schemathesis makes of the document to every operation, with these headers."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(build_api(lambda: company).openapi()))
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(document)),
        *("--url", f"http://127.0.0.1:{port}/image", "--checks", CHECKS, "--mode", "all"),
        *("--phases", form[0], "--max-examples", str(form[1])),
        *("--seed", "20261121", "--no-color", *(part for header in headers for part in ("-H", header))),
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.integration.leak_hooks",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        SECRETS: "\n".join(secrets),
    }
    result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    operations = sum(map(len, build_api(lambda: company).openapi()["paths"].values()))
    assert f"{operations}/{operations}" in result.stdout, "every operation is tested"


def kept_from_everybody(company: Studio, anns: Belongings, folder: Path) -> Sequence[str]:
    """What nobody may read: what is Ann's, and where things are."""
    return (*anns.marks, company.settings.require_database(), str(folder), str(company.settings.data_dir))


@pytest.mark.parametrize("form", FORMS)
def test_a_stranger_finds_nothing_out(
    company: Studio, anns: Belongings, port: int, tmp_path: Path, form: tuple[str, int]
) -> None:
    attack(company, port, tmp_path, kept_from_everybody(company, anns, tmp_path), form)


@pytest.mark.parametrize("form", FORMS)
def test_a_key_of_small_scope_finds_nothing_out(
    company: Studio,
    anns: Belongings,
    database: Database[dict[str, Any]],
    port: int,
    tmp_path: Path,
    form: tuple[str, int],
) -> None:
    before = list(database.jobs.find({}))
    key = make_key(somebody(company, "bob", "creator", "operator"), "look")
    secrets = (*kept_from_everybody(company, anns, tmp_path), key, key_sha256(key))
    attack(company, port, tmp_path, secrets, form, f"Authorization: Bearer {key}")
    assert list(database.jobs.find({})) == before
