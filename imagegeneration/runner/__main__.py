"""The runner process: `python -m imagegeneration.runner`. Any number may run, on any number of machines."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from types import FrameType

from imagegeneration.assets import imaging
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.errors import ConfigurationError, StudioError
from imagegeneration.core.ids import new_id
from imagegeneration.core.logs import configure_logging
from imagegeneration.core.redaction import redact
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.schedule import build_schedule
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import load_settings
from imagegeneration.start import require_fit

LISTED_JOBS = 50
"""How many of its jobs at work a runner names in its heartbeat."""

SIGNAL_SECONDS = 1.0
"""Maximum sleep of the main thread, in seconds. It handles a signal that another thread took when it wakes."""

log = logging.getLogger("imagegeneration.runner")


class Runner:
    """The runner process: a worker, the schedule that wakes it, and an orderly end."""

    def __init__(self, studio: Studio, parts: RunnerParts) -> None:
        settings = studio.settings
        self._studio = studio
        self._claims = parts.claims
        self._stop = threading.Event()
        self._concurrency = min(settings.runner_concurrency, settings.provider_concurrency)
        self._host = parts.spool.host
        self._id = new_id("runner")
        self._spool = parts.spool
        self._worker = Worker(parts, self._id, self._concurrency, settings.runner_lease_seconds)
        self._started_at = studio.runners.now()
        self._drain_seconds = settings.runner_drain_seconds
        longest = min(parts.calls.longest_wait(), settings.provider_timeout_seconds)
        if self._drain_seconds < longest:
            log.warning(
                "RUNNER_DRAIN_SECONDS is %g: a stop may cut calls off that take %g", self._drain_seconds, longest
            )
        self._scheduler = build_schedule(
            poll_seconds=settings.runner_poll_seconds,
            lease_seconds=settings.runner_lease_seconds,
            check_minutes=settings.provider_check_minutes,
            tick=self._worker.tick,
            heartbeat=self._heartbeat,
            delivery=parts.spool_delivery,
            late_answers=parts.late_answers,
            check=studio.checks.run,
        )

    def run(self) -> None:
        """Work until a signal, then drain: finish what is in flight, release the rest."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        imaging.prepare()
        self._heartbeat()
        threading.Thread(target=self._worker.run, name="claim", daemon=True).start()
        threading.Thread(target=self._listen, name="change-stream", daemon=True).start()
        self._scheduler.start()
        self._worker.tick()
        log.info("Runner %s on %s is ready for %d calls at once", self._id, self._host, self._concurrency)
        while not self._stop.wait(SIGNAL_SECONDS):
            pass
        self._drain()

    def _drain(self) -> None:
        calls = self._worker.in_flight.count("calling")
        log.info("Stopping: no new jobs; %d images in flight are finished first", calls)
        drained = threading.Thread(target=self._worker.drain, daemon=True)
        drained.start()
        deadline = time.monotonic() + self._drain_seconds
        while drained.is_alive() and (left := deadline - time.monotonic()) > 0:
            drained.join(min(left, SIGNAL_SECONDS))
        if drained.is_alive():
            log.error("Calls are still in flight after %.0f s; their images will be in doubt", self._drain_seconds)
        self._scheduler.shutdown(wait=False)
        try:
            self._studio.runners.gone(self._id)
        except StudioError as error:
            log.warning("This runner could not sign off: %s", error)

    def _listen(self) -> None:
        """Wake the worker as soon as a job is queued. If the stream breaks, the tick still finds jobs."""
        while not self._stop.is_set():
            try:
                for _ in self._claims.arrivals(self._stop):
                    self._worker.claim_now()
            except StudioError as error:
                log.warning("The change stream broke; the tick goes on: %s", error)
                self._stop.wait(1)

    def _heartbeat(self) -> None:
        try:
            self._worker.renew()
            self._studio.runners.seen(self._info())
            self._studio.runners.processes.seen()
            self._share_provider()
            for provider in self._studio.endpoints:
                self._studio.breakers.check_burn_rate(provider)
        except StudioError as error:
            log.warning("The heartbeat did not reach the database: %s", error)

    def _share_provider(self) -> None:
        """Take an equal share of PROVIDER_CONCURRENCY, which is for all runners together, and at least one call."""
        runners = len(self._studio.runners.alive())
        self._worker.limit(max(1, self._studio.settings.provider_concurrency // max(1, runners)))

    def _info(self) -> RunnerInfo:
        now, in_flight = self._studio.runners.now(), self._worker.in_flight
        spooled, spooled_bytes = self._spool.waiting()
        return RunnerInfo(
            runner_id=self._id,
            host=self._host,
            pid=os.getpid(),
            concurrency=self._worker.concurrency,
            in_flight=in_flight.count("calling"),
            waiting=in_flight.count("waiting"),
            uploading=in_flight.count("uploading"),
            jobs=tuple(in_flight.jobs[:LISTED_JOBS]),
            spooled=spooled,
            spooled_bytes=spooled_bytes,
            clock_ahead_seconds=(datetime.now(UTC) - now).total_seconds(),
            problem=self._worker.problem,
            started_at=self._started_at,
            seen_at=now,
        )

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            os._exit(128 + signum)  # the second signal stops at once
        self._stop.set()


def main() -> int:
    """Run until stopped. Return the exit code. A wrong setting ends the process with one line."""
    configure_logging()
    try:
        studio = build_studio(load_settings(), kind="runner")
        parts = build_runner(studio)
        require_fit(studio)
    except (ConfigurationError, StudioError, OSError) as error:
        sys.stderr.write(f"The runner cannot start: {redact(str(error))}\n")
        return 2
    Runner(studio, parts).run()
    parts.close()
    studio.close()
    logging.shutdown()
    os._exit(0)  # a call that outlived the drain must not hold the process


if __name__ == "__main__":
    sys.exit(main())
