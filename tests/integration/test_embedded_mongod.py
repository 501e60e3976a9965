"""The embedded database asks for its password, also where an earlier version made it without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import locked_mongod_part, mongod_part
from imagegeneration.local.part import Part
from imagegeneration.settings import Settings
from tests.support import serving

Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, _ports_of_this_worker: None) -> DataDir:
    return DataDir(tmp_path_factory.mktemp("embedded") / "data")


@pytest.fixture(scope="module")
def locked(data: DataDir) -> Iterator[Part]:
    """The database of a data folder that was first used without a password."""
    earlier = mongod_part(data.path / "mongodb", data.port("mongod"))
    with serving(earlier, data.path):
        earlier.prepare(Settings())
        with Client(earlier.provides["MONGODB_URI"]) as client:
            client["image_studio"]["jobs"].insert_one({"_id": "of before"})
    part = locked_mongod_part(data)
    with serving(part, data.path):
        part.prepare(Settings())
        yield part


@pytest.fixture
def stranger(locked: Part) -> Iterator[Client]:
    """A client on the same machine that does not know the password."""
    with Client("127.0.0.1", locked.port, directConnection=True) as client:
        yield client


def test_what_was_there_before_the_password_is_still_there(locked: Part) -> None:
    with Client(locked.provides["MONGODB_URI"]) as client:
        assert [job["_id"] for job in client["image_studio"]["jobs"].find()] == ["of before"]


@pytest.mark.parametrize(
    "do",
    [
        lambda client: client["image_studio"]["jobs"].find_one(),
        lambda client: client["image_studio"]["jobs"].insert_one({}),
        lambda client: client.drop_database("image_studio"),
        lambda client: client.admin.command("createUser", "evil", pwd="evil", roles=["root"]),
        lambda client: client.admin.command("shutdown"),
    ],
    ids=["read", "write", "drop", "make a user", "shut down"],
)
def test_without_the_password_nothing_can_be_done(stranger: Client, do: Callable[[Client], object]) -> None:
    with pytest.raises(OperationFailure, match="requires authentication"):
        do(stranger)


def test_a_second_start_finds_its_user(locked: Part) -> None:
    locked.prepare(Settings())


def test_a_lost_password_is_one_line(data: DataDir, locked: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    password = data.secret("mongod-password")
    (data.path / "mongod-password").unlink()
    monkeypatch.setattr(data, "port", lambda part: locked.port)

    with pytest.raises(ConfigurationError, match=r"another password than DATA_DIR/mongod-password"):
        locked_mongod_part(data).prepare(Settings())

    (data.path / "mongod-password").write_text(password)


def test_the_password_is_in_a_file_of_its_owner_and_not_on_the_command_line(data: DataDir, locked: Part) -> None:
    secrets = {name: data.secret(name) for name in ("mongod-password", "mongod-key")}

    assert len(set(secrets.values())) == 2
    assert [(data.path / name).stat().st_mode & 0o777 for name in secrets] == [0o600] * 2
    assert not any(secret in word for secret in secrets.values() for word in locked.command)
    assert not any(secret in (data.path / "mongod.log").read_text() for secret in secrets.values())
