"""docs/providers.md says of every status and code what the table of refusals says."""

from __future__ import annotations

from pathlib import Path

from imagegeneration.providers.errors import EVERY, RULES, Rule, Verdict

DOCUMENT = Path(__file__).parents[3] / "docs" / "providers.md"
HEAD = "| vendor | status | code | then | documented at |"
WORDS: dict[Verdict, str] = {
    "prompt": "the prompt is refused: FAILED, no other model is asked",
    "account": "the provider is paused",
    "later": "tried again",
    "other": "final; an alternate may make it",
    "refused": "final; no other model is asked",
    "unknown": "perhaps charged: a person decides",
}


def row(rule: Rule) -> str:
    """The line of a rule."""
    then = WORDS[rule.verdict]
    if rule.wait_seconds is not None:
        then += f", after {rule.wait_seconds:g} s where it says nothing"
    if rule.needs_words:
        then += ", if the vendor says so in its own form; else perhaps charged"
    codes = ", ".join(f"`{code}`" for code in rule.codes)
    cells = (
        "all" if rule.vendor == EVERY else rule.vendor,
        ", ".join(map(str, rule.statuses)) or "any",
        f"none, or only {codes}" if rule.no_other_codes else codes or "any",
        then,
        rule.source if rule.source.startswith("RFC") else f"<https://{rule.source}>",
    )
    return "| " + " | ".join(cells) + " |"


def table() -> list[str]:
    """The table, made from the rules."""
    return [HEAD, "|" + "---|" * (HEAD.count("|") - 1), *map(row, RULES)]


def test_the_table_of_refusals_is_the_codes() -> None:
    written = DOCUMENT.read_text().splitlines()
    start = written.index(HEAD)
    assert written[start : start + len(table())] == table()
    assert not written[start + len(table())]


def write() -> None:
    """`python -m tests.unit.providers.test_provider_errors`: put the table into the document."""
    written = DOCUMENT.read_text().splitlines()
    start = written.index(HEAD)
    end = written.index("", start)
    DOCUMENT.write_text("\n".join([*written[:start], *table(), *written[end:]]) + "\n")


if __name__ == "__main__":
    write()
