"""What is pinned is what is installed, listed and audited; what could not be audited did not pass."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
LOCKS = [RUNTIME, DEVELOPMENT, "requirements-peers.txt", "requirements-install.txt"]


def blocks(lock: str) -> list[str]:
    """The entries of a lock, each with what belongs to it."""
    return re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())


def pins(lock: str) -> list[tuple[str, str]]:
    return [(entry.partition("==")[0], re.split(r"[ ;]", entry.partition("==")[2])[0]) for entry in blocks(lock)]


def make(target: str, dist: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a target with the environment that the tests run in, which is not installed anew."""
    set_to = {"VENV": sys.prefix, "DIST": str(dist), **variables}
    installed = [f"--old-file={sys.prefix}/{name}" for name in ("bin/uv", ".installed", ".installed-dev")]
    quietly = ["make", "--no-print-directory", *installed]
    command = [*quietly, target, *(f"{name}={value}" for name, value in set_to.items())]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_once_by_version_and_hash_and_says_nothing_of_where_it_came_from(lock: str) -> None:
    assert len(pins(lock)) == len(set(pins(lock))) > 0
    for entry in blocks(lock):
        assert re.match(r"[a-z0-9-]+==[^ ]+ (; [^\\]+)?\\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert not re.search(r"://|--index|--find-links|^/", (ROOT / lock).read_text(), re.MULTILINE)


def test_what_node_runs_is_pinned_by_version_and_hash_and_says_nothing_of_where_it_came_from() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    packages = {name.removeprefix("node_modules/"): package for name, package in lock.items() if name}
    assert wanted.items() <= {name: package["version"] for name, package in packages.items()}.items()
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert package["dev"]
        assert "resolved" not in package


def test_the_tools_of_the_supply_chain_do_not_run_with_the_studio() -> None:
    assert {"cyclonedx-bom", "pip-audit"} <= {name for name, _ in pins(DEVELOPMENT)}
    assert not {"cyclonedx-bom", "pip-audit"} & {name for name, _ in pins(RUNTIME)}


def test_the_bill_of_materials_lists_what_the_lock_pins_and_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        made = make("sbom", tmp_path / name)
        assert made.returncode == 0, made.stderr
        assert made.stderr == ""
    written = (tmp_path / "one" / "sbom.json").read_bytes()
    assert written == (tmp_path / "two" / "sbom.json").read_bytes()
    bill = json.loads(written)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert sorted((part["name"], part["version"]) for part in bill["components"]) == sorted(pins(RUNTIME))
    assert all(part["externalReferences"][0]["hashes"] for part in bill["components"])
    assert str(ROOT) not in written.decode()


class _Advisories(BaseHTTPRequestHandler):
    """A service of advisories, which remembers what it was asked for."""

    asked: ClassVar[list[tuple[str, str]]] = []
    vulnerable = ""
    status = 200
    url = ""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        self.asked.append((name, query["version"]))
        found = {"vulns": [_advisory(name)]} if name == self.vulnerable else {}
        body = json.dumps(found).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing."""


def _advisory(name: str) -> dict[str, Any]:
    package = {"name": name, "ecosystem": "PyPI"}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}]
    return {
        "id": "PYSEC-2026-1",
        "summary": "bad",
        "details": "very bad",
        "published": "2026-11-01T00:00:00Z",
        "modified": "2026-11-01T00:00:00Z",
        "affected": [{"package": package, "ranges": ranges}],
    }


@pytest.fixture
def advisories(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Advisories]]:
    """The service, where nothing is vulnerable."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Advisories) as server:
        facts = {"asked": [], "vulnerable": "", "status": 200, "url": f"http://127.0.0.1:{server.server_port}/v1/query"}
        for name, value in facts.items():
            monkeypatch.setattr(_Advisories, name, value)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield _Advisories
        server.shutdown()


def test_an_audit_passes_once_every_pin_was_looked_up(tmp_path: Path, advisories: type[_Advisories]) -> None:
    passed = make("audit", tmp_path, OSV_URL=advisories.url)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    every = {pin for lock in LOCKS for pin in pins(lock)}
    assert passed.stdout == f"No known vulnerability in {len(every)} pins.\n"
    assert set(advisories.asked) == every


def test_a_known_vulnerability_fails_and_is_named(tmp_path: Path, advisories: type[_Advisories]) -> None:
    advisories.vulnerable = "pillow"
    failed = make("audit", tmp_path, OSV_URL=advisories.url)
    assert failed.returncode != 0
    assert re.search(r"pillow .*PYSEC-2026-1", failed.stdout)
    assert "could not be made" not in failed.stdout


@pytest.mark.parametrize("status", [500, None])
def test_an_audit_that_could_not_be_made_fails_and_says_so(
    tmp_path: Path, advisories: type[_Advisories], status: int | None
) -> None:
    advisories.status = status or 200
    failed = make("audit", tmp_path, OSV_URL=advisories.url if status else "http://127.0.0.1:9/v1/query")
    assert failed.returncode != 0
    assert "The audit could not be made: nothing is known of what is pinned." in failed.stdout
