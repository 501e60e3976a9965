"""The verification that jobs, ledger, counters and stored objects agree with each other and the audit record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from imagegeneration.assets.asset import StoredImage
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.imaging import sha256
from imagegeneration.audit.entry import AuditEntry
from imagegeneration.audit.log import APPROVALS
from imagegeneration.core.errors import StorageFailed
from imagegeneration.jobs.accounting import movements
from imagegeneration.jobs.job import Job, request_sha256
from imagegeneration.jobs.seals import Seals, says
from imagegeneration.money.ledger_store import Moved
from imagegeneration.money.money import Budget
from imagegeneration.money.movement import money_moved
from imagegeneration.mongo.transaction import Session
from imagegeneration.stores import Stores


class Verification:
    """The verification of everything. Each job and each day is read in one snapshot, so that work can go on."""

    def __init__(self, stores: Stores, seals: Seals, storage: Storage | None) -> None:
        """Take the parts to verify. If `storage` is None, the stored objects are not read."""
        self._connection = stores.connection
        self._audit = stores.audit
        self._jobs = stores.jobs
        self._images = stores.images
        self._ledger = stores.ledger
        self._budgets = stores.budgets
        self._seals = seals
        self._storage = storage
        self.counted: Counter[str] = Counter()

    def problems(self) -> Iterator[str]:
        """Yield each disagreement, in words. `counted` says how much was checked."""
        for job_id in sorted({*self._jobs.ids(), *self._audit.subjects(APPROVALS), *self._ledger.job_ids()}):
            yield from self._job(job_id)
        for day in sorted({*self._ledger.days(), *self._budgets.days()}):
            yield from self._day(day)

    def _job(self, job_id: str) -> Iterator[str]:
        def read(session: Session) -> tuple[Sequence[Job | None], Sequence[AuditEntry | None], Moved]:
            return (
                self._jobs.stored(job_id, session=session),
                self._audit.about(job_id, APPROVALS, session=session),
                self._ledger.moved_by(job_id, session=session),
            )

        found, entries, money = self._connection.transaction(read)
        job = next(iter(found), None)
        if job is None:
            yield f"{job_id}: {'it cannot be read' if found else 'it is missing, though it is on record'}"
            return
        self.counted["jobs"] += 1
        for problem in (*self._approvals(job, entries), *_money(job, money), *self._stored(job)):
            yield f"{job_id}: {problem}"

    def _approvals(self, job: Job, entries: Sequence[AuditEntry | None]) -> Iterator[str]:
        if len(entries) != len(job.approvals):
            yield f"it has {len(job.approvals)} approvals, and {len(entries)} are on the audit record"
        asked = request_sha256(job.final_prompt, job.image_count, job.request, job.alternates)
        for number, approval in enumerate(job.approvals):
            entry = entries[number] if number < len(entries) else None
            if entry is None or not says(entry, approval):
                yield f"approval {number + 1} is not the one on the audit record"
            if (seal := self._seals.of_approval(job, number)) != "good":
                yield f"the seal of approval {number + 1} is {seal}"
            if asked != approval.request_sha256:
                yield f"it is not the request of approval {number + 1}"

    def _stored(self, job: Job) -> Iterator[str]:
        records = {record.attempt_id: record for record in self._images.of_job(job.job_id)}
        shown = [image for image in job.images if image.state == "STORED"]
        for image in shown:
            record = records.get(image.attempt.attempt_id or "")
            if record is None or (record.url, record.index) != (image.url, image.index):
                yield f"image {image.index + 1} is not the one that was stored"
        if job.is_over and list(job.cdn_urls) != [image.url for image in shown]:
            yield "its URLs are not those of its images"
        for record in records.values():
            self.counted["stored images"] += 1
            if (seal := self._seals.of_image(record)) != "good":
                yield f"the seal of the record of image {record.index + 1} is {seal}"
            if (problem := self._object(record)) is not None:
                yield f"image {record.index + 1}: {problem}"

    def _object(self, record: StoredImage) -> str | None:
        if self._storage is None:
            return None
        self.counted["objects"] += 1
        try:
            content = self._storage.find(record.storage_key, record.size_bytes)
        except StorageFailed as error:
            return f"its object could not be read: {error.message}"
        if content is None:
            return f"its object {record.storage_key} is not in the bucket"
        return None if sha256(content) == record.sha256 else f"its object {record.storage_key} has other bytes"

    def _day(self, day: str) -> Iterator[str]:
        def read(session: Session) -> tuple[Sequence[Budget], dict[str, Counter[str]]]:
            return self._budgets.of_day(day, session=session), self._ledger.sums_of_day(day, session=session)

        budgets, sums = self._connection.transaction(read)
        known = {budget.budget_id: _counters(budget) for budget in budgets}
        for key in sorted({*known, *sums}):
            self.counted["counters"] += 1
            if known.get(key, Counter()) != sums.get(key, Counter()):
                yield f"counter {key}: it says {_words(known.get(key))}, and the ledger {_words(sums.get(key))}"


def _money(job: Job, moved: Moved) -> Iterator[str]:
    expected: Moved = Counter()
    for (day, provider), (held, spent) in money_moved(movements(job, [], job.images)).items():
        expected[day, provider, "held"], expected[day, provider, "spent"] = held, spent
    if expected != moved:
        yield "the ledger says another cost or hold than its images"


def _counters(budget: Budget) -> Counter[str]:
    return Counter(held=budget.held_micros, spent=budget.spent_micros, text=budget.text_micros)


def _words(counters: Counter[str] | None) -> str:
    found = counters or Counter()
    return ", ".join(f"{name} {found[name]}" for name in ("held", "spent", "text"))
