"""No secret is in a line of the log: not in its text, its arguments, its traceback, whoever's handler prints it."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from uvicorn.logging import AccessFormatter

from imagegeneration.core import redaction
from imagegeneration.core.logs import redacted_record

CANARY = "c4n4ry-in-a-coal-mine"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What a library's own handler prints, while our records are made."""
    monkeypatch.setattr(redaction, "_values", {CANARY})
    made_before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(redacted_record)
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    logger().addHandler(handler)
    yield stream
    logger().removeHandler(handler)
    logging.setLogRecordFactory(made_before)


def logger() -> logging.Logger:
    return logging.getLogger("somebody.elses")


def test_text_and_arguments(lines: StringIO) -> None:
    logger().warning("%s %r %d %s %.1f", CANARY, ValueError(CANARY), 7, {"key": CANARY}, 1.5)
    logger().warning(f"{CANARY} at 100%")
    logger().warning("%(secret)s", {"secret": CANARY})
    assert CANARY not in lines.getvalue()
    assert "7 {'key': '[hidden]'} 1.5" in lines.getvalue()
    assert "[hidden] at 100%" in lines.getvalue()


def test_a_secret_that_shows_only_when_text_and_arguments_are_put_together(lines: StringIO) -> None:
    logger().warning("mongodb://user:%s@localhost", "pass")
    assert lines.getvalue() == "mongodb://[hidden]@localhost\n"


def test_tracebacks(lines: StringIO) -> None:
    cause, error = ValueError(CANARY), RuntimeError("isk_" + "A" * 40)
    error.__cause__ = cause
    logger().error("it failed", exc_info=error)
    shown = lines.getvalue()
    assert CANARY not in shown
    assert "AAAA" not in shown
    assert "RuntimeError: isk_[hidden]" in shown
    assert "ValueError: [hidden]" in shown


def test_a_line_that_cannot_be_put_together(lines: StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    logger().warning("%d", CANARY)
    assert CANARY not in lines.getvalue() + capsys.readouterr().err


def test_the_servers_access_log(lines: StringIO) -> None:
    request = ("127.0.0.1:5000", "GET", "/auth/callback/idp?code=abc&state=def", "1.1", 303)
    record = logging.getLogger("uvicorn.access").makeRecord(
        "uvicorn.access", logging.INFO, __file__, 1, '%s - "%s %s HTTP/%s" %d', request, None
    )
    shown = AccessFormatter('%(client_addr)s "%(request_line)s" %(status_code)s', use_colors=False).format(record)
    assert shown == '127.0.0.1:5000 "GET /auth/callback/idp?[hidden] HTTP/1.1" 303 See Other'


def test_what_nobody_caught_and_warnings_are_lines_of_the_log() -> None:
    program = f"""
import threading, warnings
from imagegeneration.core.logs import configure_logging
from imagegeneration.core.redaction import hide
configure_logging()
hide(["{CANARY}"])
warnings.warn("about {CANARY}")
def work():
    raise ValueError("in a thread: {CANARY}")
thread = threading.Thread(target=work, name="at work")
thread.start()
thread.join()
raise ValueError("in the end: {CANARY}")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert CANARY not in ended.stdout + ended.stderr
    for said in ("about [hidden]", "The thread at work ends", "in a thread: [hidden]", "in the end: [hidden]"):
        assert said in ended.stderr
