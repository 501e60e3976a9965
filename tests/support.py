"""Helpers for tests of every folder: waiting, servers, the bucket, and images good and damaged."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import anyio
import boto3
import pytest
from _pytest.mark import ParameterSet
from botocore.config import Config
from PIL import Image

from imagegeneration.configuration import bucket_of
from imagegeneration.local.bucket import ACCESS_KEY
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log
from imagegeneration.settings import Settings

T = TypeVar("T")

APPROVAL_KEY = "a-key-of-the-tests-" + "0" * 32
BUCKET_SECRET = "embedded"
"""What the tests' bucket server asks for, beside the access key of every embedded bucket."""


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = 15, every: float = 0.01) -> T:
    """The first true result of `condition`, asked every so many seconds; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return result


def run_async(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Return what an async function returns, run on a thread of its own: Playwright keeps a loop on the main one."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(anyio.run, function, *args).result()


class Clock:
    """Stands for the module `time` where a process remembers things for a while."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Ended(Exception):
    """A server ended before it listened; the message names its log."""


def listening(stack: contextlib.ExitStack, make: Callable[[], tuple[Part, Path]]) -> Part:
    """Run a server until the end of `stack`, made anew with other ports where another program has taken one.

    `make` returns the part and the folder of its log.
    """
    for attempt in range(3):
        part, folder = make()
        try:
            return stack.enter_context(serving(part, folder))
        except Ended:
            if attempt == 2:
                raise
    raise AssertionError


@contextlib.contextmanager
def serving(
    part: Part, folder: Path, variables: Mapping[str, str] | None = None, *, seconds: float = 15
) -> Iterator[Part]:
    """Run the part's server, with its log in `folder` and these variables, until the end of the block.

    Raises Ended if it ends before it listens.
    """
    process = part.process({**os.environ, **(variables or {})}, Log(folder / f"{part.name}.log"))
    process.start()
    try:
        wait_until(lambda: part.listens or not process.is_running, f"{part.name} listens", seconds=seconds)
        if not process.is_running:
            raise Ended(f"{part.name} {process.ending}: {process.log.path}")
        yield part
    finally:
        process.kill()


def s3(settings: Settings) -> Any:
    """Return a client that may do everything with the bucket, as the studio itself never does."""
    return boto3.client(
        "s3",
        endpoint_url=bucket_of(settings).endpoint_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=BUCKET_SECRET,
        region_name="auto",
        config=Config(),
    )


def empty_bucket(settings: Settings) -> None:
    """Delete all objects."""
    client = s3(settings)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=settings.r2_bucket):
        for entry in page.get("Contents", ()):
            client.delete_object(Bucket=settings.r2_bucket, Key=entry["Key"])


def remove_sockets(data: Path) -> None:
    """Remove what a killed SeaweedFS leaves in /tmp; a start on the same data folder would use it again."""
    ports = json.loads((data / "ports.json").read_text()) if (data / "ports.json").exists() else {}
    for name, port in ports.items():
        if name.endswith(".grpc"):
            for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                path.unlink(missing_ok=True)


def png(number: int = 0) -> bytes:
    """A small image, another for each number, and large enough to count as one."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256 % 256, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def photo(form: str = "JPEG", size: tuple[int, int] = (96, 64), mode: str = "RGB", **options: Any) -> bytes:
    """An image with all kinds of values in it, as a camera or a model makes it. MPO is a JPEG of two pictures."""
    reds, greens = Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size)
    picture = Image.merge("RGB", (reds, greens, reds.transpose(Image.Transpose.ROTATE_180)))
    if mode == "I;16":
        picture = picture.convert("L").convert("I").point(lambda grey: grey * 257)
    picture = picture.convert(mode)
    if form == "MPO" or options.get("save_all"):
        options |= {"save_all": True, "append_images": [picture.transpose(Image.Transpose.ROTATE_180)]}
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


FORMS: Mapping[str, Mapping[str, Any]] = {
    "PNG": {"form": "PNG"},
    "PNG of 16 bits": {"form": "PNG", "mode": "I;16"},
    "PNG with a palette": {"form": "PNG", "mode": "P", "transparency": 3},
    "JPEG": {"form": "JPEG"},
    "JPEG of two pictures": {"form": "MPO"},
    "progressive JPEG": {"form": "JPEG", "progressive": True, "subsampling": 0},
    "JPEG in CMYK": {"form": "JPEG", "mode": "CMYK"},
    "WebP": {"form": "WEBP"},
    "WebP without loss": {"form": "WEBP", "mode": "RGBA", "lossless": True},
    "WebP that moves": {"form": "WEBP", "save_all": True},
}
"""How encoders write the three kinds of files that are taken: what `photo` makes of each."""


def mutants(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many damaged copies: bytes changed, cut off, left out, doubled, or put in, mostly near the beginning."""
    chance = random.Random(seed)
    for _ in range(count):
        mutant = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
            at = min(int(chance.expovariate(4 / len(mutant))), len(mutant) - 1)
            length = chance.choice((1, 2, 4, 8, 64, 512))
            kind = chance.randrange(5)
            if kind == 0:
                mutant[at] = chance.randrange(256)
            elif kind == 1:
                mutant[at] ^= 1 << chance.randrange(8)
            elif kind == 2 and len(mutant) > length + 64:
                del mutant[at : at + length]
            elif kind == 3:
                mutant[at:at] = mutant[at : at + length]
            else:
                mutant[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"Exif"))
        yield bytes(mutant)


def long_but(cases: Iterable[Any], *short: Any) -> list[ParameterSet]:
    """All cases, of which the short form has only those named: the others differ little in what happens."""
    return [pytest.param(case, marks=[] if case in short else [pytest.mark.long]) for case in cases]
