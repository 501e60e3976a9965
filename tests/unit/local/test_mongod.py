from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import find_mongod, locked_mongod_part, mongod_part


@pytest.fixture
def nothing_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A mongod as the wheel brings it, without its run bit."""
    binary = tmp_path / "fiftyone" / "db" / "bin" / "mongod"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o644)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "fiftyone")])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return binary


def test_a_mongod_on_the_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wheel: Path) -> None:
    (tmp_path / "mongod").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_mongod() == tmp_path / "mongod"
    assert locked_mongod_part(DataDir(tmp_path / "data")).warning is None


@pytest.mark.usefixtures("nothing_on_path")
def test_else_the_one_of_the_wheel_is_made_executable(wheel: Path) -> None:
    assert find_mongod() == wheel
    assert os.access(wheel, os.X_OK)


@pytest.mark.usefixtures("nothing_on_path", "wheel")
def test_one_line_says_that_the_one_of_the_wheel_is_old_and_where_a_newer_one_is(tmp_path: Path) -> None:
    warning = locked_mongod_part(DataDir(tmp_path / "data")).warning

    assert warning is not None
    assert "6.0.5 is past its end of life" in warning
    assert "https://www.mongodb.com/docs/manual/installation/" in warning
    assert "\n" not in warning


@pytest.mark.usefixtures("nothing_on_path", "wheel")
@pytest.mark.parametrize(("system", "machine"), [("darwin", "x86_64"), ("linux", "aarch64")])
def test_elsewhere_one_line_says_what_to_set(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)

    with pytest.raises(ConfigurationError, match="Set MONGODB_URI"):
        find_mongod()


@pytest.mark.usefixtures("nothing_on_path", "wheel")
def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    part = mongod_part(tmp_path / "data", 27_001)

    assert part.provides == {"MONGODB_URI": "mongodb://127.0.0.1:27001/?replicaSet=studio"}
    assert part.command[part.command.index("--bind_ip") + 1] == "127.0.0.1"
