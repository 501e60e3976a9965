"""The guards of fallback (docs/adr/0016-fallback.md)."""

from __future__ import annotations

from tests.faults.support.guards import EXECUTION, LIFECYCLE, Guard

ROUTES = "imagegeneration/domain/fallback.py"
JOB = "imagegeneration/domain/job.py"
JOBS = "imagegeneration/services/jobs.py"
CHOOSING = "imagegeneration/services/choosing.py"
FALLBACK = "tests/unit/domain/test_fallback.py"
RULES = FALLBACK + "::"
TWO_SERVERS = "tests/integration/test_fallback.py::"
SEALS = "tests/unit/domain/test_seal.py::"
CONSENT = "tests/integration/test_fallback_consent.py::"

GUARDS = (
    Guard(
        "refusal: the alternates are part of what was approved",
        "imagegeneration/domain/seal.py",
        '*("created_at", "request", "alternates"),',
        '*("created_at", "request"),',
        [SEALS + "test_alternates_are_sealed"],
    ),
    Guard(
        "refusal: as many images as approved, each at its price",
        "imagegeneration/services/seals.py",
        " or not _are_as_approved(job):",
        ":",
        ["tests/integration/test_seals.py::test_images_that_were_added_are_not_sent"],
    ),
    Guard(
        "refusal: the endpoint of who is called",
        EXECUTION,
        "if endpoint != route.endpoint_sha256 and not gives_way:",
        "if endpoint != job.latest_approval.endpoint_sha256 and not gives_way:",
        [TWO_SERVERS + "test_an_alternate_that_moved_after_its_turn_began_is_refused"],
    ),
    Guard(
        "fallback: the approved endpoint",
        EXECUTION,
        "if self._offer.endpoints.get(route.parameters.provider) == route.endpoint_sha256\n",
        "if True\n",
        [TWO_SERVERS + "test_an_alternate_at_another_endpoint_than_the_approved_one_is_not_called"],
    ),
    Guard(
        "fallback: not to the account that was refused",
        EXECUTION,
        "            and route.parameters.provider != without\n",
        "",
        [TWO_SERVERS + "test_after_a_refused_account_no_other_model_of_it_is_called"],
    ),
    Guard(
        "fallback: never after an unknown charge",
        LIFECYCLE,
        'if failure.certainty == "unknown":',
        "if False:",
        [FALLBACK, TWO_SERVERS + "test_after_an_unknown_charge_nobody_else_is_called"],
    ),
    Guard(
        "fallback: only while a further attempt is wanted",
        LIFECYCLE,
        'goes_on = again_since is not None and image.state == "CALLING" and',
        'goes_on = image.state == "CALLING" and',
        [FALLBACK, TWO_SERVERS + "test_a_cancel_in_between_stops_it"],
    ),
    Guard(
        "fallback: only from the call that is open",
        LIFECYCLE,
        'goes_on = again_since is not None and image.state == "CALLING" and',
        "goes_on = again_since is not None and",
        [FALLBACK],
    ),
    Guard(
        "fallback: not with a refused prompt",
        LIFECYCLE,
        " and fallback is not None and not failure.stops:\n",
        " and fallback is not None:\n",
        [FALLBACK, TWO_SERVERS + "test_a_refused_prompt_and_a_charged_answer_end_it"],
    ),
    Guard(
        "fallback: nothing more is held",
        LIFECYCLE,
        "min(to.hold.micros, last.held_micros),",
        "to.hold.micros,",
        [FALLBACK],
    ),
    Guard(
        "passed over: once",
        EXECUTION,
        "passed_over(found, fallback, now) if found == image else found",
        "passed_over(found, fallback, now)",
        [TWO_SERVERS + "test_what_another_has_passed_over_meanwhile_is_not_passed_over_again"],
    ),
    Guard(
        "approval: the hold covers the dearest",
        JOBS,
        "return bound(prices), None if len(prices) == 1 else prices[0]",
        "return prices[0], None if len(prices) == 1 else prices[0]",
        [TWO_SERVERS + "test_the_hold_covers_the_dearest_and_what_is_not_needed_is_given_back"],
    ),
    Guard(
        "approval: an alternate costs no more than was allowed",
        CHOOSING,
        "        if price > at_most:",
        "        if False:",
        [CONSENT + "test_an_alternate_that_cannot_be_is_refused_in_words_that_name_it"],
    ),
    Guard(
        "fallback: never after a charge",
        LIFECYCLE,
        "if goes_on and not charged and fallback is not None",
        "if goes_on and fallback is not None",
        [RULES + "test_what_a_failure_leads_to"],
    ),
    Guard(
        "attempts: none after a charge",
        LIFECYCLE,
        "if goes_on and not charged and failure.retryable",
        "if goes_on and failure.retryable",
        [RULES + "test_what_a_failure_leads_to"],
    ),
    Guard(
        "fallback: only from the attempt that failed",
        LIFECYCLE,
        'image.state == "CALLING" and image.attempt.attempt_id == attempt_id\n    if goes_on and not',
        'image.state == "CALLING"\n    if goes_on and not',
        [RULES + "test_a_report_of_another_attempt_opens_nothing"],
    ),
    Guard(
        "fallback: no more credits are held",
        LIFECYCLE,
        "min(to.hold.credits, last.credits),",
        "to.hold.credits,",
        [RULES + "test_nothing_more_is_ever_held_than_at_the_approval"],
    ),
    Guard(
        "fallback: forward only",
        ROUTES,
        "return known[own + 1 :]",
        "return [route for route in known if not _goes(attempt, route)]",
        [RULES + "test_alternates_follow_in_their_order_and_never_back"],
    ),
    Guard(
        "fallback: none from what nobody approved",
        ROUTES,
        "if _goes(attempt, route)), len(known))",
        "if _goes(attempt, route)), -1)",
        [RULES + "test_an_attempt_that_nobody_approved_goes_no_way"],
    ),
    Guard(
        "fallback: the hold covers those that are left",
        ROUTES,
        "bound(prices), why)",
        "route.price or bound(prices), why)",
        [RULES + "test_what_is_held_covers_those_that_are_left"],
    ),
    Guard(
        "fallback: of those that are left alone",
        ROUTES,
        "after = left[left.index(route) :]",
        "after = left",
        [RULES + "test_what_is_held_covers_those_that_are_left"],
    ),
    Guard(
        "fallback: an approval is for its alternates",
        JOB,
        "    if alternates:\n",
        "    if False:\n",
        [RULES + "test_alternates_are_part_of_what_was_approved_in_their_order"],
    ),
    Guard(
        "fallback: not without room in the budget of its provider",
        EXECUTION,
        "functools.partial(transition, goes_on=False)",
        "transition",
        [TWO_SERVERS + "test_an_alternate_without_room_in_the_budget_of_its_provider_does_not_take_over"],
    ),
    Guard(
        "passed over: only while HELD",
        LIFECYCLE,
        '    if image.state != "HELD":\n        return image\n    closed =',
        "    closed =",
        [RULES + "test_only_what_waits_is_passed_over"],
    ),
    Guard(
        "passed over: not what another has begun",
        EXECUTION,
        'if moved is None or moved.state != "HELD" or moved.attempt.model != fallback.parameters.model:',
        "if moved is None:",
        [TWO_SERVERS + "test_what_another_has_started_meanwhile_is_not_passed_over"],
    ),
    Guard(
        "passed over: by nobody while everything is paused",
        EXECUTION,
        "if route is None or self._pauses.board.is_everything_paused:",
        "if route is None:",
        [TWO_SERVERS + "test_nobody_takes_over_a_claimed_job_who_may_not_be_called_either"],
    ),
    Guard(
        "passed over: not for one that is paused too",
        EXECUTION,
        "at_once or (able if waits else [])",
        "at_once or able",
        [TWO_SERVERS + "test_nobody_takes_over_a_claimed_job_who_may_not_be_called_either"],
    ),
    Guard(
        "approval: an alternate costs no more than an image may",
        CHOOSING,
        "            at_most = min(at_most, options.max_micros_per_image)\n",
        "            pass\n",
        [CONSENT + "test_an_alternate_that_cannot_be_is_refused_in_words_that_name_it"],
    ),
    Guard(
        "retry: what was approved",
        JOBS,
        "if (tampered := self._seals.tampered(job)) is not None:",
        "if (tampered := None) is not None:",
        [TWO_SERVERS + "test_what_was_tampered_with_is_not_retried"],
    ),
    Guard(
        "retry: with its alternates",
        JOBS,
        "prices = self._prices(job.user_id, order, job.final_prompt",
        "prices = self._prices(job.user_id, Order(request=job.request), job.final_prompt",
        [TWO_SERVERS + "test_a_retry_begins_with_the_first_again_and_has_its_alternates"],
    ),
)
