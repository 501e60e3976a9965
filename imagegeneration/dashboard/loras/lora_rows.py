"""LoRAs as rows. Pure; the texts are shown as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from imagegeneration.dashboard.kit.rows import Action, Ask, Fact, Line, Link, Row, Section, moment
from imagegeneration.models.lora import CollectedLora


def lora_section(
    loras: Sequence[CollectedLora], takers: Mapping[str, Sequence[str]], names: Mapping[str, str], searched: str
) -> Section:
    """Return the section of these LoRAs.

    `takers` are the labels of the models that take each family, `names` the display names of users.
    """
    empty = f"No LoRA has “{searched}” in what is said of it." if searched else "There is no LoRA yet. Add one above."
    rows = tuple(_row(lora, takers.get(lora.family, ()), names) for lora in loras)
    return Section("loras", "The collection", rows, empty=empty)


def _row(lora: CollectedLora, takers: Sequence[str], names: Mapping[str, str]) -> Row:
    about: tuple[Line, ...] = ((lora.description,),) if lora.description else ()
    return Row(
        key=lora.name,
        title=lora.label,
        aside=lora.name,
        pill=("Offered", "good") if lora.enabled else ("Disabled", "neutral"),
        lines=about,
        facts=(
            Fact("Made for", (lora.family,), note=", ".join(takers) or "No model of the catalog takes it"),
            Fact("Usual weight", (f"{lora.default_weight:g}",), note="At most 2"),
            Fact("Trigger words", (", ".join(lora.trigger_words) or "None",)),
            Fact("Changed", (moment(lora.changed_at),), note=names.get(lora.changed_by, "")),
            Fact("Sent as", (lora.path,)),
        ),
        links=(Link("What was changed", f"audit?{urlencode({'subject': lora.name})}"),),
        actions=(_edit(lora), _switch(lora), _delete(lora)),
    )


def _edit(lora: CollectedLora) -> Action:
    return Action(f"edit {lora.name}", "Edit", {"what": "edit", "name": lora.name})


def _switch(lora: CollectedLora) -> Action:
    order = {"what": "switch", "name": lora.name, "version": lora.version, "enabled": not lora.enabled}
    return Action(f"switch {lora.name}", "Disable" if lora.enabled else "Offer again", order)


def _delete(lora: CollectedLora) -> Action:
    text = (
        f"“{lora.label}” is taken out of the collection. Jobs that were approved with it stay as they are. To keep it "
        "for later, disable it instead."
    )
    return Action(
        f"delete {lora.name}",
        "Delete",
        {"what": "delete", "name": lora.name},
        Ask(text, confirm="Delete this LoRA", danger=True),
    )
