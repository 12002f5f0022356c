"""Privacy lists (XEP-0016) as values: items in order, the first that matches decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mim.capabilities import Relation
from mim.errors import InvalidJid
from mim.plugin import JID, Element, Stanza, StanzaError, element
from mim.xmpp import ns

MESSAGE, IQ, PRESENCE_IN, PRESENCE_OUT = KINDS = ("message", "iq", "presence-in", "presence-out")
OTHER = "other"
"""What only items without kinds speak of: subscriptions, probes, and everything outgoing but presence."""
SUBSCRIPTIONS = ("none", "to", "from", "both")
MAX_ORDER = 2**32 - 1
MAX_ITEMS = 10_000
"""How many items one list may have."""
MAX_TEXT = 1024
"""Characters of a list's name or a group's."""


@dataclass(frozen=True, slots=True)
class Item:
    """A rule. *type* is jid, group, subscription or empty (fall-through); no *kinds* means all stanzas."""

    order: int
    is_deny: bool
    type: str = ""
    value: str = ""
    kinds: frozenset[str] = frozenset()

    def covers(self, kind: str) -> bool:
        """Tell whether the rule speaks of stanzas of a kind."""
        return not self.kinds or kind in self.kinds

    @property
    def is_block(self) -> bool:
        """Tell whether this is what blocking an address means: deny, by JID, everything (XEP-0191 §3)."""
        return self.is_deny and self.type == "jid" and not self.kinds

    def to_element(self) -> Element:
        """Return ``<item/>``."""
        return element(
            ns.PRIVACY,
            "item",
            [element(ns.PRIVACY, kind) for kind in KINDS if kind in self.kinds],
            type=self.type or None,
            value=self.value if self.type else None,
            action="deny" if self.is_deny else "allow",
            order=str(self.order),
        )


class PrivacyList:
    """A named list; never changed, so that whoever holds it may go on using it."""

    __slots__ = ("_by_jid", "_others", "items", "name", "needs_roster")

    def __init__(self, name: str, items: Iterable[Item]) -> None:
        self.name = name
        self.items = tuple(sorted(items, key=lambda item: item.order))
        # Positions: by what a JID item names, and of all other items. A list of ten thousand addresses is looked
        # up, not read.
        self._by_jid: dict[str, list[int]] = {}
        self._others: list[int] = []
        for position, item in enumerate(self.items):
            if item.type == "jid":
                self._by_jid.setdefault(item.value, []).append(position)
            else:
                self._others.append(position)
        self.needs_roster = any(item.type in ("group", "subscription") for item in self.items)

    def decide(self, kind: str, peer: JID, relation: Callable[[JID], Relation]) -> Item | None:
        """Return the first item that matches stanzas of *kind* from or to *peer*; None = allowed.

        *relation* is asked only if an item before that one needs it.
        """
        found = len(self.items)
        for name in names_of(peer):
            for position in self._by_jid.get(name, ()):
                if position >= found:
                    break
                if self.items[position].covers(kind):
                    found = position
                    break
        known: Relation | None = None
        for position in self._others:
            if position >= found:
                break
            item = self.items[position]
            if not item.covers(kind):
                continue
            if item.type:
                known = known or relation(peer.bare)
                if item.value != known.subscription if item.type == "subscription" else item.value not in known.groups:
                    continue
            found = position
            break
        return self.items[found] if found < len(self.items) else None

    def denies(self, kind: str, peer: JID, relation: Callable[[JID], Relation]) -> Item | None:
        """Return the item that denies stanzas of *kind* from or to *peer*; None = allowed."""
        item = self.decide(kind, peer, relation)
        return item if item is not None and item.is_deny else None

    def to_element(self) -> Element:
        """Return ``<list/>`` with its items in order."""
        return element(ns.PRIVACY, "list", [item.to_element() for item in self.items], name_=self.name)


def names_of(peer: JID) -> Iterator[str]:
    """Yield the values of JID items that match an address (XEP-0016 §2.1): itself, wider ones, domains above."""
    yield str(peer)
    if peer.resource:
        yield str(peer.bare)
    domain = peer.domain
    if peer.local:
        yield domain
    while "." in domain:
        domain = domain.partition(".")[2]
        yield domain


def incoming_kind(stanza: Stanza) -> str:
    """Return the kind of a stanza on its way to the owner of a list."""
    if stanza.name == "presence":
        return PRESENCE_IN if stanza.type in ("", "unavailable") else OTHER
    return MESSAGE if stanza.name == "message" else IQ


def outgoing_kind(stanza: Stanza) -> str:
    """Return the kind of a stanza from the owner of a list: of what goes out, only presence has one of its own."""
    return PRESENCE_OUT if stanza.name == "presence" and stanza.type in ("", "unavailable") else OTHER


# --- reading --------------------------------------------------------------------------------------------------


def read_name(node: Element) -> str:
    """Return the name of a list, empty when none is given.

    Raises:
        StanzaError: bad-request; it is too long.
    """
    name = node.get("name")
    if len(name) > MAX_TEXT:
        raise StanzaError("bad-request", f"a list's name has {MAX_TEXT} characters at most")
    return name


def read_items(node: Element) -> list[Item]:
    """Return the items of a ``<list/>``.

    Raises:
        StanzaError: bad-request; one is malformed, or two have the same order. resource-constraint: too many.
    """
    items = [_read_item(child) for child in node.elements()]
    if len(items) > MAX_ITEMS:
        raise StanzaError("resource-constraint", f"a list has {MAX_ITEMS} items at most")
    if len({item.order for item in items}) != len(items):
        raise StanzaError("bad-request", "no two items have the same order")
    return items


def _read_item(node: Element) -> Item:
    if node.name != "item" or node.ns != ns.PRIVACY:
        raise StanzaError("bad-request", "a list holds items")
    action, order, type = node.get("action"), node.get("order"), node.get("type")
    if action not in ("allow", "deny"):
        raise StanzaError("bad-request", "the action is allow or deny")
    if not (order.isascii() and order.isdigit()) or len(order) > 10 or int(order) > MAX_ORDER:
        raise StanzaError("bad-request", "the order is a number, 0 or more")
    kinds = [child.name for child in node.elements()]
    if any(kind not in KINDS for kind in kinds):
        raise StanzaError("bad-request", f"an item may hold {', '.join(KINDS)}")
    return Item(int(order), action == "deny", type, _read_value(type, node.attrs.get("value")), frozenset(kinds))


def _read_value(type: str, value: str | None) -> str:
    if not type:
        return ""
    if value is None or len(value) > 4 * MAX_TEXT:
        raise StanzaError("bad-request", "the value is missing or too long")
    if type == "jid":
        try:
            return str(JID.parse(value))
        except InvalidJid:
            raise StanzaError("bad-request", "the value is no JID") from None
    if type == "subscription" and value in SUBSCRIPTIONS:
        return value
    if type == "group" and value:
        return value
    raise StanzaError("bad-request", "the type is jid, group or subscription, with a value of that type")
