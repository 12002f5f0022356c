"""Stanzas in the shorthand of the recorded sequences (admin-api, section 7.1), so that tests read like its tables."""

from __future__ import annotations

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client


def shown(stanza: Element) -> str:
    """``push(to)``, ``push(none+ask)``, ``P(subscribe)``, ``P(available)``, ``M``, ``sent``, ``received``, ``result``.

    Presence shows its sender's bare JID behind a blank: ``P(unavailable) b@localhost``; so does a push its contact.
    """
    if stanza.name == "presence":
        sender = stanza.get("from").partition("/")[0]
        return f"P({stanza.get('type') or 'available'}) {sender}"
    query = stanza.find(ns.ROSTER, "query")
    if stanza.name == "iq" and stanza.get("type") == "set" and query is not None:
        (item,) = query.elements()
        asked = "+ask" if item.get("ask") == "subscribe" else ""
        return f"push({item.get('subscription')}{asked}) {item.get('jid')}"
    if stanza.name == "message":
        if stanza.get("type") == "error":
            return "error"
        for word in ("sent", "received"):
            if stanza.find(ns.CARBONS2, word) is not None:
                return word
        return "M"
    return stanza.get("type")


async def seen(client: Client) -> list[str]:
    """Return everything the client was sent up to now, in shorthand, and answer its roster pushes."""
    stanzas = await client.collect()
    for stanza in stanzas:
        if stanza.name == "iq" and stanza.get("type") == "set":
            client.send(f"<iq type='result' id='{stanza.get('id')}'/>")
    return [shown(stanza) for stanza in stanzas]


def body_of(stanza: Element) -> str | None:
    return stanza.child_text(ns.CLIENT, "body")


def stanza_ids(stanza: Element) -> list[str]:
    """Return whose archives gave the stanza an id."""
    return [child.get("by") for child in stanza.elements(ns.STANZA_ID, "stanza-id")]


def forwarded(carbon: Element) -> Element:
    """Return the message inside a carbon copy."""
    for word in ("sent", "received"):
        wrapper = carbon.find(ns.CARBONS2, word)
        if wrapper is not None:
            inner = wrapper.find(ns.FORWARD, "forwarded")
            assert inner is not None
            message = inner.find(ns.CLIENT, "message")
            assert message is not None
            return message
    raise AssertionError(carbon)
