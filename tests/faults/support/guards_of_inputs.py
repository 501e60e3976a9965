"""The guards of what is sent beside the prompt: LoRAs, and images that are edited."""

from __future__ import annotations

from tests.faults.support.guards import WORKER, Guard

LORAS = "imagegeneration/services/loras.py"
LORA_STORE = "imagegeneration/store/loras.py"
REFERENCES = "imagegeneration/services/references.py"
COLLECTED = "tests/integration/test_loras.py::"
EDITS = "tests/integration/test_edits.py::"

GUARDS = (
    Guard(
        "lora: a path only from admins",
        LORAS,
        'if any(wish.path is not None for wish in wishes) and not actor.may("administer"):',
        "if False:",
        [COLLECTED + "test_only_an_admin_sends_a_path_and_only_one_of_a_known_host"],
    ),
    Guard(
        "lora: a path only of a known host",
        "imagegeneration/domain/lora.py",
        "    if re.fullmatch(PATH_PATTERN, path):",
        "    if True:",
        [COLLECTED + "test_a_path_of_an_unknown_host_is_refused_in_words"],
    ),
    Guard(
        "lora: not one that is disabled",
        LORAS,
        "for lora in self._loras.named(names) if lora.enabled}",
        "for lora in self._loras.named(names)}",
        [COLLECTED + "test_who_is_disabled_is_seen_by_admins_and_used_by_nobody"],
    ),
    Guard(
        "lora: changed as it was seen",
        LORAS,
        "if lora.version != changes.version or not",
        "if not",
        [COLLECTED + "test_changes_are_by_compare_and_set_and_audited"],
    ),
    Guard(
        "lora: changed as it was read",
        LORA_STORE,
        'as_read = {"name": old.name, "version": old.version}',
        'as_read = {"name": old.name}',
        [COLLECTED + "test_of_two_who_change_what_they_saw_the_second_changes_nothing"],
    ),
    Guard(
        "lora: deleted as it was read",
        LORA_STORE,
        'as_read = {"name": lora.name, "version": lora.version}',
        'as_read = {"name": lora.name}',
        [COLLECTED + "test_of_two_who_change_what_they_saw_the_second_changes_nothing"],
    ),
    Guard(
        "reference: the approved bytes",
        REFERENCES,
        "if imaging.sha256(content) != reference.sha256:",
        "if False:",
        [EDITS + "test_what_is_not_what_was_approved_is_never_sent"],
    ),
    Guard(
        "reference: of what exists for the actor",
        REFERENCES,
        "self._jobs.get(job_id, actor.reach)",
        "self._jobs.get(job_id)",
        [EDITS + "test_what_is_anothers_does_not_exist"],
    ),
    Guard(
        "reference: every one of them",
        "imagegeneration/domain/generation.py",
        "if len(self.inputs) != len(self.references):",
        "if False:",
        [EDITS + "test_a_call_without_the_bytes_of_its_references_is_not_sent"],
    ),
    Guard(
        "reference: read before the one-way door",
        WORKER,
        "        inputs = self._execution.inputs(run.job, task.index)  # first: whoever may start has to try\n"
        "        if inputs is None:\n            return None, ()\n"
        "        job = self._execution.ready(run.job, task.index)\n",
        "        job = self._execution.ready(run.job, task.index)\n"
        "        if job is None or not self._execution.start(job, task.index, task.attempt_id):\n"
        "            return None, ()\n"
        "        return job, self._execution.inputs(job, task.index) or ()\n",
        [EDITS + "test_while_the_bucket_does_not_answer_the_image_waits_before_the_door"],
    ),
)
