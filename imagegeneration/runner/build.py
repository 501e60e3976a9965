"""The construction of a runner's parts from the studio's services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from imagegeneration.bootstrap import Studio
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.providers.throttle import Pacing
from imagegeneration.runner.admission import Admission
from imagegeneration.runner.bills import Bills
from imagegeneration.runner.calls import Calls
from imagegeneration.runner.claims import Claims
from imagegeneration.runner.delivery import Delivery
from imagegeneration.runner.door import Door
from imagegeneration.runner.failures import Failures
from imagegeneration.runner.inflight import InFlight
from imagegeneration.runner.intake import Intake
from imagegeneration.runner.late_answers import LateAnswers
from imagegeneration.runner.leases import Leases
from imagegeneration.runner.previews import Previews
from imagegeneration.runner.recovery import Recovery
from imagegeneration.runner.reports import Reports
from imagegeneration.runner.routing import Routing
from imagegeneration.runner.set_aside import SetAside
from imagegeneration.runner.spool import Spool
from imagegeneration.runner.spool_delivery import SpoolDelivery
from imagegeneration.settings import Settings


@dataclass(frozen=True)
class RunnerParts:
    """The parts of one runner process, which ends once `stopping` is set."""

    stopping: Event
    in_flight: InFlight
    spool: Spool
    pacing: Pacing
    claims: Claims
    admission: Admission
    routing: Routing
    door: Door
    calls: Calls
    failures: Failures
    intake: Intake
    delivery: Delivery
    recovery: Recovery
    leases: Leases
    previews: Previews
    spool_delivery: SpoolDelivery
    late_answers: LateAnswers

    def close(self) -> None:
        """Stop showing previews."""
        self.previews.close()


def build_runner(studio: Studio) -> RunnerParts:
    """Build the parts of a runner. Raises ConfigurationError if the spool cannot be used."""
    needs, registry, stopping, in_flight = studio.for_runner, studio.registry, Event(), InFlight()
    connection, jobs, images, transitions = needs.connection, needs.jobs, needs.images, needs.transitions
    spool, storage, previews = _spool(studio.settings), studio.storage, Previews(transitions, studio.storage)
    routing = Routing(transitions, studio.pauses, studio.breakers, registry.endpoints)
    bills, reports = Bills(registry.catalog), Reports(studio.breakers)
    set_aside = SetAside(jobs, transitions, spool, storage, bills)
    intake = Intake(transitions, spool, storage, bills, set_aside, reports)
    delivery = Delivery(connection, jobs, images, transitions, needs.seals, storage, spool, set_aside)
    recovery = Recovery(images, transitions, spool, storage, intake, set_aside)
    calls = Calls(transitions, spool, previews, routing, needs.providers, registry.catalog, stopping)
    return RunnerParts(
        stopping=stopping,
        in_flight=in_flight,
        spool=spool,
        pacing=studio.pacing,
        claims=build_claims(studio),
        admission=Admission(jobs, transitions, needs.seals, routing, calls, recovery),
        routing=routing,
        door=Door(jobs, transitions, studio.references),
        calls=calls,
        failures=Failures(jobs, transitions, reports, routing),
        intake=intake,
        delivery=delivery,
        recovery=recovery,
        leases=Leases(connection, needs.queue, transitions),
        previews=previews,
        spool_delivery=SpoolDelivery(connection, spool, intake, delivery, set_aside, in_flight.is_busy_with),
        late_answers=LateAnswers(connection, needs.reports, transitions, calls, intake, delivery),
    )


def build_claims(studio: Studio) -> Claims:
    """Build the claims of one process."""
    providers: Sequence[str] = list(studio.endpoints)
    return Claims(studio.for_runner.queue, studio.pauses, studio.breakers, studio.pacing, providers)


def _spool(settings: Settings) -> Spool:
    try:
        return Spool(settings.spool_dir, settings.spool_max_bytes)
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {settings.spool_dir} cannot be written to: {error.strerror}.") from None
