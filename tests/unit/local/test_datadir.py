from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local import datadir
from imagegeneration.local.datadir import PORTS, DataDir, port_is_free

HOLD_LOCK = """
import pathlib, sys, time
from imagegeneration.local.datadir import DataDir
with DataDir(pathlib.Path(sys.argv[1])).locked():
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_told_the_folder_and_the_process(tmp_path: Path) -> None:
    with DataDir(tmp_path).locked(), pytest.raises(ConfigurationError) as refused, DataDir(tmp_path).locked():
        pass

    assert str(tmp_path) in str(refused.value)
    assert f"process {os.getpid()}." in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with DataDir(tmp_path).locked():
            pass


def test_a_holder_that_was_killed_leaves_no_lock_behind(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD_LOCK, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ConfigurationError, match=str(holder.pid)), DataDir(tmp_path).locked():
            pass
        holder.kill()
        holder.wait()

    with DataDir(tmp_path).locked():
        pass


def test_a_port_is_chosen_once_and_remembered(tmp_path: Path) -> None:
    ports = {name: DataDir(tmp_path).port(name) for name in ("mongod", "bucket", "sandbox")}

    assert {name: DataDir(tmp_path).port(name) for name in ports} == ports
    assert len(set(ports.values())) == 3
    assert all(port in PORTS for port in ports.values())


def test_a_remembered_port_that_a_stranger_took_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadir, "PATIENCE_SECONDS", 0.0)
    port = DataDir(tmp_path).port("mongod")

    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigurationError, match=f"Port {port}.*mongod"):
        DataDir(tmp_path).port("mongod")
    assert DataDir(tmp_path).port("mongod") == port


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"mongod": "x"}'])
def test_a_damaged_memory_is_reported_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "ports.json").write_text(content)

    with pytest.raises(ConfigurationError, match=r"ports\.json is damaged"):
        DataDir(tmp_path).port("mongod")
    assert (tmp_path / "ports.json").read_text() == content


def test_a_folder_that_cannot_be_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="DATA_DIR is wrong"):
        DataDir(tmp_path / "file" / "data")


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)

    assert port_is_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        port_is_free("192.0.2.1", 8501)


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    secret = DataDir(tmp_path).secret("approval-key")
    assert len(secret) == 64
    assert DataDir(tmp_path).secret("approval-key") == secret
    assert (tmp_path / "approval-key").stat().st_mode & 0o777 == 0o600


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_closed_to_other_users(tmp_path: Path) -> None:
    assert _mode(DataDir(tmp_path / "above" / "data").path) == 0o700


def test_an_open_folder_of_an_earlier_version_is_closed_with_all_in_it(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "bucket").mkdir(parents=True)
    for path in (data / "lock", data / "bucket" / "image", data / "tool", outside):
        path.touch()
    for path, mode in ((data, 0o755), (data / "bucket", 0o755), (data / "tool", 0o775), (outside, 0o644)):
        path.chmod(mode)
    (data / "bucket" / "link").symlink_to(outside)

    DataDir(data)

    assert {path.name: _mode(path) for path in (data, *data.rglob("*")) if not path.is_symlink()} == {
        "data": 0o700,
        "bucket": 0o700,
        "lock": 0o600,
        "image": 0o600,
        "tool": 0o700,
    }
    assert _mode(outside) == 0o644, "a link leads to what is not ours"


def test_an_open_folder_of_somebody_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "page.html").touch(mode=0o644)

    with pytest.raises(ConfigurationError, match=f"chmod 700 {shared}"):
        DataDir(shared)

    assert (_mode(shared), _mode(shared / "page.html")) == (0o755, 0o644)
