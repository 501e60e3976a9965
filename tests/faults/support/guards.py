"""The guards of writes and calls: which tests must notice that one is gone.

Each is marked in the code by `# guard: NAME` (tests/faults/support/markers.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

INTEGRATION = "tests/integration/"
UNIT = "tests/unit/"
CLAUSES = "tests/faults/test_clauses.py::"
STEPS = INTEGRATION + "test_execution.py::"
SPENDING = INTEGRATION + "test_spending.py"
EVENTS = INTEGRATION + "test_events.py::"
PREVIEWS = INTEGRATION + "test_previews.py::"
FALLBACK = INTEGRATION + "test_fallback.py::"
CONSENT = INTEGRATION + "test_fallback_consent.py::"
LORAS = INTEGRATION + "test_loras.py::"
EDITS = INTEGRATION + "test_edits.py::"
PACING = INTEGRATION + "test_pacing.py::"
CHECKS = INTEGRATION + "test_checks.py::"
FAL = INTEGRATION + "providers/test_fal.py::"
REPLICATE = INTEGRATION + "providers/test_replicate.py::"
STREAMS = INTEGRATION + "providers/test_streams.py::"
SUBMITTED = "tests/faults/test_submitted.py::"
EDGES = "tests/faults/test_edges.py"
LIFECYCLE_RULES = UNIT + "jobs/test_lifecycle.py"
FALLBACK_RULES = UNIT + "jobs/test_fallback.py"
EVENT_RULES = UNIT + "jobs/test_event.py::"
PRICES = UNIT + "models/test_catalog.py::"
STREAM_STEPS = UNIT + "providers/test_streamed.py::"


@dataclass(frozen=True)
class Guard:
    """The tests of which one must fail without it; `instead` is put in its place where removal alone makes no sense."""

    tests: Sequence[str]
    instead: str | None = None


def noticed_by(*tests: str, instead: str | None = None) -> Guard:
    """Return a guard of these tests."""
    return Guard(tests, instead)


QUEUE: Mapping[str, Guard] = {
    "start-fence": noticed_by(CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"),
    "start-running": noticed_by(CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"),
    "start-not-canceled": noticed_by(CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"),
    "start-live-lease": noticed_by(CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"),
    "lost-reply-state": noticed_by(EDGES),
    "lost-reply-fence": noticed_by(EDGES),
    "swap-images-as-read": noticed_by(CLAUSES + "test_the_same_image_is_changed_once"),
    "release-fence": noticed_by(CLAUSES + "test_a_lease_is_given_back_only_by_who_has_it"),
    "renew-owner": noticed_by(CLAUSES + "test_a_lease_is_renewed_only_by_who_has_it"),
    "renew-fence": noticed_by(CLAUSES + "test_a_lease_is_renewed_only_by_who_has_it"),
    "claim-due": noticed_by(CLAUSES + "test_a_queued_job_is_claimed_no_sooner_than_it_is_due"),
    "claim-lease-expired": noticed_by(CLAUSES + "test_a_running_job_is_claimed_only_once_its_lease_has_run_out"),
    "claim-many-due": noticed_by(CLAUSES + "test_a_batch_leaves_out_what_another_has_claimed_meanwhile"),
    "claim-many-fence": noticed_by(CLAUSES + "test_a_batch_leaves_out_what_another_has_claimed_meanwhile"),
    "one-job-per-key": noticed_by(
        "tests/faults/test_many.py::test_fifty_identical_requests_at_once_make_one_job",
        instead='IndexModel(["userId", "key"]),',
    ),
    "one-body-per-key": noticed_by(INTEGRATION + "test_api.py"),
}

ANSWERS: Mapping[str, Guard] = {
    "one-image-per-attempt": noticed_by(CLAUSES + "test_an_attempt_has_one_image", instead='IndexModel("attemptId"),'),
    "record-once": noticed_by(STEPS + "test_the_same_report_counts_once"),
    "report-own-attempt": noticed_by(
        LIFECYCLE_RULES, STEPS + "test_a_late_result_of_an_image_made_again_stays_on_its_attempt"
    ),
    "report-open": noticed_by(LIFECYCLE_RULES, STEPS + "test_the_same_report_counts_once"),
    "stored-own-attempt": noticed_by(
        CLAUSES + "test_a_late_image_of_an_earlier_attempt_is_not_taken_for_the_one_that_counts"
    ),
    "attempt-limit": noticed_by(
        LIFECYCLE_RULES,
        INTEGRATION + "test_provider_faults.py::test_after_three_attempts_known_not_charged_the_image_fails",
    ),
    "start-approved": noticed_by(STEPS + "test_a_job_that_was_tampered_with_is_not_sent", instead="tampered = None"),
    "poison-limit": noticed_by(STEPS + "test_poison_is_set_aside"),
    "spool-first": noticed_by(STEPS + "test_an_image_waits_in_the_spool_while_the_bucket_is_down"),
    "spool-removed-last": noticed_by(
        "tests/faults/test_bucket.py::test_a_runner_killed_while_it_delivers_leaves_nothing_behind",
        instead="self.spool.remove(entry.attempt_id)\nself._transitions.conclude(job.job_id)",
    ),
    "recover-not-in-flight": noticed_by(CLAUSES + "test_a_call_that_this_process_is_at_work_on_is_not_put_in_doubt"),
    "put-no-overwrite": noticed_by(CLAUSES + "test_an_object_is_never_put_over_another"),
    "put-compare": noticed_by(CLAUSES + "test_an_object_is_never_put_over_another"),
}

BUDGETS: Mapping[str, Guard] = {
    "budget-limit": noticed_by(SPENDING),
    "budget-all-limits": noticed_by(SPENDING, instead="return changed.matched_count > 0"),
    "budget-counts-spent": noticed_by(
        SPENDING + "::test_a_providers_budget_outlives_a_restart_and_is_lowered_at_run_time"
    ),
    "provider-budget-limit": noticed_by(
        SPENDING + "::test_a_providers_budget_refuses_and_says_whose_it_is_and_when_it_resets",
        instead="provider_limit = MAX_MICROS",
    ),
    "movement-own-provider": noticed_by(
        FALLBACK_RULES + "::test_a_late_bill_is_paid_by_the_provider_of_its_own_attempt",
        SPENDING + "::test_each_provider_of_a_job_pays_for_its_own_attempts",
        instead="provider=new.attempt.provider,",
    ),
    "provider-budget-exists": noticed_by(
        FALLBACK + "test_a_final_refusal_falls_back_and_each_attempt_says_who_and_why"
    ),
    "provider-budget-day": noticed_by(
        SPENDING + "::test_a_providers_budget_is_whole_again_after_midnight",
        instead='return f"{account}/{provider}"',
    ),
}

FEED: Mapping[str, Guard] = {
    "event-counter": noticed_by(EVENTS + "test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says"),
    "event-number-in-transaction": noticed_by(
        EVENTS + "test_the_one_way_door_is_passed_with_its_event", instead="renumbered = events"
    ),
    "event-transaction-change": noticed_by(
        EVENTS + "test_a_change_that_is_given_up_is_not_told_of",
        instead="self._events.append(renumbered, session=None)",
    ),
    "event-transaction-approval": noticed_by(
        EVENTS + "test_a_change_that_is_given_up_is_not_told_of", instead="self._events.append(events, session=None)"
    ),
    "one-event-per-number": noticed_by(
        EVENTS + "test_events_are_kept_for_a_week_and_are_as_many_as_their_job_says",
        instead='IndexModel([("jobId", ASCENDING), ("eventId", ASCENDING)]),',
    ),
    "cursor-in-range": noticed_by(EVENTS + "test_a_number_that_is_none_of_the_jobs_events_is_refused"),
}

PREVIEW: Mapping[str, Guard] = {
    "preview-calling": noticed_by(EVENT_RULES + "test_each_preview_is_an_event_while_the_image_is_made"),
    "preview-own-attempt": noticed_by(EVENT_RULES + "test_each_preview_is_an_event_while_the_image_is_made"),
    "preview-limit": noticed_by(PREVIEWS + "test_no_more_are_shown_than_there_may_be"),
    "preview-room": noticed_by(PREVIEWS + "test_where_there_is_no_room_they_are_passed_over"),
    "preview-in-background": noticed_by(
        PREVIEWS + "test_a_bucket_that_hangs_keeps_no_call_waiting",
        instead="self._show(job, index, attempt_id, number, content)",
    ),
    "preview-in-quote": noticed_by(PRICES + "test_images_on_the_way_are_part_of_the_quote"),
    "preview-has-price": noticed_by(PRICES + "test_images_on_the_way_without_a_price_are_refused"),
    "stream-error-after-preview": noticed_by(
        STREAM_STEPS + "test_an_error_in_a_stream_is_free_only_if_it_refuses_before_the_first_image",
        instead='failure = error_instead("openai", event, request_id=request_id)',
    ),
    "stream-error-unknown": noticed_by(
        STREAM_STEPS + "test_an_error_in_a_stream_is_free_only_if_it_refuses_before_the_first_image",
        instead='certainty="not_charged",',
    ),
    "stream-preview-remembered": noticed_by(
        STREAMS + "test_a_stream_without_an_answer_says_what_is_known_of_the_money"
    ),
    "stream-ended-early": noticed_by(
        STREAMS + "test_a_stream_without_an_answer_says_what_is_known_of_the_money",
        instead='certainty="not_charged",',
    ),
    "stream-deadline": noticed_by(STREAM_STEPS + "test_a_stream_that_takes_too_long_is_given_up"),
    "stream-size-limit": noticed_by(STREAM_STEPS + "test_a_stream_larger_than_any_image_is_given_up"),
}

FALLBACKS: Mapping[str, Guard] = {
    "seal-alternates": noticed_by(UNIT + "jobs/test_seal.py::test_alternates_are_sealed"),
    "start-approved-images": noticed_by(INTEGRATION + "test_seals.py::test_images_that_were_added_are_not_sent"),
    "start-approved-endpoint": noticed_by(
        FALLBACK + "test_an_alternate_that_moved_after_its_turn_began_is_refused",
        instead="endpoint != job.latest_approval.endpoint_sha256",
    ),
    "fallback-endpoint": noticed_by(
        FALLBACK + "test_an_alternate_at_another_endpoint_than_the_approved_one_is_not_called"
    ),
    "fallback-refused-account": noticed_by(FALLBACK + "test_after_a_refused_account_no_other_model_of_it_is_called"),
    "fallback-not-after-unknown-charge": noticed_by(
        FALLBACK_RULES, FALLBACK + "test_after_an_unknown_charge_nobody_else_is_called"
    ),
    "fallback-not-after-charge": noticed_by(FALLBACK_RULES + "::test_what_a_failure_leads_to"),
    "attempt-not-after-charge": noticed_by(FALLBACK_RULES + "::test_what_a_failure_leads_to"),
    "fallback-wanted": noticed_by(FALLBACK_RULES, FALLBACK + "test_a_cancel_in_between_stops_it"),
    "fallback-open-call": noticed_by(FALLBACK_RULES),
    "fallback-own-attempt": noticed_by(FALLBACK_RULES + "::test_a_report_of_another_attempt_opens_nothing"),
    "fallback-refused-prompt": noticed_by(
        FALLBACK_RULES, FALLBACK + "test_a_refused_prompt_and_a_charged_answer_end_it"
    ),
    "fallback-hold-limit": noticed_by(FALLBACK_RULES, instead="to.hold.micros,"),
    "fallback-credits-limit": noticed_by(
        FALLBACK_RULES + "::test_nothing_more_is_ever_held_than_at_the_approval", instead="to.hold.credits,"
    ),
    "fallback-forward-only": noticed_by(
        FALLBACK_RULES + "::test_alternates_follow_in_their_order_and_never_back",
        instead="return [route for route in routes(job) if route.index != attempt.route]",
    ),
    "fallback-approved-attempt": noticed_by(FALLBACK_RULES + "::test_an_attempt_that_nobody_approved_goes_no_way"),
    "route-as-approved": noticed_by(
        FALLBACK_RULES + "::test_an_attempt_that_nobody_approved_goes_no_way",
        FALLBACK + "test_alternates_that_were_tampered_with_are_not_sent",
        instead="return route",
    ),
    "fallback-hold-dearest-left": noticed_by(
        FALLBACK_RULES + "::test_what_is_held_covers_those_that_are_left", instead="route.price or bound(prices),"
    ),
    "fallback-hold-left-only": noticed_by(
        FALLBACK_RULES + "::test_what_is_held_covers_those_that_are_left", instead="after = left"
    ),
    "fallback-provider-budget": noticed_by(
        FALLBACK + "test_an_alternate_without_room_in_the_budget_of_its_provider_does_not_take_over",
        instead="image = self._transitions.apply(job.job_id, task.index, transition)",
    ),
    "pass-over-once": noticed_by(
        FALLBACK + "test_what_another_has_passed_over_meanwhile_is_not_passed_over_again",
        instead="lambda found, now: passed_over(found, following, now),",
    ),
    "pass-over-held": noticed_by(FALLBACK_RULES + "::test_only_what_waits_is_passed_over"),
    "pass-over-not-begun": noticed_by(FALLBACK + "test_what_another_has_started_meanwhile_is_not_passed_over"),
    "pass-over-pause-all": noticed_by(FALLBACK + "test_nobody_takes_over_a_claimed_job_who_may_not_be_called_either"),
    "pass-over-paused-alternate": noticed_by(
        FALLBACK + "test_nobody_takes_over_a_claimed_job_who_may_not_be_called_either",
        instead="chosen = next(iter(at_once or able), None)",
    ),
    "approval-hash-alternates": noticed_by(
        FALLBACK_RULES + "::test_alternates_are_part_of_what_was_approved_in_their_order"
    ),
    "approval-hold-dearest": noticed_by(
        FALLBACK + "test_the_hold_covers_the_dearest_and_what_is_not_needed_is_given_back",
        instead="return self.prices[0]",
    ),
    "alternate-extra-limit": noticed_by(CONSENT + "test_an_alternate_that_cannot_be_is_refused_in_words_that_name_it"),
    "alternate-image-limit": noticed_by(CONSENT + "test_an_alternate_that_cannot_be_is_refused_in_words_that_name_it"),
    "retry-approved": noticed_by(FALLBACK + "test_what_was_tampered_with_is_not_retried"),
    "retry-alternates": noticed_by(FALLBACK + "test_a_retry_begins_with_the_first_again_and_has_its_alternates"),
}

INPUTS: Mapping[str, Guard] = {
    "lora-path-admin": noticed_by(LORAS + "test_only_an_admin_sends_a_path_and_only_one_of_a_known_host"),
    "lora-path-host": noticed_by(LORAS + "test_a_path_of_an_unknown_host_is_refused_in_words", instead="return path"),
    "lora-enabled": noticed_by(LORAS + "test_who_is_disabled_is_seen_by_admins_and_used_by_nobody"),
    "lora-change-as-seen": noticed_by(LORAS + "test_changes_are_by_compare_and_set_and_audited"),
    "lora-change-as-read": noticed_by(LORAS + "test_of_two_who_change_what_they_saw_the_second_changes_nothing"),
    "lora-delete-as-read": noticed_by(LORAS + "test_of_two_who_change_what_they_saw_the_second_changes_nothing"),
    "reference-approved-bytes": noticed_by(EDITS + "test_what_is_not_what_was_approved_is_never_sent"),
    "reference-within-reach": noticed_by(
        EDITS + "test_what_is_anothers_does_not_exist",
        instead="reach = None",
    ),
    "reference-complete": noticed_by(EDITS + "test_a_call_without_the_bytes_of_its_references_is_not_sent"),
    "reference-before-start": noticed_by(
        EDITS + "test_while_the_bucket_does_not_answer_the_image_waits_before_the_door",
        instead="routed = self._routing.routed(job, task.index)\n"
        "if routed is None or not self._door.enter(routed, task):\n"
        "    return Made(retry_after=RETRY_SOON)\n"
        "return self._call(routed, task, self._door.inputs(job, task.index) or ())",
    ),
}

PROVIDERS: Mapping[str, Guard] = {
    "pace-concurrency": noticed_by(PACING + "test_a_call_of_a_runner_that_is_gone_counts_no_longer_than_its_slot"),
    "pace-per-minute": noticed_by(PACING + "test_a_limit_is_set_and_lifted_at_run_time"),
    "pace-counts-starts": noticed_by(PACING + "test_a_limit_is_set_and_lifted_at_run_time"),
    "pace-slot-expires": noticed_by(PACING + "test_a_call_of_a_runner_that_is_gone_counts_no_longer_than_its_slot"),
    "pace-slot-renewed": noticed_by(PACING + "test_a_heartbeat_keeps_a_long_call_in_flight"),
    "pace-slot-released": noticed_by(
        PACING + "test_five_images_of_a_job_are_made_one_after_the_other_where_one_call_may_be_in_flight"
    ),
    "pace-before-call": noticed_by(
        PACING + "test_jobs_above_the_rate_wait_under_their_lease_and_go_on_when_it_allows", instead="may_begin = True"
    ),
    "pace-alternate": noticed_by(FALLBACK + "test_an_alternate_is_called_at_the_pace_of_its_own_provider"),
    "check-claimed-once": noticed_by(CHECKS + "test_of_many_runners_that_start_together_one_asks"),
    "check-new-credentials": noticed_by(CHECKS + "test_other_credentials_are_asked_about_at_once"),
    "check-own-claim": noticed_by(CHECKS + "test_what_an_overtaken_check_finds_does_not_count"),
    "fal-handle-first": noticed_by(
        FAL + "test_the_handle_is_told_before_the_call_is_waited_for",
        instead="answer = self._answer(request, taken)\ncall.submitted(taken.handle)\nreturn answer",
    ),
    "replicate-handle-first": noticed_by(
        REPLICATE + "test_the_handle_is_told_before_the_prediction_is_waited_for",
        instead="answer = self._answer(taken)\ncall.submitted(taken.handle)\nreturn answer",
    ),
    "handle-kept": noticed_by(SUBMITTED + "test_a_runner_told_to_end_leaves_the_call_to_the_next"),
    "handle-kept-on-leave": noticed_by(
        STEPS + "test_a_handle_that_could_not_be_kept_at_first_is_kept_before_the_call_is_left"
    ),
    "handle-calling": noticed_by(LIFECYCLE_RULES + "::test_a_handle_is_kept_for_the_call_that_was_submitted_under_it"),
    "handle-own-attempt": noticed_by(
        LIFECYCLE_RULES + "::test_a_handle_is_kept_for_the_call_that_was_submitted_under_it"
    ),
    "resume-not-submit": noticed_by(SUBMITTED + "test_a_call_whose_handle_is_kept_is_resumed_and_submitted_once"),
    "resumed-call-sent": noticed_by(
        FAL + "test_a_submitted_call_whose_queue_cannot_be_reached_is_in_doubt", instead="_call.is_sent = False"
    ),
    "resume-endpoint": noticed_by(SUBMITTED + "test_a_call_is_asked_for_only_where_it_was_submitted"),
    "resume-not-spooled": noticed_by(SUBMITTED + "test_an_answer_that_is_in_the_spool_is_not_asked_for_again"),
    "resume-with-handle": noticed_by(
        SUBMITTED + "test_a_call_whose_handle_died_with_its_runner_is_in_doubt_and_not_submitted_again"
    ),
    "fal-no-retry": noticed_by(FAL + "test_the_server_is_told_neither_to_repeat_nor_to_start_too_late"),
    "submit-no-redirects": noticed_by(
        REPLICATE + "test_what_a_refused_or_lost_submit_says_of_the_money", instead="follow_redirects=True,"
    ),
    "submitted-call-unknown": noticed_by(
        REPLICATE + "test_a_prediction_that_failed_is_in_doubt", instead='certainty="not_charged",'
    ),
    "submit-without-handle-unknown": noticed_by(
        FAL + "test_what_a_refused_or_lost_submit_says_of_the_money", instead='certainty="not_charged",'
    ),
    "free-before-sending": noticed_by(
        FAL + "test_what_a_refused_or_lost_submit_says_of_the_money",
        instead='return CallFailed("The provider could not be reached.", certainty="not_charged", retryable=True)',
    ),
    "sent-call-unknown": noticed_by(
        INTEGRATION + "providers/test_every_vendor.py::test_a_call_that_may_have_been_charged_is_in_doubt"
    ),
    "fal-refusal-unknown": noticed_by(
        FAL + "test_an_input_that_the_app_refuses_was_perhaps_charged",
        instead='return CallFailed(words, certainty="not_charged", moderated=moderated, provider_request_id=handle)',
    ),
    "fal-blackout-charged": noticed_by(
        FAL + "test_a_blacked_out_image_is_not_fetched", instead='certainty="not_charged",'
    ),
}

GUARDS: Mapping[str, Guard] = {
    **QUEUE,
    **ANSWERS,
    **BUDGETS,
    **FEED,
    **PREVIEW,
    **FALLBACKS,
    **INPUTS,
    **PROVIDERS,
}
