"""Logging of the processes: one line an event to standard error, without secrets."""

from __future__ import annotations

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Any

from imagegeneration.core.redaction import redact

_FORMATTER = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
_FORMATTER.converter = time.gmtime

_ACCESS = "uvicorn.access"
"""The access logger, whose formatter needs the arguments one by one: address, method, path, version, status."""

log = logging.getLogger(__name__)


def configure_logging() -> None:
    """Log INFO of the studio and WARNING of libraries in UTC, with Python warnings and uncaught exceptions."""
    handler = logging.StreamHandler()
    handler.setFormatter(_FORMATTER)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("imagegeneration").setLevel(logging.INFO)
    # Servers and libraries have handlers of their own. Only the record factory sees the records of all of them.
    logging.setLogRecordFactory(redacted_record)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_of_thread


def redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Return a log record without secrets in its message and its traceback."""
    record = logging.LogRecord(*args, **kwargs)
    if record.name == _ACCESS and isinstance(record.args, tuple):
        record.args = tuple(redact(value) if isinstance(value, str) else value for value in record.args)
    else:
        record.msg, record.args = redact(_message(record)), ()
    if record.exc_info:
        record.exc_text = redact(_FORMATTER.formatException(record.exc_info))
    return record


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # the arguments do not fit the text, and a handler would print both unredacted
        return f"{record.msg} {record.args}"


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("The process ends: nobody caught this", exc_info=(kind, error, trace))


def _log_uncaught_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "unknown"
        log.error("The thread %s ends: nobody caught this", name, exc_info=args.exc_value)
