"""Kinds of refusal, and how each kind looks on the wire.

An exception says *why* something was refused, never where. Borders (the stanza dispatcher,
the admin API, the command line) translate with :data:`WIRE`; a test checks that no kind lacks a row.
"""

from __future__ import annotations

from typing import NamedTuple


class MimError(Exception):
    """A refusal with a sentence that may be shown to whoever asked."""

    @property
    def text(self) -> str:
        """Return the sentence, empty when there is none."""
        return str(self.args[0]) if self.args else ""


class BadRequest(MimError):
    """What was asked is malformed or contradicts itself."""


class InvalidJid(BadRequest):
    """A text is no JID. The text itself is the argument."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Invalid jid: {text}")
        self.jid = text


class EmptyPassword(BadRequest):
    """A password of no characters."""

    def __init__(self) -> None:
        super().__init__("empty password")


class InvalidPassword(BadRequest):
    """A password that SASLprep refuses, or one too long to be one."""

    def __init__(self) -> None:
        super().__init__("invalid password")


class Denied(MimError):
    """Understood, and not permitted."""


class NotFound(MimError):
    """The thing named does not exist here."""


class Conflict(MimError):
    """It exists already, or somebody else holds it."""


class TooLarge(MimError):
    """More than a limit allows in one piece."""


class LimitExceeded(MimError):
    """A limit over time or in number is reached; later it may work."""


class NotImplementedHere(MimError):
    """A part of the protocol that this server does not offer."""


class Unavailable(MimError):
    """A store or service we depend on does not answer now; the promise was not made."""


class Wire(NamedTuple):
    """How a refusal looks: stanza error condition and type (RFC 6120 §8.3), HTTP status."""

    condition: str
    error_type: str
    status: int


WIRE: dict[type[MimError], Wire] = {
    MimError: Wire("internal-server-error", "wait", 500),
    BadRequest: Wire("bad-request", "modify", 400),
    InvalidJid: Wire("jid-malformed", "modify", 400),
    EmptyPassword: Wire("not-acceptable", "modify", 400),
    InvalidPassword: Wire("not-acceptable", "modify", 400),
    Denied: Wire("forbidden", "auth", 403),
    NotFound: Wire("item-not-found", "cancel", 404),
    Conflict: Wire("conflict", "cancel", 409),
    TooLarge: Wire("policy-violation", "modify", 413),
    LimitExceeded: Wire("resource-constraint", "wait", 429),
    NotImplementedHere: Wire("feature-not-implemented", "cancel", 501),
    Unavailable: Wire("internal-server-error", "wait", 503),
}


def wire_of(error: MimError) -> Wire:
    """Return the row of the nearest kind *error* belongs to."""
    for kind in type(error).__mro__:
        row = WIRE.get(kind)
        if row is not None:
            return row
    return WIRE[MimError]
