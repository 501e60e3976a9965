"""The guards of how providers are called: their pace, their checks, and calls that they work on by themselves."""

from __future__ import annotations

from tests.faults.support.guards import EXECUTION, LIFECYCLE, MODEL, STEPS, WORKER, Guard

PACES = "imagegeneration/store/paces.py"
CHECKS = "imagegeneration/store/checks.py"
FAL = "imagegeneration/providers/fal.py"
REPLICATE = "imagegeneration/providers/replicate.py"
ASYNCHRONOUS = "imagegeneration/providers/asynchronous.py"
PACED = "tests/integration/test_pacing.py::"
CHECKED = "tests/integration/test_checks.py::"
SUBMITTED = "tests/faults/test_submitted.py::"
OF_FAL = "tests/integration/providers/test_fal.py::"
OF_REPLICATE = "tests/integration/providers/test_replicate.py::"

GUARDS = (
    Guard(
        "pace: calls at once",
        PACES,
        '            may.append({"$lt": [{"$size": "$slots"}, limits.concurrency]})\n',
        "            pass\n",
        [PACED + "test_a_call_of_a_runner_that_is_gone_counts_no_longer_than_its_slot"],
    ),
    Guard(
        "pace: calls a minute",
        PACES,
        '            may.append({"$lt": [{"$size": "$starts"}, limits.per_minute]})\n',
        "            pass\n",
        [PACED + "test_a_limit_is_set_and_lifted_at_run_time"],
    ),
    Guard(
        "pace: what has begun counts",
        PACES,
        '"starts": {"$cond": [{"$and": may}, {"$concatArrays": ["$starts", ["$$NOW"]]}, "$starts"]},',
        '"starts": "$starts",',
        [PACED + "test_a_limit_is_set_and_lifted_at_run_time"],
    ),
    Guard(
        "pace: a runner that is gone makes room",
        PACES,
        '{"$filter": {"input": "$slots", "cond": {"$gt": ["$$this.until", "$$NOW"]}}}',
        '"$slots"',
        [PACED + "test_a_call_of_a_runner_that_is_gone_counts_no_longer_than_its_slot"],
    ),
    Guard(
        "pace: the heartbeat keeps what is in flight",
        WORKER,
        "        self._queue.pacing.renew()\n",
        "",
        [PACED + "test_a_heartbeat_keeps_a_long_call_in_flight"],
    ),
    Guard(
        "pace: a call that is over makes room",
        WORKER,
        "        finally:\n            self._queue.pacing.end(attempt_id)\n",
        "        finally:\n",
        [PACED + "test_five_images_of_a_job_are_made_one_after_the_other_where_one_call_may_be_in_flight"],
    ),
    Guard(
        "pace: no call without its slot",
        WORKER,
        "task.handle is not None or self._queue.pacing.begin(provider, task.attempt_id)",
        "True",
        [PACED + "test_jobs_above_the_rate_wait_under_their_lease_and_go_on_when_it_allows"],
    ),
    Guard(
        "pace: an alternate at its own",
        WORKER,
        "if provider != run.job.images[task.index].attempt.provider:",
        "if False:",
        ["tests/integration/test_fallback.py::test_an_alternate_is_called_at_the_pace_of_its_own_provider"],
    ),
    Guard(
        "check: one runner for all",
        CHECKS,
        '{"_id": provider, **due}',
        '{"_id": provider}',
        [CHECKED + "test_of_many_runners_that_start_together_one_asks"],
    ),
    Guard(
        "check: other credentials at once",
        CHECKS,
        '{"$or": [{"fingerprint": {"$ne": fingerprint}}, {"$expr": {"$lte": ["$claimedAt", ago]}}]}',
        '{"$expr": {"$lte": ["$claimedAt", ago]}}',
        [CHECKED + "test_other_credentials_are_asked_about_at_once"],
    ),
    Guard(
        "check: not what was overtaken",
        CHECKS,
        '{"_id": provider, "claimId": claim_id}',
        '{"_id": provider}',
        [CHECKED + "test_what_an_overtaken_check_finds_does_not_count"],
    ),
    Guard(
        "handle: Fal's is kept before it is asked",
        FAL,
        "        submitted(handle)\n        return self._answer(request, handle, deadline)",
        "        answer = self._answer(request, handle, deadline)\n        submitted(handle)\n        return answer",
        [OF_FAL + "test_the_handle_is_told_before_the_call_is_waited_for"],
    ),
    Guard(
        "handle: Replicate's is kept before it is asked",
        REPLICATE,
        "        submitted(handle)\n        return self._answer(handle, deadline)",
        "        answer = self._answer(handle, deadline)\n        submitted(handle)\n        return answer",
        [OF_REPLICATE + "test_the_handle_is_told_before_the_prediction_is_waited_for"],
    ),
    Guard(
        "handle: kept",
        EXECUTION,
        "return self._foreseen(job, lambda: provider.generate(request, keep))",
        "return self._foreseen(job, lambda: provider.generate(request, lambda _: None))",
        [SUBMITTED + "test_a_runner_told_to_end_leaves_the_call_to_the_next"],
    ),
    Guard(
        "handle: kept once more before the call is left",
        EXECUTION,
        "            keep(left.handle)  # once more: the next one has nothing else to go by\n            raise",
        "            raise left",
        [STEPS + "test_a_handle_that_could_not_be_kept_at_first_is_kept_before_the_call_is_left"],
    ),
    Guard(
        "handle: only while CALLING",
        LIFECYCLE,
        'if image.state != "CALLING" or image.attempt.attempt_id != attempt_id:\n'
        '        return image\n    return _with_last(image, "CALLING", handle',
        "if image.attempt.attempt_id != attempt_id:\n"
        '        return image\n    return _with_last(image, "CALLING", handle',
        [MODEL + "::test_a_handle_is_kept_for_the_call_that_was_submitted_under_it"],
    ),
    Guard(
        "handle: of the same attempt",
        LIFECYCLE,
        'if image.state != "CALLING" or image.attempt.attempt_id != attempt_id:\n'
        '        return image\n    return _with_last(image, "CALLING", handle',
        'if image.state != "CALLING":\n        return image\n    return _with_last(image, "CALLING", handle',
        [MODEL + "::test_a_handle_is_kept_for_the_call_that_was_submitted_under_it"],
    ),
    Guard(
        "resume: never submitted again",
        WORKER,
        "answer = self._execution.resume(job, index, task.handle)",
        "answer = self._execution.call(job, index, attempt_id, inputs)",
        [SUBMITTED + "test_a_call_whose_handle_is_kept_is_resumed_and_submitted_once"],
    ),
    Guard(
        "resume: only at the approved endpoint",
        EXECUTION,
        "        if route is None or self._offer.endpoints.get(route.parameters.provider) != route.endpoint_sha256:\n"
        "            return False",
        "        if route is None:\n            return False",
        [SUBMITTED + "test_a_call_is_asked_for_only_where_it_was_submitted"],
    ),
    Guard(
        "resume: the spool comes first",
        EXECUTION,
        'if image.attempt.handle is None or self.spool.has(image.attempt.attempt_id or ""):',
        "if image.attempt.handle is None:",
        [SUBMITTED + "test_an_answer_that_is_in_the_spool_is_not_asked_for_again"],
    ),
    Guard(
        "resume: not without a handle",
        EXECUTION,
        'if image.attempt.handle is None or self.spool.has(image.attempt.attempt_id or ""):',
        'if self.spool.has(image.attempt.attempt_id or ""):',
        [SUBMITTED + "test_a_call_whose_handle_died_with_its_runner_is_in_doubt_and_not_submitted_again"],
    ),
    Guard(
        "submit: Fal is told not to repeat it",
        FAL,
        '"x-fal-no-retry": "1", ',
        "",
        [OF_FAL + "test_the_server_is_told_neither_to_repeat_nor_to_start_too_late"],
    ),
    Guard(
        "submit: it follows no redirect",
        ASYNCHRONOUS,
        "follow_redirects=False,",
        "follow_redirects=True,",
        [OF_REPLICATE + "test_what_a_refused_or_lost_submit_says_of_the_money"],
    ),
    Guard(
        "certainty: what was taken is in doubt",
        ASYNCHRONOUS,
        'certainty="unknown", moderated=moderated,',
        'certainty="not_charged", moderated=moderated,',
        [OF_REPLICATE + "test_a_prediction_that_failed_is_in_doubt"],
    ),
    Guard(
        "certainty: a submit without a handle is in doubt",
        ASYNCHRONOUS,
        'its answer could not be read.", certainty="unknown"',
        'its answer could not be read.", certainty="not_charged"',
        [OF_FAL + "test_what_a_refused_or_lost_submit_says_of_the_money"],
    ),
    Guard(
        "certainty: free only before it was sent",
        "imagegeneration/providers/provider.py",
        "if isinstance(error, _BEFORE_SENDING):",
        "if True:",
        [OF_FAL + "test_what_a_refused_or_lost_submit_says_of_the_money"],
    ),
    Guard(
        "certainty: what was sent is in doubt, also where it failed in an unforeseen way",
        "imagegeneration/providers/wire.py",
        "            if _call.is_sent or failure.certainty",
        "            if failure.certainty",
        ["tests/integration/providers/test_every_vendor.py::test_a_call_that_may_have_been_charged_is_in_doubt"],
    ),
    Guard(
        "certainty: what Fal refuses after taking it is in doubt",
        FAL,
        "if result.status >= 500:",
        "if result.status >= 400:",
        [OF_FAL + "test_an_input_that_the_app_refuses_was_perhaps_charged"],
    ),
    Guard(
        "certainty: what Fal blacks out is charged",
        FAL,
        '            certainty="charged",\n',
        '            certainty="not_charged",\n',
        [OF_FAL + "test_a_blacked_out_image_is_not_fetched"],
    ),
)
