"""What becomes of the stanzas that a session's client never confirmed, when the session has ended (XEP-0198 §5)."""

from __future__ import annotations

from collections.abc import Iterable

from mim.clock import format_stamp, from_us
from mim.router import Router
from mim.session.connection import Undelivered
from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import element
from mim.xmpp.parser import parse_element
from mim.xmpp.stanza import Stanza

_COPIES = (ns.CARBONS1, ns.CARBONS2)


def route_undelivered(router: Router, domain: str, stanzas: Iterable[Undelivered]) -> None:
    """Give messages to the account's other sessions or to who keeps them for it; refuse IQs; forget the rest.

    Presence is forgotten: a pending request comes again with the next initial presence. A message gets the time it
    came, as *domain* saw it, unless it has one.
    """
    for text, arrived_us in stanzas:
        stanza = Stanza.from_element(parse_element(text))
        if stanza.sender is None or stanza.to is None:
            continue
        if stanza.name == "iq":
            if stanza.type in ("get", "set"):
                router.refuse(stanza, StanzaError("service-unavailable"))
        elif stanza.name == "message" and _is_for_the_account(stanza):
            if not stanza.has_namespace(ns.DELAY):
                stamp = format_stamp(from_us(arrived_us))
                stanza = stanza.with_child(element(ns.DELAY, "delay", from_=domain, stamp=stamp))
            router.deliver_again(stanza)


def _is_for_the_account(message: Stanza) -> bool:
    """Tell whether a message means anything to another resource, or later."""
    if message.type == "groupchat" and message.to_jid.resource:
        return False  # for an occupant, which this resource is no more
    for child in message.elements():
        if child.ns in _COPIES and child.name in ("sent", "received"):
            return False  # the original went its own way
        if child.name == "result" and child.has_namespace(ns.FORWARD):
            return False  # an answer to a query of this resource
    return True
