"""The actions of an operator, each with words for what it does to the work and to the money. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from imagegeneration.core.ids import ProviderName
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Action, Ask, Input
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.money.money import Limits, ProviderLimits, format_usd, format_usd_exact
from imagegeneration.operations.state import OpenImage, WaitingForStorage
from imagegeneration.providers.breaker import EVERYTHING, Breaker, Cause

WHAT_A_PAUSE_DOES = "No call is started; calls in flight are finished; approvals wait."
_RESUMING: Mapping[Cause, str] = {
    "person": "",
    "failures": " If calls go on failing, it pauses itself again.",
    "credentials": " If the account is still refused, it pauses itself again.",
    "burn_rate": " What was spent before does not count for its rate any more.",
    "bill": " Its images are sold at the price in the catalog again, so correct that first.",
}


def pause(scope: str) -> Action:
    """Return the action that starts no further call."""
    name = words.scope(scope)
    does = {
        "everything": WHAT_A_PAUSE_DOES,
        "provider": f"No call to it is started; those in flight are finished; approvals wait. This stops {name} only.",
        "model": f"No call with it is started; those in flight are finished; approvals of {name} are refused.",
    }[scope.partition(":")[0]]
    label = "Pause everything" if scope == EVERYTHING else "Pause"
    ask = Ask(does, confirm=f"Pause {name}", reason="", danger=True)
    return Action(f"pause {scope}", label, {"what": "pause", "scope": scope}, ask)


def keep_paused(scope: str) -> Action:
    """Return the action that turns a pause that would end itself into an operator's pause."""
    return replace(pause(scope), label="Keep paused")


def resume(breaker: Breaker) -> Action:
    """Return the action that ends a pause."""
    cause: Cause = "person" if breaker.pause is None else breaker.pause.cause
    does = f"Calls are started again at once, and what waited goes on.{_RESUMING[cause]}"
    ask = Ask(does, confirm=f"Resume {words.scope(breaker.scope)}", reason="The cause is gone.")
    paused_at = breaker.pause.paused_at.isoformat() if breaker.pause is not None else ""
    order = {"what": "resume", "scope": breaker.scope, "pausedAt": paused_at}
    return Action(f"resume {breaker.scope}", "Resume", order, ask)


def test(provider: ProviderName) -> Action:
    """Return the action that checks at once whether a provider works."""
    name = words.provider(provider)
    does = f"{words.capital(name)} is asked for something free. If it paused itself, the next call tests it."
    ask = Ask(does, confirm=f"Test {name} now", reason="To see whether it works again.")
    return Action(f"test {provider}", "Test now", {"what": "test", "provider": provider}, ask)


def perhaps_charged(job_id: str, index: int, attempt_id: str, cost_micros: int) -> tuple[Action, Action]:
    """Return the two actions that close an image with an unclear charge without making it again."""
    cost = format_usd_exact(cost_micros)
    order = _decision([(job_id, index, attempt_id)])
    lost = Ask(
        f"The image is given up. Up to {cost} stays counted as spent, because it was perhaps charged.",
        confirm=f"Accept {cost} as lost",
        reason="The answer is lost, and nobody can tell whether it was charged.",
        danger=True,
    )
    not_charged = Ask(
        f"{cost} is given back to the budget of its day. Do this only once the provider's usage page shows no charge.",
        confirm=f"Give {cost} back",
        reason="The provider's usage page shows no charge.",
    )
    return (
        Action(f"accept_lost {attempt_id}", "Accept as lost", order | {"decision": "accept_lost"}, lost),
        Action(f"not_charged {attempt_id}", "Mark as not charged", order | {"decision": "not_charged"}, not_charged),
    )


def declare_lost(host: str, images: Sequence[tuple[str, int, str]], cost_micros: int, *, of: str) -> Action:
    """Return the action that writes off images, (job, index, attempt) each, whose bytes are on a machine that is gone.

    `of` tells the action from others: the question stays on the screen while the images change.
    """
    what, cost = words.plural(len(images), "image"), format_usd_exact(cost_micros)
    many = len(images) > 1
    ask = Ask(
        f"{what} on {host} {'are' if many else 'is'} given up. {'They were' if many else 'It was'} made and charged: "
        f"{cost} stays spent. Should the machine come back with its disk, {'they are' if many else 'it is'} delivered "
        "all the same.",
        confirm=f"Declare {what} lost",
        reason="The machine is gone for good.",
        danger=True,
    )
    order = _decision(images) | {"decision": "declare_lost"}
    return Action(f"declare_lost {of}", f"Declare {what} lost", order, ask)


def declare_machine_lost(waiting: WaitingForStorage) -> Action:
    """Return the action that writes off everything on a machine."""
    images = [(image.job_id, image.index, image.attempt_id) for image in waiting.images]
    cost = sum(image.cost_micros for image in waiting.images)
    return declare_lost(waiting.host or "an unknown machine", images, cost, of=waiting.host)


def set_aside(job_id: str, index: int, attempt_id: str, cost_micros: int) -> tuple[Action, ...]:
    """Return what can be decided about an answer that is kept and was not usable."""
    order = _decision([(job_id, index, attempt_id)]) | {"decision": "try_again"}
    ask = Ask(
        "The answer is read and stored once more. Nothing is sent to the provider, and nothing is paid.",
        confirm="Try the answer again",
        reason="What was in its way is out of the way.",
    )
    lost = Ask(
        f"The image is given up. {format_usd_exact(cost_micros)} stays spent.",
        confirm="Declare the image lost",
        reason="The image is not needed any more.",
        danger=True,
    )
    return (
        Action(f"try_again {attempt_id}", "Try again", order, ask),
        Action(f"declare_lost {attempt_id}", "Declare lost", order | {"decision": "declare_lost"}, lost),
    )


def retry(image: OpenImage, quote: RetryQuote | None) -> Action:
    """Return the action that makes the missing images of the image's job again; it asks for the price first."""
    key, label = f"retry {image.attempt_id}", "Retry"
    if quote is None:
        return Action(key, label, {"what": "quote", "job_id": image.job_id}, opens=True)
    order = {"what": "retry", "job_id": image.job_id, "accept_micros": quote.total_micros}
    missing = "the missing image" if quote.missing == 1 else f"the {quote.missing} missing images"
    price, doubtful = format_usd(quote.total_micros), format_usd(quote.unknown_micros)
    ask = Ask(
        f"The job is queued again for {missing}, which costs up to {price}.",
        confirm=f"Retry {missing} for up to {price}",
        warning=f"Up to {doubtful} was perhaps charged already, so that you may pay twice." if quote.unknown else None,
        agree=f"I accept that up to {doubtful} may have been spent for nothing." if quote.unknown else None,
        danger=True,
    )
    return Action(key, label, order, ask)


def change_limits(limits: Limits, ceilings: Limits, version: int) -> Action:
    """Return the action that sets other limits, within the ceilings."""
    fields = (
        _amount("daily", "Everybody, a day", limits.daily_micros, ceilings.daily_micros),
        _amount("daily_per_user", "Each user, a day", limits.daily_per_user_micros, ceilings.daily_per_user_micros),
        _amount("per_image", "One image", limits.per_image_micros, ceilings.per_image_micros),
    )
    ask = Ask(
        "What is spent and held already stays. New approvals are measured by the new limits within a second.",
        confirm="Set these limits",
        reason="",
        fields=fields,
    )
    return Action("limits", "Change the limits", {"what": "limits", "version": version}, ask)


def change_provider_limits(limits: ProviderLimits, version: int) -> Action:
    """Return the action that sets the limits of a provider."""
    name = words.provider(limits.provider)
    daily = "" if limits.daily_micros is None else format_usd_exact(limits.daily_micros).lstrip("$")
    fields = (
        Input("concurrency", "Calls at once", _number(limits.concurrency), "Empty: not limited"),
        Input("per_minute", "Calls a minute", _number(limits.per_minute), "Empty: not limited"),
        Input("daily", "Daily budget, in USD", daily, "Empty: none of its own"),
    )
    ask = Ask(
        "Of all runners together. A call above them waits; an approval above the budget is refused until midnight UTC.",
        confirm=f"Set the limits of {name}",
        reason="",
        fields=fields,
    )
    order = {"what": "provider_limits", "provider": limits.provider, "version": version}
    return Action(f"limits {limits.provider}", "Change its limits", order, ask)


def _number(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _amount(name: str, label: str, micros: int, ceiling: int) -> Input:
    return Input(name, f"{label}, in USD", format_usd_exact(micros).lstrip("$"), f"At most {format_usd_exact(ceiling)}")


def _decision(images: Sequence[tuple[str, int, str]]) -> dict[str, object]:
    known = [{"job_id": job_id, "index": index, "attempt_id": attempt_id} for job_id, index, attempt_id in images]
    return {"what": "decide", "images": known}
