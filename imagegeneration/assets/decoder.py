"""The decoder: a child process that reads images, with limits of memory and time, one at a time.

An image can harm only the child: the runner, and what it has in memory, live on. `python -m
imagegeneration.assets.decoder` is the child's side.
"""

from __future__ import annotations

import contextlib
import json
import resource
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from imagegeneration.assets.picture import NotAnImage, Picture, read_picture

READ_SECONDS = 20.0
"""Maximum time for one image, in seconds: fifty megapixels take five on one slow core."""

MEMORY_BYTES = 1024**3 * 3 // 2
"""Maximum address space of the child: fifty megapixels with transparency take two thirds of it."""

_LENGTH = struct.Struct(">Q")
_ROOT = Path(__file__).parents[2]


class Unreadable(Exception):
    """The error that reading bytes failed, so that it is unknown whether they are an image. The message says why."""


class Decoder:
    """The child that reads images. It is started when needed, and again after it was killed."""

    def __init__(self, seconds: float = READ_SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child now, so that the first image does not wait for it."""
        with self._lock:
            self._running()

    def read(self, content: bytes, thumbnail_side: int) -> Picture:
        """Measure an image and make its thumbnail. Raises NotAnImage and Unreadable."""
        with self._lock:
            child = self._running()
            began = time.monotonic()
            deadline = threading.Timer(self._seconds, child.kill)
            deadline.start()
            try:
                answer = _ask(child, content, thumbnail_side)
            except (OSError, EOFError, ValueError):
                self._stop()
                late = time.monotonic() - began >= self._seconds
                why = f"it took longer than {self._seconds:g} seconds" if late else "it broke what reads images"
                raise Unreadable(why) from None
            finally:
                deadline.cancel()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=_ROOT,
                env={},  # it reads untrusted bytes and needs no secrets
                start_new_session=True,  # a Ctrl-C is for the runner, which still finishes what is in flight
            )
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # unwritten data has no reader
                        pipe.close()


def _ask(child: subprocess.Popen[bytes], content: bytes, thumbnail_side: int) -> Picture | Exception:
    """Return the child's answer. Raises OSError, EOFError or ValueError if it gives none."""
    if child.stdin is None or child.stdout is None:
        raise EOFError
    child.stdin.write(_LENGTH.pack(len(content)) + _LENGTH.pack(thumbnail_side))
    child.stdin.write(content)
    child.stdin.flush()
    said = json.loads(_whole(child.stdout, _length(child.stdout)))
    if "not_an_image" in said:
        return NotAnImage(said["not_an_image"])
    if "unreadable" in said:
        return Unreadable(said["unreadable"])
    return Picture(said["form"], said["width"], said["height"], _whole(child.stdout, _length(child.stdout)))


def _length(pipe: IO[bytes]) -> int:
    length: int
    (length,) = _LENGTH.unpack(_whole(pipe, _LENGTH.size))
    return length


def _whole(pipe: IO[bytes], size: int) -> bytes:
    found = pipe.read(size)
    if len(found) < size:
        raise EOFError
    return found


def _answer(content: bytes, thumbnail_side: int) -> bytes:
    try:
        picture = read_picture(content, thumbnail_side)
    except NotAnImage as problem:
        return _framed(json.dumps({"not_an_image": str(problem)}).encode())
    except MemoryError:
        return _framed(json.dumps({"unreadable": "it needs more memory than one image may have"}).encode())
    except Exception as error:  # noqa: BLE001 - an unforeseen error does not show whether it is an image
        return _framed(json.dumps({"unreadable": f"reading it failed ({type(error).__name__})"}).encode())
    said = {"form": picture.form, "width": picture.width, "height": picture.height}
    return _framed(json.dumps(said).encode()) + _framed(picture.thumbnail)


def _framed(content: bytes) -> bytes:
    return _LENGTH.pack(len(content)) + content


def main() -> None:
    """Read image after image until the other side is gone."""
    limit = int(sys.argv[1])
    with contextlib.suppress(OSError, ValueError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with contextlib.suppress(OSError):  # without memory left the system should kill the child, not the runner
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            size, thumbnail_side = _length(sys.stdin.buffer), _length(sys.stdin.buffer)
            sys.stdout.buffer.write(_answer(_whole(sys.stdin.buffer, size), thumbnail_side))
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
