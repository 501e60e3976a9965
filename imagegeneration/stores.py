"""The stores of an installation, passed to the areas that need them."""

from __future__ import annotations

from imagegeneration.assets.store import ImageStore
from imagegeneration.audit.store import AuditStore
from imagegeneration.jobs.event_store import EventStore
from imagegeneration.jobs.idempotency import IdempotencyStore
from imagegeneration.jobs.queue_store import QueueStore
from imagegeneration.jobs.report_store import ReportStore
from imagegeneration.jobs.store import JobStore, job_collection
from imagegeneration.models.lora_store import LoraStore
from imagegeneration.money.budget_store import BudgetStore
from imagegeneration.money.credit_store import CreditStore
from imagegeneration.money.ledger_store import LedgerStore
from imagegeneration.money.limits_store import LimitsStore
from imagegeneration.mongo.connection import Connection
from imagegeneration.people.key_store import KeyStore
from imagegeneration.people.login_store import LoginStore
from imagegeneration.people.person_store import PeopleStore
from imagegeneration.processes.process_store import ProcessStore
from imagegeneration.processes.runner_store import RunnerStore
from imagegeneration.prompts.draft_store import DraftStore
from imagegeneration.providers.breaker_store import BreakerStore
from imagegeneration.providers.check_store import CheckStore
from imagegeneration.providers.pace_store import PaceStore


class Stores:
    """The database: its connection and its stores."""

    def __init__(self, uri: str, database: str) -> None:
        self.connection = Connection(uri, database)
        self.events = EventStore(self.connection)
        jobs = job_collection(self.connection)
        self.jobs = JobStore(jobs, self.events)
        self.queue = QueueStore(jobs)
        self.reports = ReportStore(jobs)
        self.images = ImageStore(self.connection)
        self.ledger = LedgerStore(self.connection)
        self.budgets = BudgetStore(self.connection)
        self.idempotency = IdempotencyStore(self.connection)
        self.drafts = DraftStore(self.connection)
        self.runners = RunnerStore(self.connection)
        self.processes = ProcessStore(self.connection)
        self.breakers = BreakerStore(self.connection)
        self.limits = LimitsStore(self.connection)
        self.audit = AuditStore(self.connection)
        self.people = PeopleStore(self.connection)
        self.logins = LoginStore(self.connection)
        self.keys = KeyStore(self.connection)
        self.credits = CreditStore(self.connection)
        self.checks = CheckStore(self.connection)
        self.paces = PaceStore(self.connection)
        self.loras = LoraStore(self.connection)

    def prepare(self) -> None:
        """Create the collections, validators and indexes. Raises ConfigurationError if they cannot be used."""
        self.connection.require_replica_set()
        self.connection.prepare()
        self.audit.ensure_head()
        self.connection.require_transactions("jobs")
