"""`make run`: the whole studio on this machine, with an embedded part for everything that is not configured.

Any arguments are options of the sandbox, for example `--delay 0.5`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from imagegeneration.configuration import bucket_of
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.core.redaction import redact
from imagegeneration.local.datadir import OTHERS, DataDir, port_is_free
from imagegeneration.local.embedded import embedded_parts
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from imagegeneration.local.summary import browser_host, summary
from imagegeneration.local.supervisor import Step, Supervisor
from imagegeneration.mongo.connection import Connection
from imagegeneration.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
DASHBOARD_STOP_SECONDS = 6.0
GRACEFUL_SECONDS = 3
"""How long a stopping dashboard waits for open responses, in seconds; an open page would keep it from ending."""
PART_STOP_SECONDS = 8.0
DRAIN_MARGIN_SECONDS = 5.0


def main(*sandbox_options: str) -> int:
    """Run until stopped, and return the exit code.

    It is 2, after one line on stderr, for a wrong setting, a folder or port in use, or a configured database that does
    not answer.
    """
    os.umask(OTHERS)  # the children inherit it
    try:
        _keep_loopback_off_proxies()
        configured = load_settings()
        data = DataDir(configured.data_dir)
        with data.locked():
            _require_free_port(configured)
            _require_usable_database(configured)
            parts = embedded_parts(configured, data, *sandbox_options)
            return _supervise(configured, data, parts)
    except ConfigurationError as error:
        print(redact(str(error)), file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the supervisor handles the signals
        return 1


def _supervise(configured: Settings, data: DataDir, parts: list[Part]) -> int:
    provided = {"DATA_DIR": str(data.path)}
    if not configured.approval_keys:
        provided["APPROVAL_KEYS"] = data.secret("approval-key")
    for part in parts:
        provided.update(part.provides)
    settings = load_settings(**{name.lower(): value for name, value in provided.items()})
    settings.require_database()
    bucket_of(settings)
    env = {**os.environ, **provided, "PYTHONUNBUFFERED": "1"}
    for part in parts:
        if part.warning:
            _say(part.warning)
    steps = [*(_part_step(part, settings, data, env) for part in parts), *_studio_steps(settings, data, env)]
    return Supervisor(steps, _say, lambda: _say(summary(settings, parts, data.path))).run()


def _part_step(part: Part, settings: Settings, data: DataDir, env: Mapping[str, str]) -> Step:
    return Step(
        part.process(env, Log(data.path / "logs" / f"{part.name}.log")),
        missing=lambda: None if part.listens else "does not listen",
        prepare=lambda: part.prepare(settings),
        stop_seconds=PART_STOP_SECONDS,
    )


def _studio_steps(settings: Settings, data: DataDir, env: Mapping[str, str]) -> tuple[Step, Step]:
    runner = [sys.executable, "-m", "imagegeneration.runner"]
    logs = data.path / "logs"
    return (
        Step(
            Process("runner", runner, env, Log(logs / "runner.log")),
            missing=lambda: None,
            stop_seconds=settings.runner_drain_seconds + DRAIN_MARGIN_SECONDS,
            shown=True,
        ),
        Step(
            Process("dashboard", dashboard_command(settings), env, Log(logs / "dashboard.log")),
            missing=lambda: _not_ready(settings),
            stop_seconds=DASHBOARD_STOP_SECONDS,
            shown=True,
        ),
    )


def dashboard_command(settings: Settings) -> list[str]:
    """Return the command that starts the dashboard with the API, here and in production."""
    return [
        *(sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(ROOT), "--log-level", "warning"),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)),
        *("--http", "imagegeneration.api.protocol:TimedProtocol"),
    ]


def _require_free_port(settings: Settings) -> None:
    try:
        if port_is_free(settings.host, settings.port):
            return
    except OSError as error:
        raise ConfigurationError(f"HOST or PORT is wrong: {settings.host}:{settings.port}: {error.strerror}.") from None
    raise ConfigurationError(
        f"Port {settings.port} is in use by another program. Stop that, or choose another port with PORT."
    )


def _require_usable_database(settings: Settings) -> None:
    """Raise an error if the configured database is not usable.

    Neither runner nor dashboard starts without a database, so the error is reported here once, and not by both.
    """
    if settings.mongodb_uri is not None:
        connection = Connection(settings.require_database(), settings.mongodb_database)
        with contextlib.closing(connection):
            connection.require_replica_set()


def _not_ready(settings: Settings) -> str | None:
    """Return why the studio is not ready, in its own words, or None once it is."""
    connection = HTTPConnection(browser_host(settings), settings.port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/image/health/ready")
            answer = connection.getresponse()
            return None if answer.status == 200 else f"is not ready: {answer.read(2000).decode(errors='replace')}"
        except (OSError, HTTPException):
            return "does not answer"


def _keep_loopback_off_proxies() -> None:
    """Exempt loopback from a configured proxy: this process and its children reach the embedded parts directly."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))


def _say(text: str) -> None:
    # The terminal may be gone, and the processes must still be stopped in order.
    with contextlib.suppress(OSError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
