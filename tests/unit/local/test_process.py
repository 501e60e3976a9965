from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegeneration.local import process as process_module
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from tests.support import wait_until

PARENT = """
import os, pathlib, sys, time
from imagegeneration.local.process import Log, Process
log = Log(pathlib.Path(sys.argv[1]))
child = Process("child", [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"],
                os.environ, log)
child.start()
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log(tmp_path / "logs" / "child.log")
    log.writer().close()
    return log


@pytest.fixture
def sleeper(log: Log) -> Iterator[Process]:
    process = Process("child", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ, log)
    process.start()
    yield process
    process.kill()


def test_output_goes_to_the_log_and_the_ending_is_known(log: Log) -> None:
    script = "import sys; print('hello'); print('trouble', file=sys.stderr); sys.exit(3)"
    process = Process("child", [sys.executable, "-c", script], os.environ, log)

    assert not process.was_started
    process.start()
    wait_until(lambda: not process.is_running, "the child ends")

    assert process.ending == "ended with exit code 3"
    assert sorted(log.last_lines(5)) == ["hello", "trouble"]


def test_a_child_can_be_asked_to_end_and_be_killed(sleeper: Process) -> None:
    sleeper.terminate()
    wait_until(lambda: not sleeper.is_running, "the child ends")
    assert sleeper.ending == "was ended by SIGTERM"

    sleeper.start()
    assert sleeper.is_running
    sleeper.kill()
    assert sleeper.ending == "was ended by SIGKILL"


def test_a_child_ends_by_the_signal_and_works_in_the_folder_that_its_part_names(log: Log, tmp_path: Path) -> None:
    script = "import os, time; print(os.getcwd(), os.environ['FOR_IT'], flush=True); time.sleep(60)"
    command = [sys.executable, "-c", script]
    part = Part(
        *("child", command, 0, {}, lambda _: None),
        env={"FOR_IT": "alone"},
        cwd=tmp_path,
        stop_signal=signal.SIGKILL,
    )
    process = part.process(os.environ, log)

    process.start()
    wait_until(lambda: log.last_lines(1) == [f"{tmp_path} alone"], "the child says where it is")
    process.terminate()
    wait_until(lambda: not process.is_running, "the child ends")

    assert process.ending == "was ended by SIGKILL"


def test_a_child_is_in_a_session_of_its_own(log: Log) -> None:
    script = "import os; print(os.getsid(0) == os.getpid())"
    process = Process("child", [sys.executable, "-c", script], os.environ, log)

    process.start()
    wait_until(lambda: not process.is_running, "the child ends")

    assert log.last_lines(1) == ["True"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with subprocess.Popen([sys.executable, "-c", PARENT, log], stdout=subprocess.PIPE) as parent:
        child = int(wait_until(lambda: log.read_text() if log.exists() else "", "the child says its number"))
        assert _is_alive(child)
        parent.send_signal(signal.SIGKILL)

    wait_until(lambda: not _is_alive(child), "the child dies")


def test_new_lines_are_given_once_and_only_when_complete(log: Log) -> None:
    with log.path.open("a") as file:
        for text, expected in (("one\ntw", ["one"]), ("", []), ("o\n\nthree\n", ["two", "", "three"]), ("", [])):
            file.write(text)
            file.flush()
            assert log.new_lines() == expected


def test_a_new_beginning_keeps_the_log_of_the_run_before(log: Log) -> None:
    log.path.write_text("before\n")

    log.begin()
    with log.writer() as writer:
        writer.write(b"now\n\n")

    assert log.last_lines(5) == ["now"]
    assert log.path.with_name("child.log.1").read_text() == "before\n"


def test_a_log_that_grows_is_emptied_and_its_writer_goes_on(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "LOG_MAX_BYTES", 10)
    with log.path.open("a") as writer:
        writer.write("a long line\n")
        writer.flush()
        log.bound()
        writer.write("next\n")
        writer.flush()

    assert log.new_lines() == ["next"]
    assert log.path.read_text() == "next\n"
    assert log.path.with_name("child.log.1").read_text() == "a long line\n"


def test_a_log_that_somebody_deletes_stops_nothing(log: Log) -> None:
    shutil.rmtree(log.path.parent)

    log.bound()
    assert (log.new_lines(), log.last_lines(5)) == ([], [])
    with log.writer() as writer:
        writer.write(b"again\n")
    assert log.new_lines() == ["again"]


def _is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for init to notice does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
