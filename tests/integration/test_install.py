"""The lock is what gets installed, whatever pip the machine has and whatever was released since."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "requirements-install.txt")
NEWER = "9999"

OLDEST_PIPS = {"3.11": "22.3", "3.12": "23.2.1", "3.13": "24.2", "3.14": "25.2"}
"""The pip in the first release of each Python (its `ensurepip`)."""


class NewerIndex(BaseHTTPRequestHandler):
    """A package index that has a release newer than any lock's, of whatever it is asked for."""

    asked: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        kind, name = self.path.strip("/").split("/")[:2]
        file = f"{name.replace('-', '_')}-{NEWER}-py3-none-any.whl"
        content = wheel(file)
        if kind == "simple":
            self.asked.add(name)
            digest = hashlib.sha256(content).hexdigest()
            content = f'<a href="/files/{name}/{file}#sha256={digest}">{file}</a>'.encode()
        else:
            content = wheel(self.path.rpartition("/")[2])
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if kind == "simple" else "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Keep the output of the tests clean."""


def wheel(file: str) -> bytes:
    name, version = file.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in (
            ("METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
            ("WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"{info}/{path}"), text)
    return target.getvalue()


@pytest.fixture
def newer_index() -> Iterator[str]:
    NewerIndex.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), NewerIndex) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def python(version: str) -> str:
    """Return a Python of this version, or skip the test where the machine has none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return getattr(sys, "_base_executable", sys.executable)
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    found = pyenv[0] if pyenv else shutil.which(f"python{version}")
    return str(found or pytest.skip(f"this machine has no Python {version}"))


def uv() -> str:
    return str(shutil.which("uv", path=f"{sys.prefix}/bin") or shutil.which("uv"))


def locked(lock: str, environment: dict[str, str]) -> set[str]:
    """Return `name==version` of each pin whose marker holds in an environment."""
    pins = [Requirement(line.rstrip(" \\")) for line in (ROOT / lock).read_text().splitlines() if "==" in line[:80]]
    held = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    return {f"{canonicalize_name(pin.name)}{pin.specifier}" for pin in held}


def run(*command: str, cwd: Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("version", OLDEST_PIPS)
def test_the_oldest_pip_installs_the_lock_and_nothing_newer(version: str, newer_index: str, tmp_path: Path) -> None:
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path)
    run(python(version), "-m", "venv", ".venv", cwd=tmp_path)
    venv = str(tmp_path / ".venv/bin/python")
    run(uv(), "pip", "install", "--python", venv, f"pip=={OLDEST_PIPS[version]}", cwd=tmp_path)

    run(
        *("make", "install", "VENV=.venv"),
        cwd=tmp_path,
        PIP_EXTRA_INDEX_URL=newer_index,
        UV_INDEX=newer_index,
        UV_INDEX_STRATEGY="unsafe-best-match",
    )

    installed = set(run(".venv/bin/uv", "pip", "freeze", "--python", venv, cwd=tmp_path).split())
    brought_by_python = {line for line in installed if re.match("(pip|setuptools)==", line)}
    environment = {"python_version": version, "python_full_version": f"{version}.0"}
    wanted = locked("requirements.txt", environment) | locked("requirements-install.txt", environment)
    assert installed - brought_by_python == wanted
    assert {"uv", "google-auth"} <= NewerIndex.asked


@pytest.mark.parametrize("version", OLDEST_PIPS)
@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_the_lock_has_a_built_file_for_each_python(lock: str, version: str, tmp_path: Path) -> None:
    system = ("--python-version", version, "--python-platform", "x86_64-manylinux_2_36")
    check = (
        "pip",
        "sync",
        "--dry-run",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--target",
        str(tmp_path / "new"),
    )
    run(uv(), *check, *system, str(ROOT / lock), cwd=tmp_path)


def test_running_needs_nothing_of_what_tests_and_checks_need() -> None:
    dry = run("make", "--dry-run", "--always-make", "run", "VENV=.venv-of-nobody", cwd=ROOT)
    assert "requirements.txt" in dry
    assert "requirements-dev.txt" not in dry
    assert "node" not in dry
