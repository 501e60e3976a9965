"""The embedded database: a replica set of one, because transactions and change streams need one."""

from __future__ import annotations

import dataclasses
import importlib.util
import platform
import shutil
import stat
import sys
from pathlib import Path

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.mongo.replica_set import initiate_replica_set

REPLICA_SET = "studio"
USER = "studio"
CACHE_GB = 0.25
OPLOG_MB = 256
SHUTDOWN_MS = 100
"""How long a signalled mongod waits for a successor, in milliseconds: there is none."""

TRANSACTION_LIFETIME_SECONDS = 5
"""How long the transaction of a killed process locks the job and the counters that it changed, in seconds.

MongoDB's own default is 60; a transaction of the studio takes milliseconds.
"""


PAST_ITS_END_OF_LIFE = (
    "The embedded MongoDB 6.0.5 is past its end of life (July 2025): for trying only. "
    "A newer `mongod` on the PATH is used instead: https://www.mongodb.com/docs/manual/installation/"
)


def locked_mongod_part(data: DataDir) -> Part:
    """Return the mongod of a data folder, which asks for its password. Raises ConfigurationError if there is none.

    The members of a replica set know each other by a key file, and with a key file clients need a user too.
    """
    part = mongod_part(data.path / "mongodb", data.port("mongod"))
    uri = f"mongodb://{USER}:{data.secret('mongod-password')}@127.0.0.1:{part.port}/?replicaSet={REPLICA_SET}"
    return dataclasses.replace(
        part,
        command=[*part.command, "--keyFile", str(data.secret_file("mongod-key"))],
        provides={"MONGODB_URI": uri},
        prepare=lambda _: initiate_replica_set(uri),
        warning=None if shutil.which("mongod") else PAST_ITS_END_OF_LIFE,
    )


def mongod_part(folder: Path, port: int) -> Part:
    """Return a mongod without a password that keeps its data in `folder`.

    Raises ConfigurationError if there is no mongod for this platform.
    """
    uri = f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
    return Part(
        name="mongod",
        command=_command(find_mongod(), folder, port),
        port=port,
        provides={"MONGODB_URI": uri},
        prepare=lambda _: initiate_replica_set(uri),
    )


def find_mongod() -> Path:
    """Return the path of mongod: on the PATH, or from PyPI (Linux on x86-64). Raises ConfigurationError if neither."""
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    if sys.platform == "linux" and platform.machine() == "x86_64" and (package := importlib.util.find_spec("fiftyone")):
        for folder in package.submodule_search_locations or ():
            binary = Path(folder) / "db" / "bin" / "mongod"
            if binary.is_file():
                return _executable(binary)
    raise ConfigurationError("Set MONGODB_URI: there is no mongod on the PATH, and none from PyPI for this platform.")


def _executable(binary: Path) -> Path:
    """Return `binary` with its run bit set: not every installer of wheels keeps it."""
    mode = binary.stat().st_mode
    if not mode & stat.S_IXUSR:
        try:
            binary.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError as error:
            raise ConfigurationError(
                f"Set MONGODB_URI: {binary} cannot be made executable: {error.strerror}."
            ) from None
    return binary


def _command(binary: Path, folder: Path, port: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return [
        str(binary),
        *("--dbpath", str(folder)),
        *("--replSet", REPLICA_SET),
        *("--bind_ip", "127.0.0.1"),
        *("--port", str(port)),
        *("--wiredTigerCacheSizeGB", str(CACHE_GB)),
        *("--oplogSize", str(OPLOG_MB)),
        "--nounixsocket",
        "--quiet",
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", f"shutdownTimeoutMillisForSignaledShutdown={SHUTDOWN_MS}"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_LIFETIME_SECONDS}"),
    ]
