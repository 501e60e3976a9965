"""The Operations page: it is read again every two seconds, and does what an operator has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from imagegeneration.core.errors import StudioError
from imagegeneration.dashboard.frame import actor, errors_in_words, explain, reader_zone, require_page, studio
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Section
from imagegeneration.dashboard.kit.sections import Answers, Said, draw_sections
from imagegeneration.dashboard.operations.orders import carry_out
from imagegeneration.dashboard.operations.overview import Look, overview
from imagegeneration.dashboard.readers import for_reader, people_in
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.operations.state import OperationsState
from imagegeneration.providers.breaker import model_scope, provider_scope

SECONDS = 2
PER_PAGE = 20
_KEY = "operations"


@dataclass
class Watch:
    """The page of one session: the state read last, the answer to the last order, and what it was asked to show."""

    state: OperationsState | None = None
    answers: Answers = field(default_factory=Answers)
    quotes: dict[str, RetryQuote] = field(default_factory=dict)
    listed: int = PER_PAGE

    def act(self, key: str, order: Mapping[str, Any]) -> None:
        """Carry out an action of the page."""
        if order.get("what") == "more":
            self.listed += PER_PAGE
        elif order.get("what") == "quote":
            self._quote(key, str(order.get("job_id")))
        else:
            self.answers.say(key, carry_out(order, studio(), actor()))
            if order.get("what") in ("retry", "decide"):
                self.quotes.clear()  # the missing and the unclear images have changed

    def _quote(self, key: str, job_id: str) -> None:
        try:
            self.quotes[job_id] = studio().approvals.retry_quote(actor(), job_id)
        except StudioError as error:
            self.answers.say(key, Said("bad", *explain(error)))


def operations() -> None:
    """Draw the page, and redraw it every two seconds."""
    st.fragment(run_every=SECONDS)(_follow)()


@errors_in_words()
def _follow() -> None:
    require_page("operations")
    watch: Watch = st.session_state.setdefault(f"{_KEY}-watch", Watch())
    notice = None
    try:
        watch.state = studio().operations.state(actor())
    except StudioError as error:
        if watch.state is None:
            raise
        title, text = explain(error)
        notice = f"{title} {text} The page keeps trying; what it shows is old."
    draw_sections(
        _for_reader(overview(watch.state, _look(watch, watch.state)), watch.state),
        watch.act,
        key=_KEY,
        at=watch.state.at,
        answer=watch.answers.latest,
        notice=notice,
    )


def _for_reader(sections: list[Section], state: OperationsState) -> list[Section]:
    waiting = (image for host in state.waiting_for_storage for image in host.images)
    images = [*state.perhaps_charged, *state.set_aside, *waiting]
    people = people_in(sections)
    names = studio().people.names(people) if people else {}
    return for_reader(sections, actor(), {image.job_id: image.user_id for image in images}, names)


def _look(watch: Watch, state: OperationsState) -> Look:
    parameters = studio().registry.default
    providers = map(provider_scope, studio().registry.endpoints)
    scopes = (*providers, *(() if parameters is None else (model_scope(parameters.model),)))
    resets_at = words.clock(state.spend.resets_at, reader_zone(), datetime.now(UTC))
    return Look(scopes, watch.quotes, watch.listed, resets_at)
