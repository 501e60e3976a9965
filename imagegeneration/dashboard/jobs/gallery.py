"""The gallery of jobs, with the dialog that shows one of them: one component, used by Jobs and by Generate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import streamlit as st

from imagegeneration.assets.asset import StoredImage
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import NotFound, StudioError
from imagegeneration.dashboard.frame import acting, actor, explain, studio
from imagegeneration.dashboard.jobs import newest
from imagegeneration.dashboard.jobs.cards import Reader, card
from imagegeneration.dashboard.jobs.outlooks import Outlooks
from imagegeneration.dashboard.jobs.record import record
from imagegeneration.dashboard.jobs.record_actions import Again
from imagegeneration.dashboard.kit import job_words
from imagegeneration.dashboard.kit.inbox import Message, inbox, taker
from imagegeneration.dashboard.operations.orders import carry_out
from imagegeneration.dashboard.web import asset
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.jobs.progress import Progress

_GALLERY = st.components.v2.component("studio_gallery", **asset("gallery"))


@dataclass
class Inspector:
    """The job that is open in the dialog, the result of the last action, and the record as it was last made.

    `is_leaving` says that an action has made a new job, to which the reader is taken.
    """

    job_id: str | None = None
    said: dict[str, Any] | None = None
    is_leaving: bool = False
    messages: int = 0
    made_of: tuple[Any, ...] = ()
    record: dict[str, Any] | None = None
    names: dict[str, str] = field(default_factory=dict)

    def open(self, job_id: str | None) -> None:
        """Show another job, or none. If the job is open already, it stays as it is, with its message."""
        if job_id == self.job_id:
            return
        self.job_id, self.said, self.made_of, self.record = job_id, None, (), None

    def update(self, jobs: Sequence[Job]) -> None:
        """Update the record; it is made again only if the job has changed."""
        if self.job_id is None:
            return
        try:
            job = next((one for one in jobs if one.job_id == self.job_id), None) or studio().queries.get(
                actor(), self.job_id
            )
            gone, who = _machines_gone(job), actor()
            made_of = (job.job_id, job.updated_at, gone, who.permissions)
            if self.made_of != made_of:
                images = studio().queries.images(who, job.job_id)
                sources = studio().references.stored(who, [one.image_id for one in job.request.references])
                reader = self.readers([job])(job)
                price, again = (self._price(job), self._again(job)) if reader.may_change else (None, None)
                self.record = record(job, images, price, gone, sources, again=again, reader=reader)
                self.made_of = made_of
        except NotFound as error:  # it was visible by a role that is gone
            self.record, self.made_of = None, ()
            self._complain(error)
        except StudioError as error:
            self._complain(error)

    def act(self, act: dict[str, Any]) -> None:
        """Carry out the action that the dialog sent."""
        job_id = str(act.get("job"))
        self.open(job_id)  # the message that opened the dialog may have been lost
        try:
            if act.get("what") == "cancel":
                studio().cancellation.cancel(acting("generate"), job_id)
                self.say("active", "The job is being canceled.", "Images in the making are finished and kept.")
            elif act.get("what") == "decide":
                said = carry_out(act["order"], studio(), actor())
                self.say(said.tone, said.title, said.text, key=str(act.get("key")))
            elif act.get("what") == "retry":
                accept, unknown = int(act["accept"]), bool(act.get("acceptUnknown"))
                studio().approvals.retry(acting("generate"), job_id, accept_micros=accept, accept_unknown=unknown)
                self.say("active", "The job is in the queue again.", "Only the missing images are made.")
            elif act.get("what") == "again":
                again = studio().approvals.run_again(
                    acting("generate"),
                    job_id,
                    accept_micros=int(act["accept"]),
                    source="dashboard",
                    idempotency_key=f"again {act['key']}",  # a press that arrives twice makes one job
                )
                self.open(None)
                self.is_leaving = True
                newest.expect(again.job_id)
        except StudioError as error:
            self.say("bad", *explain(error))
        self.made_of = ()

    def readers(self, jobs: Sequence[Job]) -> Callable[[Job], Reader]:
        """Return a function from each of these jobs to its Reader: what they may do with it, and the users' names."""
        who, has_sign_in = actor(), studio().settings.has_sign_in
        if has_sign_in:
            self._learn_names({name for job in jobs for name in (job.user_id, *_approvers(job))})

        def reader(job: Job) -> Reader:
            return Reader(
                may_change=who.may("generate") and who.may_change(job.user_id),
                may_decide=who.may("operate"),
                may_edit=who.may("generate"),
                sees_others=has_sign_in and who.may("review"),
                names=self.names,
            )

        return reader

    def _learn_names(self, people: set[str]) -> None:
        self.names.setdefault(LOCAL.user_id, LOCAL.name)
        unknown = people - self.names.keys()
        if unknown:
            with suppress(StudioError):  # ids, until the database is back
                self.names |= studio().people.names(unknown)

    def _price(self, job: Job) -> RetryQuote | None:
        """Return what a retry costs, or None, with the reason said, if there is no retry."""
        try:
            return studio().approvals.retry_quote(actor(), job.job_id) if job.status == "FAILED" else None
        except StudioError as error:
            self._complain(error)
            return None

    def _again(self, job: Job) -> Again | None:
        """Return what the job costs once more, or why it cannot be run again; None while it is at work."""
        try:
            return studio().approvals.again_quote(actor(), job.job_id) if job.is_over else None
        except StudioError as error:
            return error

    def _complain(self, error: StudioError) -> None:
        if self.said is None:  # the result of the last action matters more, and stays
            self.say("bad", *explain(error))

    def say(self, tone: str, title: str, text: str, key: str = "") -> None:
        """Leave a message in the dialog about the action `key`. A number tells it from an equal message before."""
        self.messages += 1
        self.said = {"number": self.messages, "key": key, "tone": tone, "title": title, "text": text}


def _approvers(job: Job) -> set[str]:
    return {approval.approved_by for approval in job.approvals}


def _machines_gone(job: Job) -> frozenset[str]:
    """Return the machines that have images of the job on their disks and no runner any more."""
    now = datetime.now(UTC)
    hosts = {image.spool_host or "" for image in job.images if job_words.is_waiting_for_storage(image, now)}
    return frozenset(hosts - {runner.host for runner in studio().runners.alive()}) if hosts else frozenset()


def _outlook(job: Job) -> Outlook | None:
    """Return the job's place in the queue, or None while it is not known: the page is drawn without it."""
    try:
        return studio().forecast.outlook(job)
    except StudioError:
        return None


_OUTLOOKS = Outlooks(_outlook)


def _progress(job: Job) -> Progress | None:
    """Return how far the job is, or None while that is not known: the page is drawn without it."""
    try:
        return studio().feed.progress(job)
    except StudioError:
        return None


def _stored(job: Job) -> Sequence[StoredImage]:
    """Return the records of the job's images, or none while they cannot be read: the page is drawn without them."""
    try:
        return studio().queries.images(actor(), job.job_id) if job.cdn_urls else ()
    except StudioError:
        return ()


def inspector(key: str) -> Inspector:
    """Return this session's inspector of the gallery `key`."""
    found: Inspector = st.session_state.setdefault(f"{key}-inspector", Inspector())
    return found


def gallery(
    jobs: Sequence[Job],
    *,
    key: str,
    mode: Literal["grid", "single"] = "grid",
    page: str = "",
    notice: dict[str, Any] | None = None,
    empty: dict[str, str] | None = None,
    about_seconds: float | None = None,
    in_address: bool = False,
) -> None:
    """Draw the jobs. With `in_address` the open job is also in the page's URL, as `job`, and a new one is shown."""
    shown = inspector(key)

    def viewed(job_id: str | None) -> None:
        shown.open(job_id)
        if in_address and shown.job_id is not None:
            st.query_params["job"] = shown.job_id
        elif in_address and "job" in st.query_params:
            del st.query_params["job"]

    def heard(message: Message) -> None:
        if "act" in message:
            shown.act(message["act"])
        else:
            viewed(message.get("view"))

    if shown.is_leaving:
        shown.is_leaving = False
        newest.go(is_on_jobs=in_address)
    shown.update(jobs)
    if shown.record is None and shown.said is not None:  # no dialog to say it in
        notice = notice or shown.said
    reader = shown.readers(jobs)
    data = {
        "mode": mode,
        "page": page,
        "notice": notice,
        "empty": empty,
        "cards": [
            card(
                job,
                about_seconds,
                _OUTLOOKS.of(job),
                _progress(job),
                reader(job),
                _stored(job) if mode == "single" else (),
            )
            for job in jobs
        ],
        "in_address": in_address,
        "fresh": newest.newest() if in_address else None,
        "open": shown.job_id,
        "record": shown.record,
        "said": shown.said,
        "heard": inbox(key).heard,
    }
    _GALLERY(key=key, data=data, on_sent_change=taker(key, heard))
