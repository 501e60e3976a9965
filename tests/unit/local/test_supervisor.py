"""The supervisor's decisions; that it keeps real processes running is in tests/integration/test_make_run.py."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local import process as process_module
from imagegeneration.local import supervisor as supervisor_module
from imagegeneration.local.process import Log, Process
from imagegeneration.local.supervisor import Step, Supervisor

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
SLOW_TO_END = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit()));"
    "print('up', flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """The supervisor takes the signals over; give them back."""
    taken = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in taken.items():
        signal.signal(number, handler)


@pytest.fixture
def said() -> list[str]:
    return []


def _process(tmp_path: Path, name: str, script: str) -> Process:
    return Process(name, [sys.executable, "-c", script], os.environ, Log(tmp_path / f"{name}.log"))


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def _refuse() -> None:
    raise ConfigurationError("there is no room")


def test_processes_start_in_order_and_stop_in_reverse(tmp_path: Path, said: list[str]) -> None:
    steps = [Step(_process(tmp_path, name, SLEEP), lambda: None, stop_seconds=5) for name in ("one", "two")]

    code = Supervisor(steps, said.append, _interrupt).run()

    assert code == 0
    assert said == ["Starting one ...", "Starting two ...", "Stopping two ...", "Stopping one ..."]
    assert [step.process.ending for step in steps] == ["was ended by SIGTERM"] * 2


def test_a_process_that_ends_while_starting_ends_everything(tmp_path: Path, said: list[str]) -> None:
    first = Step(_process(tmp_path, "first", SLEEP), lambda: None, stop_seconds=5)
    wrong = Step(_process(tmp_path, "wrong", "raise SystemExit('no such thing')"), lambda: "is away", stop_seconds=5)

    code = Supervisor([first, wrong], said.append, _refuse).run()

    assert code == 1
    assert f"The wrong ended with exit code 1 while starting. The end of {wrong.process.log.path}:" in said[2]
    assert said[2].endswith("\n    no such thing")
    assert said[3:] == ["Stopping first ..."]


def test_a_process_that_is_never_up_is_not_waited_for_for_ever(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "START_SECONDS", 0.0)
    step = Step(_process(tmp_path, "slow", SLEEP), lambda: "does not answer", stop_seconds=5)

    assert Supervisor([step], said.append, _refuse).run() == 1
    assert "The slow does not answer after 0 s." in said[1]
    assert not step.process.is_running


def test_a_process_that_cannot_be_prepared_ends_everything(tmp_path: Path, said: list[str]) -> None:
    step = Step(_process(tmp_path, "one", SLEEP), lambda: None, stop_seconds=5, prepare=_refuse)

    assert Supervisor([step], said.append, _interrupt).run() == 1
    assert said[1] == "The one cannot be used: there is no room"


@pytest.mark.parametrize(("tolerance", "code"), [(60.0, 0), (0.0, 1)])
def test_signals_close_together_count_once(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, tolerance: float, code: int
) -> None:
    monkeypatch.setattr(supervisor_module, "SAME_SIGNAL_SECONDS", tolerance)
    process = _process(tmp_path, "slow", SLOW_TO_END)
    step = Step(process, lambda: None if process.log.last_lines(1) else "is not up", stop_seconds=20)

    def make_passes_on_what_the_group_received() -> None:
        _interrupt()
        _interrupt()

    assert Supervisor([step], said.append, make_passes_on_what_the_group_received).run() == code


def test_a_process_that_does_not_end_is_killed(tmp_path: Path, said: list[str]) -> None:
    process = _process(tmp_path, "deaf", STUBBORN)
    step = Step(process, lambda: None if "deaf" in process.log.last_lines(1) else "is not up", stop_seconds=0.2)

    assert Supervisor([step], said.append, _interrupt).run() == 1
    assert said[-1] == "The deaf does not end; it is killed."
    assert process.ending == "was ended by SIGKILL"


def test_warnings_of_a_shown_process_appear_once(tmp_path: Path, said: list[str]) -> None:
    script = f"print('INFO fine'); print('WARNING take care', flush=True); {SLEEP}"
    process = _process(tmp_path, "one", script)
    step = Step(process, lambda: None, stop_seconds=5, shown=True)
    begun = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("[one]"):
            signal.raise_signal(signal.SIGTERM)

    assert Supervisor([step], say, begun.set).run() == 0
    assert begun.is_set()
    assert said == ["Starting one ...", "[one] WARNING take care", "Stopping one ..."]


def test_logs_are_kept_small_while_their_processes_run(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "LOG_MAX_BYTES", 50)
    process = _process(tmp_path, "one", f"print('x' * 100, flush=True); {SLEEP}")
    moved = tmp_path / "one.log.1"

    def missing() -> str | None:
        return None if moved.exists() else "has not written much yet"

    assert Supervisor([Step(process, missing, stop_seconds=5)], said.append, _interrupt).run() == 0
    assert process.log.path.stat().st_size == 0


def test_a_process_that_keeps_dying_is_started_again_ever_more_slowly(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(supervisor_module, "LONGEST_PAUSE_SECONDS", 0.03)
    monkeypatch.setattr(supervisor_module, "TICK_SECONDS", 0.005)
    pauses: list[str] = []

    def say(line: str) -> None:
        if "starting it again in" in line:
            pauses.append(line.partition("again in ")[2].partition(" s.")[0])
        if len(pauses) == 4:
            signal.raise_signal(signal.SIGTERM)

    step = Step(_process(tmp_path, "one", "pass"), lambda: None, stop_seconds=5)
    assert Supervisor([step], say, lambda: None).run() == 0
    assert pauses == ["0.01", "0.02", "0.03", "0.03"]
