"""The images that a request edits, as Generate shows them: small, each with a button to remove it."""

from __future__ import annotations

import streamlit as st

from imagegeneration.dashboard.frame import actor, studio
from imagegeneration.dashboard.generate import wishes
from imagegeneration.dashboard.generate.desk import Desk
from imagegeneration.dashboard.kit.inbox import Message, inbox, taker
from imagegeneration.dashboard.web import asset

_SOURCES = st.components.v2.component("studio_sources", **asset("sources"))


def sources(desk: Desk) -> None:
    """Draw the images that are edited, if any. A missing one is marked, and can only be removed."""
    image_ids = desk.draft.options.references
    if not image_ids:
        return
    key = f"sources-{desk.draft.draft_id}"

    def removed(message: Message) -> None:
        kept = tuple(name for name in desk.draft.options.references if name != message["remove"])
        if desk.doing is None and kept != desk.draft.options.references:
            wishes.choose(desk, references=kept)

    stored = {image.image_id: image.thumbnail_url for image in studio().references.stored(actor(), image_ids)}
    images = [{"id": name, "thumb": stored.get(name)} for name in image_ids]
    title = "The image to be edited" if len(images) == 1 else f"The {len(images)} images to be edited"
    data = {"title": title, "images": images, "locked": desk.doing is not None, "heard": inbox(key).heard}
    _SOURCES(key=key, data=data, on_sent_change=taker(key, removed))
