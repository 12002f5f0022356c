"""Stanza errors and stream errors as exceptions that know their XML (RFC 6120 §4.9, §8.3)."""

from __future__ import annotations

from mim.errors import MimError, wire_of
from mim.xmpp import ns
from mim.xmpp.element import Element, element

# The legacy numeric codes that 5.1 still writes (XEP-0086).
CODES = {
    "bad-request": 400,
    "conflict": 409,
    "feature-not-implemented": 501,
    "forbidden": 403,
    "gone": 302,
    "internal-server-error": 500,
    "item-not-found": 404,
    "jid-malformed": 400,
    "not-acceptable": 406,
    "not-allowed": 405,
    "not-authorized": 401,
    "payment-required": 402,
    "policy-violation": 405,
    "recipient-unavailable": 404,
    "redirect": 302,
    "registration-required": 407,
    "remote-server-not-found": 404,
    "remote-server-timeout": 504,
    "resource-constraint": 500,
    "service-unavailable": 503,
    "subscription-required": 407,
    "undefined-condition": 500,
    "unexpected-request": 400,
}

# The error type that goes with a condition unless the place says otherwise (xmpp-behaviour, section 0).
DEFAULT_TYPES = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "modify",
    "internal-server-error": "wait",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "unexpected-request": "wait",
}


class StanzaError(Exception):
    """A refusal of one stanza. Raise it in a handler; the dispatcher writes the error stanza.

    *extra* is an application-specific condition put after the defined one (RFC 6120 §8.3.4).
    """

    def __init__(
        self, condition: str, text: str = "", *, type: str = "", extra: Element | None = None
    ) -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.type = type or DEFAULT_TYPES[condition]
        self.text = text
        self.extra = extra

    @classmethod
    def from_refusal(cls, error: MimError) -> StanzaError:
        """Return the stanza error for a refusal of the inner layers."""
        wire = wire_of(error)
        text = "" if wire.condition == "internal-server-error" else error.text
        return cls(wire.condition, text, type=wire.error_type)

    def to_element(self) -> Element:
        """Return the ``<error/>`` element."""
        made = element(
            ns.CLIENT,
            "error",
            element(ns.STANZA_ERRORS, self.condition),
            type=self.type,
            code=str(CODES.get(self.condition, 500)),
        )
        if self.text:
            made.children.append(element(ns.STANZA_ERRORS, "text", self.text, xml_lang="en"))
        if self.extra is not None:
            made.children.append(self.extra)
        return made


class StreamError(Exception):
    """The end of a stream: a condition, an optional text, an optional application condition (RFC 6120 §4.9)."""

    def __init__(self, condition: str, text: str = "", *, extra: Element | None = None) -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.text = text
        self.extra = extra

    def to_element(self, lang: str = "en") -> Element:
        """Return the ``<stream:error/>`` element; its text is marked with *lang*."""
        made = element(ns.STREAMS, "error", element(ns.STREAM_ERRORS, self.condition))
        if self.text:
            made.children.append(element(ns.STREAM_ERRORS, "text", self.text, xml_lang=lang or "en"))
        if self.extra is not None:
            made.children.append(self.extra)
        return made
