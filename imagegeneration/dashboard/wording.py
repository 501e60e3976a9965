"""Our words in place of Streamlit's own, in its scripts and for the error of a page.

Streamlit 1.67 has no setting for them. Its scripts are sent with the words replaced. A test finds each of them in the
installed version, so that an upgrade cannot bring them back unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamlit.elements import exception

_AGAIN = "This page tries again by itself."
_NO_ANSWER = f"`Image Studio does not answer. {_AGAIN}`"

WORDS: Mapping[str, str] = {
    # the dialog of a lost connection
    "`Connection error`": "`Connection lost`",
    "`Streamlit server is not responding. Are you connected to the internet?`": _NO_ANSWER,
    "`Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your terminal:`"
    ",codeBlock:`streamlit run yourscript.py`": _NO_ANSWER,
    "`Connection timed out.`": f"`Image Studio takes too long to answer. {_AGAIN}`",
    "`Connection failed with status ${r}${s?`, and response:`:`.`}`,...s&&{codeBlock:s}": (
        f"`Image Studio cannot answer now (error ${{r}}). {_AGAIN}`"
    ),
    "`Cannot connect to Streamlit (HTTP status: 403).\n\nIf you are trying to access a Streamlit app running on "
    "another server, this could be due to the app's [CORS](${rD}) settings.`": (
        "`You don't have access to Image Studio. Reload the page to sign in.`"
    ),
    # the state of the connection, in the header
    "`Connecting to Streamlit server`": "`Connecting to Image Studio`",
    "`Unable to connect to Streamlit server`": "`Image Studio cannot be reached. Reload the page.`",
    # a page that the server does not know
    "`You have requested page /${e}, but no corresponding file was found in the app's pages/ directory`": (
        "`There is no page at /${e}`"
    ),
    "`The page that you have requested does not seem to exist`": "`There is no page at this address`",
    "`${t}. Running the app's main page.`": "`${t}. You see the home page.`",
    # a page that is older than the server
    "`Cannot load Streamlit frontend code. This can happen when you update Streamlit while a Streamlit app is "
    "running.`": "`Image Studio was updated. Reload the page.`",
    "`Bad message format`": "`Something went wrong. Reload the page.`",
}
"""Streamlit's words as its scripts have them, quotes included, and ours."""


def in_our_words(script: str) -> str:
    """Return one of Streamlit's scripts with our words."""
    for theirs, ours in WORDS.items():
        script = script.replace(theirs, ours)
    return script


def use_our_words() -> None:
    """Replace Streamlit's words for a page that failed, for errors that none of our code has caught."""
    exception._GENERIC_UNCAUGHT_EXCEPTION_TEXT = (  # type: ignore[misc] # noqa: SLF001 - there is no public place for it
        "Something went wrong in the studio itself. Reload the page. If it happens again, tell an operator."
    )
