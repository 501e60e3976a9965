"""The difference between two texts, word by word, and the component that shows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Literal

import streamlit as st

from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.web import asset

Kind = Literal["same", "added", "removed"]
Piece = tuple[Kind, str]

_WORDS = re.compile(r"\w+\s*|[^\w\s]+\s*|\s+")
_MOST_PAIRS = 200_000
"""The number of pairs of equal words above which frequent words are no anchors: comparing all would take seconds."""

_SHOW = st.components.v2.component("studio_difference", **asset("difference"))


@lru_cache(maxsize=256)
def difference(old: str, new: str) -> Sequence[Piece]:
    """Return the pieces that turn `old` into `new`: same, removed and added, in reading order.

    Without the removed pieces they read `new`, and without the added ones `old`, exactly.
    """
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    old_words, new_words = _keys(before), _keys(after)
    counts = Counter(new_words)
    pairs = sum(number * counts[word] for word, number in Counter(old_words).items())
    matcher = SequenceMatcher(None, old_words, new_words, autojunk=pairs > _MOST_PAIRS)
    pieces: list[Piece] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            for mine, theirs, word in zip(before[i:j], after[k:m], old_words[i:j], strict=True):
                pieces += _same_word(mine, theirs, word)
        else:
            pieces += [("removed", "".join(before[i:j])), ("added", "".join(after[k:m]))]
    return _joined(pieces)


def _keys(parts: Sequence[str]) -> list[str]:
    """Return the words without the space behind them, which is compared apart."""
    return [part.rstrip() for part in parts]


def _same_word(mine: str, theirs: str, word: str) -> list[Piece]:
    """Return the pieces of a word that is in both texts; the space behind it may differ."""
    if mine == theirs:
        return [("same", mine)]
    return [("same", word), ("removed", mine[len(word) :]), ("added", theirs[len(word) :])]


def _joined(pieces: Sequence[Piece]) -> Sequence[Piece]:
    runs = groupby((piece for piece in pieces if piece[1]), key=itemgetter(0))
    return tuple((kind, "".join(text for _, text in run)) for kind, run in runs)


def summary(pieces: Sequence[Piece]) -> str:
    """Return the change in one line, for readers who do not see colors."""
    if all(kind == "same" for kind, _ in pieces):
        return "Nothing changed"
    added = sum(len(text.split()) for kind, text in pieces if kind == "added")
    removed = sum(len(text.split()) for kind, text in pieces if kind == "removed")
    if not added and not removed:
        return "Only spaces changed"
    counts = ((added, "added"), (removed, "removed"))
    return " · ".join(f"{words.plural(count, 'word')} {what}" for count, what in counts if count)


def show_difference(old: str, new: str, *, key: str) -> None:
    """Draw the change from `old` to `new` as text."""
    pieces = difference(old, new)
    _SHOW(key=key, data={"pieces": pieces, "summary": summary(pieces)})
