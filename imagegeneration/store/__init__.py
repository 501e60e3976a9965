"""MongoDB: the only package that imports pymongo; one file a collection."""

from __future__ import annotations

from imagegeneration.store.audit import AuditStore
from imagegeneration.store.breakers import BreakerStore
from imagegeneration.store.budgets import BudgetStore
from imagegeneration.store.checks import CheckStore
from imagegeneration.store.connection import Connection
from imagegeneration.store.credits import CreditStore
from imagegeneration.store.drafts import DraftStore
from imagegeneration.store.events import EventStore
from imagegeneration.store.idempotency import IdempotencyStore
from imagegeneration.store.images import ImageStore
from imagegeneration.store.jobs import JobStore
from imagegeneration.store.keys import KeyStore
from imagegeneration.store.ledger import LedgerStore
from imagegeneration.store.limits import LimitsStore
from imagegeneration.store.logins import LoginStore
from imagegeneration.store.loras import LoraStore
from imagegeneration.store.paces import PaceStore
from imagegeneration.store.people import PeopleStore
from imagegeneration.store.processes import ProcessStore
from imagegeneration.store.runners import RunnerStore
from imagegeneration.store.transaction import Session

__all__ = ["Session", "Stores"]


class Stores:
    """The database: its connection and its collections."""

    def __init__(self, uri: str, database: str) -> None:
        self.connection = Connection(uri, database)
        self.events = EventStore(self.connection)
        self.jobs = JobStore(self.connection, self.events)
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
        """Create the collections, validators and indexes. Raises ConfigurationError where they cannot be used."""
        self.connection.require_replica_set()
        self.connection.prepare()
        self.audit.ensure_head()
        self.connection.require_transactions("jobs")
