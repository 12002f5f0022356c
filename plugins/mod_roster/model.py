"""A roster and its items, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from mim.plugin import JID, Element, element
from mim.xmpp import ns
from mim_plugins.mod_roster.states import State

_DIGEST_BYTES = 8
_MODULUS = 1 << (8 * _DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class Item:
    """A contact on a roster: its bare JID, what the user calls it, how they stand.

    *is_added*: the user has put it there; else it only came of presence. *request*: what came inside a request that
    waits for an answer, as XML.
    """

    contact: JID
    name: str = ""
    groups: tuple[str, ...] = ()
    state: State = State.NONE
    is_added: bool = False
    request: str = ""

    def to_element(self) -> Element:
        """Return ``<item/>`` as clients see it (RFC 6121 §2.1.2)."""
        return element(
            ns.ROSTER,
            "item",
            [element(ns.ROSTER, "group", group) for group in self.groups],
            jid=str(self.contact),
            name_=self.name or None,
            subscription=self.state.subscription,
            ask="subscribe" if self.state.asks else None,
        )


class Roster:
    """The items of one account, and who sees whom by them.

    *is_stale*: what is here may not be what is stored. *has_owner*: the account is registered; the admin API makes
    rosters for others, too. *stored_version*: set when the version is kept with the items, None when it is computed.
    """

    __slots__ = (
        "__weakref__", "_digest", "_items", "account", "has_owner", "is_stale", "stored_version", "subscribers",
        "subscriptions",
    )  # fmt: skip

    def __init__(self, account: JID) -> None:
        self.account = account
        self.has_owner = False
        self.is_stale = True
        self.stored_version: str | None = None
        self.subscribers: dict[JID, None] = {}
        """Who is entitled to the account's presence."""
        self.subscriptions: dict[JID, None] = {}
        """To whose presence the account is entitled."""
        self._items: dict[JID, Item] = {}
        self._digest: int | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def find(self, contact: JID) -> Item | None:
        """Return the item of a bare JID, or None."""
        return self._items.get(contact)

    def fill(self, items: Iterable[Item]) -> None:
        """Replace everything."""
        self._items.clear()
        self.subscribers.clear()
        self.subscriptions.clear()
        self._digest = None
        for item in items:
            self._place(item)

    def put(self, item: Item) -> None:
        """Add an item, or replace the contact's."""
        self._count_out(item.contact)
        self._place(item)
        if self._digest is not None:
            self._digest += _digest_of(item)
        self._step_version()

    def remove(self, contact: JID) -> None:
        """Take an item out."""
        self._count_out(contact)
        self._items.pop(contact, None)
        self.subscribers.pop(contact, None)
        self.subscriptions.pop(contact, None)
        self._step_version()

    def shown(self) -> list[Item]:
        """Return the items that clients see."""
        return [item for item in self._items.values() if not item.state.is_hidden]

    def requests(self) -> list[Item]:
        """Return the items whose contact waits for an answer."""
        return [item for item in self._items.values() if item.state.is_asked]

    # --- version (RFC 6121 §2.6) ------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """Return the version of what clients see: the same text means the same roster."""
        return self.stored_version or self._digest_text()

    def keep_version(self, stored: str | None) -> None:
        """Take up the version that was stored with the items; if it was not made of these, another one follows it."""
        self.stored_version = stored or "0"
        self._step_version()

    def _step_version(self) -> None:
        """Count a stored version up if clients see something else now."""
        if self.stored_version is not None:
            number, _, digest = self.stored_version.partition("-")
            if digest != self._digest_text():
                self.stored_version = f"{int(number) + 1}-{self._digest_text()}"

    def _digest_text(self) -> str:
        """Return the sum of the digests of all items, so that one item's change costs one item's digest."""
        if self._digest is None:
            self._digest = sum(_digest_of(item) for item in self._items.values())
        return f"{self._digest % _MODULUS:0{2 * _DIGEST_BYTES}x}"

    # --- items ------------------------------------------------------------------------------------------------

    def _place(self, item: Item) -> None:
        self._items[item.contact] = item
        _set_member(self.subscribers, item.contact, item.state.is_seen)
        _set_member(self.subscriptions, item.contact, item.state.sees)

    def _count_out(self, contact: JID) -> None:
        old = self._items.get(contact)
        if old is not None and self._digest is not None:
            self._digest -= _digest_of(old)


def _set_member(members: dict[JID, None], jid: JID, is_member: bool) -> None:
    if is_member:
        members[jid] = None
    else:
        members.pop(jid, None)


def _digest_of(item: Item) -> int:
    """Return the digest of what clients see of an item; hidden ones count nothing."""
    state = item.state
    if state.is_hidden:
        return 0
    seen = "\0".join((str(item.contact), item.name, state.subscription, str(state.asks), *item.groups))
    return int.from_bytes(blake2b(seen.encode(), digest_size=_DIGEST_BYTES).digest(), "big")
