"""The events of a job as server-sent events (https://html.spec.whatwg.org/#server-sent-events).

A stream holds no thread. It sleeps on the event loop until the watcher of this process reports a change of its job, or
until the next poll.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Annotated

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic.json_schema import SkipJsonSchema
from starlette.types import Message, Receive, Scope, Send

from imagegeneration.api.dependencies import CurrentStudio
from imagegeneration.api.jobs import JobId
from imagegeneration.api.protocol import ENDS
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import Busy, InvalidRequest, NotAllowed, NotFound, StudioError
from imagegeneration.jobs.feed import JobUpdates
from imagegeneration.jobs.progress import Progress
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import LOOK_AGAIN, RECHECK_SECONDS, CurrentActor, requires

LOOK_SECONDS = 2.0
"""How often a stream polls its job; the change stream wakes it sooner."""

BEAT_SECONDS = 15.0
"""How long a stream may be silent. Then it sends a comment, so that no proxy takes the connection for dead."""

SLOW_SECONDS = 30.0
"""How long a client may read nothing before its stream is closed."""

RETRY_MILLISECONDS = 2000
STREAMS_OF_A_PERSON = 20
READS_AT_ONCE = 8

_LARGEST_ID = 2**31 - 1

log = logging.getLogger(__name__)
router = APIRouter(tags=["jobs"])

EventNumber = Annotated[int, Query(alias="lastEventId", ge=0, le=_LARGEST_ID, description="As Last-Event-ID.")]


class Follower:
    """An open stream of a user, and what wakes it. Lives on the event loop."""

    def __init__(self, user_id: str, job_id: str) -> None:
        self.user_id = user_id
        self.job_id = job_id
        self.is_ending = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Let the stream look at its job now."""
        self._woken.set()

    def end(self) -> None:
        """End the stream, because the server stops."""
        self.is_ending = True
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Wait until the stream is woken, at most `seconds`."""
        with anyio.move_on_after(seconds):
            await self._woken.wait()
        self._woken.clear()


class Followers:
    """All open streams of this process, and the thread that watches for them while there are any."""

    def __init__(self, studio: Callable[[], Studio]) -> None:
        self._studio = studio
        self._streams: defaultdict[str, set[Follower]] = defaultdict(set)
        self._of_person: Counter[str] = Counter()
        self._stop: threading.Event | None = None

    @functools.cached_property
    def reads(self) -> CapacityLimiter:
        """Return the limiter of the few threads in which streams read, apart from those that answer requests."""
        return CapacityLimiter(READS_AT_ONCE)

    def enter(self, user_id: str, job_id: str) -> Follower:
        """Admit a stream of the user until it leaves. Raises Busy (IMG_005) if the user has too many."""
        if self._of_person[user_id] >= STREAMS_OF_A_PERSON:
            raise Busy(
                f"{STREAMS_OF_A_PERSON} event streams are open already.",
                retry_after=10,
                resolution="Close one of them, or poll the job's status.",
            )
        self._of_person[user_id] += 1
        return Follower(user_id, job_id)

    def follow(self, follower: Follower) -> None:
        """Wake the stream whenever its job has a new event."""
        self._streams[follower.job_id].add(follower)
        self._listen()

    def leave(self, follower: Follower) -> None:
        """Forget a closed stream."""
        self._of_person[follower.user_id] -= 1
        self._of_person += Counter()  # drops users without streams
        self._streams[follower.job_id].discard(follower)
        if not self._streams[follower.job_id]:
            del self._streams[follower.job_id]
        if not self._streams and self._stop is not None:
            self._stop.set()
            self._stop = None

    def _listen(self) -> None:
        if self._stop is None:
            self._stop = threading.Event()
            work = functools.partial(self._hear, asyncio.get_running_loop(), self._stop)
            threading.Thread(target=work, name="job-events", daemon=True).start()

    def _hear(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                for job_id in self._studio().feed.changed_jobs(stop):
                    loop.call_soon_threadsafe(self._wake, job_id)
            except StudioError as error:
                log.warning("The change stream broke; streams look by themselves: %s", error)
                stop.wait(LOOK_SECONDS)
            except RuntimeError:
                return  # the loop is closed

    def _wake(self, job_id: str) -> None:
        for follower in self._streams.get(job_id, ()):
            follower.wake()


class EventStream(EventSourceResponse):
    """A response without a known end. A client that reads too slowly is dropped."""

    def __init__(self, content: AsyncIterator[bytes], closed: Callable[[], None]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends or the client leaves."""
        with anyio.CancelScope() as answering:

            async def sending(message: Message) -> None:
                with anyio.move_on_after(SLOW_SECONDS) as waiting:
                    await send(message)
                if waiting.cancelled_caught:
                    answering.cancel()

            try:
                await super().__call__(scope, receive, sending)
            finally:
                self._closed()


_EVENT = {
    "type": "object",
    "description": "Each event. `data` is JSON: type, createdAt, jobId, eventId, and what else belongs to its type.",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
}


@router.get(
    "/job-events/{jobId}",
    response_class=Response,
    responses={
        200: {"description": "The events", "content": {EventStream.media_type: {"schema": _EVENT}}},
        204: {"description": "The job is over, and all of its events were heard"},
        **documented(404),
    },
)
@requires("look")
async def job_events(
    job_id: JobId,
    request: Request,
    studio: CurrentStudio,
    actor: CurrentActor,
    last_event_id: Annotated[
        int | SkipJsonSchema[None], Header(ge=0, le=_LARGEST_ID, description="Go on after this event of the job.")
    ] = None,
    since: EventNumber = 0,
) -> Response:
    """Stream the events of a job until it is over, as server-sent events with their numbers as `id`.

    All events after `Last-Event-ID` (or `lastEventId`) come first. `progress` is an estimate, has no number, and is not
    repeated. A number that the job has not reached is a 422.
    """
    unknown = set(request.query_params) - {"lastEventId"}
    if unknown:
        raise InvalidRequest(f"{min(unknown)[:40]}: unknown query parameter")
    after = since if last_event_id is None else last_event_id
    followers: Followers = request.app.state.followers
    follower = followers.enter(actor.user_id, job_id)
    with ExitStack() as leaving:
        leaving.callback(followers.leave, follower)
        updates = await to_thread.run_sync(studio.feed.updates_since, actor, job_id, after, limiter=followers.reads)
        if updates.is_over and not updates.events:
            return Response(status_code=204)  # tells a browser not to reconnect
        followers.follow(follower)
        request.scope["state"][ENDS] = follower.end
        stream = _Stream(studio, followers.reads, request.scope["state"][LOOK_AGAIN], actor, job_id, after)
        return EventStream(stream.run(follower), closed=leaving.pop_all().close)


class _Stream:
    """The stream of one client."""

    def __init__(
        self,
        studio: Studio,
        reads: CapacityLimiter,
        look_again: Callable[[], Awaitable[Actor | None]],
        actor: Actor,
        job_id: str,
        after: int,
    ) -> None:
        self._studio = studio
        self._reads = reads
        self._look_again = look_again
        self._actor = actor
        self._job_id = job_id
        self._after = after
        self._progress: Progress | None = None
        self._looked_at = self._said_at = time.monotonic()

    async def run(self, follower: Follower) -> AsyncIterator[bytes]:
        """Yield what is new about the job, until it is over."""
        yield format_sse_event(retry=RETRY_MILLISECONDS)
        while not follower.is_ending:
            updates = await self._look()
            if updates is None:
                return
            for sent in self._sent(updates):
                self._said_at = time.monotonic()
                yield sent
            if updates.is_over:
                return
            if time.monotonic() - self._said_at >= BEAT_SECONDS:
                self._said_at = time.monotonic()
                yield format_sse_event(comment="still there")
            await follower.wait(LOOK_SECONDS)

    async def _look(self) -> JobUpdates | None:
        """Return what is new, or None if the actor may no longer see the job."""
        try:
            if time.monotonic() - self._looked_at >= RECHECK_SECONDS:
                self._looked_at = time.monotonic()
                actor = await self._look_again()
                if actor is None or actor.user_id != self._actor.user_id:
                    return None
                self._actor = actor
            read = functools.partial(self._studio.feed.updates_since, self._actor, self._job_id, self._after)
            return await to_thread.run_sync(read, limiter=self._reads)
        except (NotFound, NotAllowed):
            return None
        except StudioError:
            return JobUpdates([], None, is_over=False)  # the database is down: the stream goes on when it is back

    def _sent(self, updates: JobUpdates) -> Iterator[bytes]:
        for event in updates.events:
            self._after = event.event_id
            facts = event.model_dump_json(by_alias=True, exclude={"schema_version", "user_id"})
            yield format_sse_event(id=str(event.event_id), event=event.type, data_str=facts)
        if updates.progress is not None and updates.progress != self._progress:
            self._progress = updates.progress
            yield format_sse_event(event="progress", data_str=updates.progress.model_dump_json(by_alias=True))
