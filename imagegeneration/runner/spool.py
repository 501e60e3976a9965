"""The spool: a paid answer is on disk before anything else happens to it.

Each attempt has one file: the hash of a line of JSON, that line, which describes the answer, then the bytes as they
came. The file appears whole, by fsync and rename, and is removed once the image is recorded as stored. A counter beside
it counts how often reading the image began, so that an image that ends its runner is not read for ever.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from imagegeneration.core.value import Many, Value
from imagegeneration.providers.generation import Answer, Usage
from imagegeneration.runner.task import ImageTask

REJECTED_KEPT_SECONDS = 30 * 24 * 3600
"""How long a paid answer that is no image is kept, for a dispute with the provider, in seconds."""

FREE_DISK_BYTES = 512 * 1024**2
"""Minimum free disk for claiming a job: a paid answer must find room."""

_SUFFIX = ".answer"
_READINGS = ".readings"


class SpoolEntry(Value):
    """What is known about a spooled answer besides its bytes."""

    job_id: str
    index: int
    attempt_id: str
    sha256: str
    usage: Usage | None
    provider_request_id: str | None
    revised_prompt: str | None
    others: Many[str] = ()

    @classmethod
    def of(cls, job_id: str, task: ImageTask, answer: Answer) -> SpoolEntry:
        """Return the entry for the answer to a call."""
        return cls(
            job_id=job_id,
            index=task.index,
            attempt_id=task.attempt_id,
            sha256=_sha256(answer.content).decode(),
            usage=answer.usage,
            provider_request_id=answer.provider_request_id,
            revised_prompt=answer.revised_prompt,
            others=answer.kept,
        )

    def answer(self, content: bytes) -> Answer:
        """Return the spooled answer with its bytes `content`."""
        return Answer(content, self.usage, self.provider_request_id, self.revised_prompt, kept=self.others)


class Damaged(Exception):
    """A spooled answer that differs from what was written. `entry` is its entry, or None if that is damaged too."""

    def __init__(self, message: str, entry: SpoolEntry | None, content: bytes) -> None:
        super().__init__(message)
        self.entry = entry
        self.content = content


class Spool:
    """The spooled answers of this machine; `host` names it in job documents."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Open the spool in `folder`, which is created for its owner alone if it does not exist.

        Raises OSError if nothing can be kept in it. A full disk does not raise: the answers that wait here have to be
        delivered.
        """
        self.folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rejected = folder / "rejected"
        self._rejected.mkdir(exist_ok=True)
        self._aside = folder / "set-aside"
        self._aside.mkdir(exist_ok=True)
        _require_writable(folder)
        self.host = _host_of(folder)
        self.readings = Readings(folder)

    def write(self, entry: SpoolEntry, answer: Answer) -> None:
        """Write an answer durably: it is on disk when this returns. Raises OSError, for example on a full disk."""
        unfinished = self.folder / f"{entry.attempt_id}.{secrets.token_hex(4)}.part"
        known = entry.model_dump_json(by_alias=True).encode()
        try:
            with unfinished.open("wb") as file:
                file.write(_sha256(known) + b" " + known + b"\n")
                file.write(answer.content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._path(entry.attempt_id))
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        _sync(self.folder)

    def keep_other(self, attempt_id: str, number: int, content: bytes) -> str:
        """Write a further picture of an answer durably, for 30 days. Return the name of its file. Raises OSError."""
        path = self._rejected / f"{attempt_id}.other-{number}"
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _sync(self._rejected)
        return f"{self._rejected.name}/{path.name}"

    def read(self, attempt_id: str) -> tuple[SpoolEntry, bytes] | None:
        """Return an answer and its entry, or None if it is not here. Raises Damaged if it has changed."""
        try:
            content = self._path(attempt_id).read_bytes()
        except FileNotFoundError:
            return None
        line, _, answer = content.partition(b"\n")
        entry = _entry(line)
        if entry is None:
            raise Damaged("what is known of it cannot be read any more", None, content)
        if _sha256(answer) != entry.sha256.encode():
            raise Damaged("its bytes have changed since they came", entry, answer)
        return entry, answer

    def has(self, attempt_id: str) -> bool:
        """Return whether the answer waits here."""
        return self._path(attempt_id).exists()

    def attempt_ids(self, older_than_seconds: float = 0) -> Iterator[str]:
        """Return the attempts whose answers have waited for at least `older_than_seconds`, oldest first."""
        since = time.time() - older_than_seconds
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            with contextlib.suppress(FileNotFoundError):  # delivered meanwhile
                modified = path.stat().st_mtime
                if modified <= since or modified > time.time():  # the clock was set back, so the age is unknown
                    yield path.name.removesuffix(_SUFFIX)

    def remove(self, attempt_id: str) -> None:
        """Delete an answer that is recorded as stored."""
        self._path(attempt_id).unlink(missing_ok=True)
        self.readings.clear(attempt_id)

    def reject(self, attempt_id: str) -> None:
        """Move an answer that is no image to the rejected ones, which are kept for 30 days."""
        _move(self._path(attempt_id), self._rejected)
        self.readings.clear(attempt_id)

    def set_aside(self, attempt_id: str) -> None:
        """Move an answer that could not be taken in to the ones set aside, until a user decides about it."""
        _move(self._path(attempt_id), self._aside)
        self.readings.clear(attempt_id)

    def take_back(self, attempt_id: str) -> None:
        """Move an answer that was set aside back into the spool."""
        _move(self._aside / f"{attempt_id}{_SUFFIX}", self.folder)

    def aside(self) -> list[str]:
        """Return the attempts whose answers were set aside."""
        return [path.name.removesuffix(_SUFFIX) for path in self._aside.glob(f"*{_SUFFIX}")]

    def expire(self, now: float) -> None:
        """Delete rejected answers older than 30 days, and leftovers of a crash older than a day.

        `now`, in seconds since 1970, comes from the database: a leap of this machine's clock must delete nothing.
        """
        for paths, kept_seconds in (
            (self._rejected.iterdir(), REJECTED_KEPT_SECONDS),
            (self.folder.glob("*.part"), 24 * 3600),
            (self.folder.glob(f"*{_READINGS}"), 24 * 3600),
        ):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):  # finished or deleted meanwhile
                    if path.stat().st_mtime < now - kept_seconds:
                        path.unlink()

    def full(self) -> str | None:
        """Return why no paid answer could be kept now, in words, or None if there is room."""
        folders = (self.folder, self._rejected, self._aside)
        used = sum(_bytes_of(path for folder in folders for path in folder.iterdir()))
        if used >= self._max_bytes:
            return f"the spool holds {used} bytes, its bound SPOOL_MAX_BYTES is {self._max_bytes}"
        free = shutil.disk_usage(self.folder).free
        return f"only {free} bytes are free on the disk of DATA_DIR" if free < FREE_DISK_BYTES else None

    def waiting(self) -> tuple[int, int]:
        """Return how many answers wait here for the bucket, and their bytes."""
        sizes = _bytes_of(self.folder.glob(f"*{_SUFFIX}"))
        return len(sizes), sum(sizes)

    def _path(self, attempt_id: str) -> Path:
        return self.folder / f"{attempt_id}{_SUFFIX}"


class Readings:
    """The counters, on disk, of how often reading an image began. They outlive a process that the image ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, attempt_id: str) -> int:
        """Count a reading before it begins. Return the number of readings, including this one."""
        try:
            with self._path(attempt_id).open("ab") as file:
                file.write(b".")
                return file.tell()
        except OSError:  # try even if the disk is full
            return 1

    def clear(self, attempt_id: str) -> None:
        """Reset the count: reading the image has ended no process."""
        self._path(attempt_id).unlink(missing_ok=True)

    def _path(self, attempt_id: str) -> Path:
        return self._folder / f"{attempt_id}{_READINGS}"


def _move(path: Path, folder: Path) -> None:
    if path.exists():
        path.rename(folder / path.name)
        _sync(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _require_writable(folder: Path) -> None:
    trial = folder / f"{secrets.token_hex(4)}.part"
    try:
        trial.write_bytes(b"x")
        _sync(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
    finally:
        trial.unlink(missing_ok=True)


def _host_of(folder: Path) -> str:
    """Return a name of this folder that outlives the process: the machine's name and some random letters."""
    path = folder / "host"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        fresh = folder / f"host.{secrets.token_hex(4)}"
        fresh.write_text(f"{socket.gethostname()}-{secrets.token_hex(3)}\n")
        try:
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(fresh, path)
        finally:
            fresh.unlink()
        return path.read_text().strip()


def _bytes_of(paths: Iterable[Path]) -> list[int]:
    sizes = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # delivered meanwhile
            sizes.append(path.stat().st_size)
    return sizes


def _entry(line: bytes) -> SpoolEntry | None:
    """Return the entry in the first line, or None if the line is damaged."""
    sha256, _, known = line.partition(b" ")
    if sha256 != _sha256(known):
        return None
    try:
        return SpoolEntry.model_validate_json(known)
    except ValidationError:
        return None


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
