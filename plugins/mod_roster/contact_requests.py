"""What a client wants of its roster, read from its IQ (RFC 6121 §2.3.3)."""

from __future__ import annotations

from typing import NamedTuple

from mim.plugin import JID, Element, StanzaError
from mim.xmpp import ns
from mim.xmpp.stanza import parse_address

MAX_NAME_BYTES = 1023
"""Of a contact's name, and of a group's."""
MAX_GROUPS = 100
"""Groups a contact may be in."""


class Wanted(NamedTuple):
    """A contact as a client wants it, or its removal."""

    contact: JID
    name: str
    groups: tuple[str, ...]
    is_removal: bool


def read_item(query: Element) -> Wanted:
    """Return what a roster set asks for; what it says of subscriptions does not count (RFC 6121 §2.1.2.2, §2.1.2.5).

    Raises:
        StanzaError: bad-request, jid-malformed, not-acceptable.
    """
    items = list(query.elements(ns.ROSTER, "item"))
    if len(items) != 1:
        raise StanzaError("bad-request", "a roster set carries exactly one item")
    (item,) = items
    if not item.get("jid"):
        raise StanzaError("bad-request", "an item has a jid")
    contact = parse_address(item.get("jid")).bare
    if item.get("subscription") == "remove":
        return Wanted(contact, "", (), True)
    groups = tuple(group.text for group in item.elements(ns.ROSTER, "group"))
    if len(set(groups)) != len(groups):
        raise StanzaError("bad-request", "a group is named twice")
    if len(groups) > MAX_GROUPS:
        raise StanzaError("not-acceptable", f"a contact is in {MAX_GROUPS} groups at most")
    if not all(groups):
        raise StanzaError("not-acceptable", "a group has a name")
    if any(len(text.encode()) > MAX_NAME_BYTES for text in (item.get("name"), *groups)):
        raise StanzaError("not-acceptable", f"a name has {MAX_NAME_BYTES} bytes at most")
    return Wanted(contact, item.get("name"), groups, False)
