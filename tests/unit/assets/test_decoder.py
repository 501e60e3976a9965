"""Images are read in a child, and what they do to it, they do to nothing else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagegeneration.assets.decoder import Decoder, Unreadable
from imagegeneration.assets.picture import NotAnImage
from tests.support import photo, png

LARGE = (6_000, 6_000)


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


def child(decoder: Decoder) -> int:
    assert decoder._child is not None
    return decoder._child.pid


def test_one_child_reads_image_after_image(decoder: Decoder) -> None:
    decoder.start()
    first = child(decoder)
    assert decoder.read(photo("JPEG"), 512).form == "jpeg"
    with pytest.raises(NotAnImage):
        decoder.read(photo("JPEG")[:300], 512)
    assert decoder.read(photo("WEBP"), 512).form == "webp"
    assert child(decoder) == first


def test_images_of_many_threads_are_read_one_at_a_time_and_each_gets_its_own_answer(decoder: Decoder) -> None:
    sizes = [(400 + 8 * number, 300 + 16 * number) for number in range(8)]
    images = [photo("PNG", size) for size in sizes]
    decoder.start()
    together = threading.Barrier(len(images))

    def read(content: bytes) -> list[tuple[int, int]]:
        together.wait(10)
        found = [decoder.read(content, 512) for _ in range(3)]
        return [(one.width, one.height) for one in found]

    with ThreadPoolExecutor(len(images)) as pool:
        answers = list(pool.map(read, images))
    assert answers == [[size] * 3 for size in sizes]


def test_a_child_that_was_killed_is_replaced(decoder: Decoder) -> None:
    decoder.read(png(), 512)
    first = child(decoder)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert decoder.read(png(), 512).form == "png"
    assert child(decoder) != first


def test_a_child_that_dies_over_an_image_says_nothing_about_it(decoder: Decoder) -> None:
    decoder.start()
    os.kill(child(decoder), signal.SIGSTOP)
    threading.Timer(0.05, os.kill, (child(decoder), signal.SIGKILL)).start()
    with pytest.raises(Unreadable, match="broke what reads images"):
        decoder.read(png(), 512)
    assert decoder.read(png(), 512).form == "png"


def test_an_image_that_takes_too_long_is_given_up() -> None:
    decoder = Decoder(seconds=0.2)
    decoder.start()
    os.kill(child(decoder), signal.SIGSTOP)
    with pytest.raises(Unreadable, match="longer than"):
        decoder.read(png(), 512)
    decoder.close()


def test_an_image_that_needs_too_much_memory_is_not_called_broken() -> None:
    decoder = Decoder(memory_bytes=160 * 1024**2)
    with pytest.raises(Unreadable, match="memory"):
        decoder.read(photo("PNG", LARGE), 512)
    assert decoder.read(png(), 512).form == "png"
    decoder.close()


def test_the_child_has_none_of_the_secrets(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    decoder.start()
    decoder.read(png(), 512)
    assert b"canary" not in Path(f"/proc/{child(decoder)}/environ").read_bytes()
