"""A paid answer is on disk, whole, before anything else happens to it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegeneration.assets.imaging import sha256
from imagegeneration.providers.generation import Answer, Usage
from imagegeneration.runner.spool import REJECTED_KEPT_SECONDS, Damaged, Spool, SpoolEntry

CONTENT = b"\n{}\nbytes of an image\x00\xff"
ENTRY = SpoolEntry(
    job_id="imgjob_1",
    index=2,
    attempt_id="att_1",
    sha256=sha256(CONTENT),
    usage=Usage(input_text_tokens=1, input_image_tokens=0, output_tokens=440),
    provider_request_id="req_1",
    revised_prompt="two\nlines",
)
ANSWER = Answer(CONTENT, ENTRY.usage, "req_1", "two\nlines")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", max_bytes=10_000)


def test_other_users_of_the_machine_cannot_enter_it(spool: Spool) -> None:
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_what_is_written_is_read_again(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    assert spool.read("att_1") == (ENTRY, CONTENT)
    assert list(spool.attempt_ids()) == ["att_1"]


def test_another_process_of_this_machine_finds_it(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    again = Spool(spool.folder, max_bytes=10_000)
    assert again.read("att_1") == (ENTRY, CONTENT)
    assert again.host == spool.host


def test_another_folder_is_another_host(spool: Spool, tmp_path: Path) -> None:
    assert Spool(tmp_path / "other", max_bytes=1).host != spool.host


def test_an_unfinished_file_is_no_answer(spool: Spool) -> None:
    (spool.folder / "att_2.abcd.part").write_bytes(b"half")
    assert list(spool.attempt_ids()) == []
    assert spool.read("att_2") is None


def test_a_rejected_answer_is_kept_for_thirty_days(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    spool.reject("att_1")
    assert list(spool.attempt_ids()) == []
    (kept,) = (spool.folder / "rejected").iterdir()
    spool.expire(time.time())
    assert kept.exists()
    old = time.time() - REJECTED_KEPT_SECONDS - 1
    os.utime(kept, (old, old))
    spool.expire(time.time())
    assert not kept.exists()


def test_a_full_spool_says_so(spool: Spool) -> None:
    assert spool.full() is None
    spool.write(ENTRY.model_copy(update={"attempt_id": "att_9"}), Answer(b"x" * 10_000, None, None, None))
    assert "bound" in (spool.full() or "")


def test_young_answers_are_left_to_whoever_is_at_work_on_them(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    assert list(spool.attempt_ids(older_than_seconds=60)) == []


def test_an_answer_that_is_delivered_while_the_disk_is_measured_is_no_error(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def stat(self) -> os.stat_result:
            raise FileNotFoundError

    @contextlib.contextmanager
    def scandir(_folder: Path) -> Iterator[Iterator[Gone]]:
        yield iter([Gone()])

    monkeypatch.setattr("imagegeneration.runner.spool.os.scandir", scandir)
    assert spool.full() is None


def test_an_answer_from_before_the_clock_was_set_back_is_not_held_up(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    ahead = time.time() + 3600
    os.utime(spool.folder / "att_1.answer", (ahead, ahead))
    assert list(spool.attempt_ids(older_than_seconds=10)) == ["att_1"]


def test_what_waits_is_counted(spool: Spool) -> None:
    assert spool.waiting() == (0, 0)
    spool.write(ENTRY, ANSWER)
    count, size = spool.waiting()
    assert count == 1
    assert size > len(CONTENT)


def test_no_changed_byte_passes_for_what_was_written(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    path = spool.folder / "att_1.answer"
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in (1, 128):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            with pytest.raises(Damaged):
                spool.read("att_1")


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"{}\nbytes", b"\xff\xfe no line"])
def test_a_file_that_says_nothing_of_itself_is_damaged_and_its_bytes_are_kept(spool: Spool, content: bytes) -> None:
    (spool.folder / "att_1.answer").write_bytes(content)
    with pytest.raises(Damaged) as damage:
        spool.read("att_1")
    assert (damage.value.entry, damage.value.content) == (None, content)


def test_of_changed_bytes_it_is_still_known_what_they_were(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    path = spool.folder / "att_1.answer"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged) as damage:
        spool.read("att_1")
    assert (damage.value.entry, damage.value.content) == (ENTRY, CONTENT[:-1])


def test_readings_are_counted_across_restarts_until_one_comes_to_its_end(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    assert [spool.readings.count("att_1"), spool.readings.count("att_1")] == [1, 2]
    again = Spool(spool.folder, max_bytes=10_000)
    assert again.readings.count("att_1") == 3
    again.readings.clear("att_1")
    assert spool.readings.count("att_1") == 1
    spool.remove("att_1")
    assert [path.name for path in spool.folder.iterdir() if path.is_file()] == ["host"]


def test_what_is_set_aside_is_kept_counted_and_can_be_taken_back(spool: Spool) -> None:
    spool.write(ENTRY, ANSWER)
    spool.set_aside("att_1")
    assert (list(spool.attempt_ids()), spool.has("att_1"), spool.aside()) == ([], False, ["att_1"])
    old = time.time() - REJECTED_KEPT_SECONDS - 1
    os.utime(spool.folder / "set-aside" / "att_1.answer", (old, old))
    spool.expire(time.time())
    spool.take_back("att_1")
    assert spool.read("att_1") == (ENTRY, CONTENT)
    assert spool.aside() == []
