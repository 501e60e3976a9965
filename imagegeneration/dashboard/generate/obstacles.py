"""Obstacles to an approval: Generate shows them before money is held, with what to do about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imagegeneration.core.errors import WrongState
from imagegeneration.dashboard.announcements import trouble
from imagegeneration.dashboard.frame import notice, reader_zone, studio
from imagegeneration.dashboard.generate.desk import Desk
from imagegeneration.dashboard.kit import words
from imagegeneration.models.conditions import Obstacle
from imagegeneration.models.quote import Quote
from imagegeneration.models.ranking import best
from imagegeneration.money.money import format_usd
from imagegeneration.providers.breaker import EVERYTHING
from imagegeneration.providers.generation import GenerationParameters


@dataclass(frozen=True)
class Told:
    """One obstacle in words: what is wrong, and what that means and what to do."""

    title: str
    text: str


def announce_obstacles(desk: Desk, quote: Quote | None) -> None:
    """Say what is in the way of this quote, and remember it: an approval is compared with it.

    In the run that approves, it is said after the button was pressed, so it is not remembered. `quote` is None if
    nothing can be approved.
    """
    desk.routes = () if quote is None else quote.plan.routes
    told = [] if quote is None else _all_told(quote.obstacles)
    if desk.doing is None:
        desk.announced = tuple(one.title for one in told)
    for number, one in enumerate(told):
        instead = _instead(desk, desk.routes[0]) if number == 0 else ""
        notice("bad", one.title, " ".join(filter(None, (one.text, instead))), key=f"obstacle-{number}")


def has_news(desk: Desk) -> bool:
    """Return whether the obstacles are now others than those that were said."""
    return tuple(one.title for one in _told_now(desk)) != tuple(desk.announced)


def require_announced(desk: Desk) -> None:
    """Raise WrongState (IMG_011) if an obstacle was not said before the button was pressed."""
    news = [one for one in _told_now(desk) if one.title not in desk.announced]
    if news:
        raise WrongState(
            f"{news[0].title} {news[0].text}",
            resolution="Nothing was approved. Press the button again if that is what you want.",
        )


def _told_now(desk: Desk) -> list[Told]:
    return _all_told(studio().conditions.obstacles(desk.routes))


def _all_told(obstacles: Sequence[Obstacle]) -> list[Told]:
    return [_told(obstacle) for obstacle in obstacles]


def _told(found: Obstacle) -> Told:
    what = words.capital("everything" if found.scope == EVERYTHING else words.scope(found.scope))
    if found.pause is None:
        title = trouble(found.health) or f"{what} does not work at present."
        return Told(
            title, _PASSED_OVER if found.is_fallback else "What you approve now may fail without a charge, or wait."
        )
    title = f"{what} is paused: {found.pause.reason}"
    if found.is_fallback and found.scope != EVERYTHING:
        return Told(title, _PASSED_OVER)
    return Told(title, f"What you approve now waits, and its money is held. {_until(found)}")


_PASSED_OVER = "It is a fallback of yours, and is passed over while it does not work."


def _until(found: Obstacle) -> str:
    at = None if found.pause is None else found.pause.probe_at
    if at is None:
        return "An operator has to resume it."
    if at <= datetime.now(UTC):
        return "The next call is a test; if it works, the pause ends."
    return f"The next test is at {words.clock(at, reader_zone(), datetime.now(UTC))}, your time."


def _instead(desk: Desk, request: GenerationParameters) -> str:
    """Return a sentence that offers the cheapest model of another provider for exactly this, or an empty text."""
    able = [] if desk.criteria is None else studio().selector.alternates(desk.criteria)
    others = [one for one in able if one.provider != request.provider]
    if not others:
        return ""
    other = best(others, "cost")
    return f"Or choose {other.label} under Options: up to {format_usd(other.price_micros or 0)} an image."
