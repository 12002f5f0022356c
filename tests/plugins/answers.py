"""What an error answer says, for the tests of modules."""

from __future__ import annotations

from mim.xmpp import ns
from mim.xmpp.element import Element


def refusal(answer: Element) -> str:
    """Return type and condition of an error as the contract writes them: ``auth/forbidden``."""
    error = answer.find(ns.CLIENT, "error")
    assert error is not None, answer
    assert answer.get("type") == "error", answer
    (condition,) = (child.name for child in error.elements(ns.STANZA_ERRORS) if child.name != "text")
    return f"{error.get('type')}/{condition}"


def refusal_text(answer: Element) -> str:
    """Return the text of an error, empty when it has none."""
    error = answer.find(ns.CLIENT, "error")
    assert error is not None, answer
    return error.child_text(ns.STANZA_ERRORS, "text") or ""
