"""Blocking (XEP-0191): the short way to keep somebody away. mod_privacy keeps the list and filters by it."""

from __future__ import annotations

from typing import Literal

from mim.capabilities import BlockList
from mim.config import FOREIGN_STORES, NonEmpty, Options
from mim.plugin import (
    JID,
    Element,
    Module,
    Stanza,
    StanzaError,
    Xep,
    element,
    iq_handler,
    option,
    own_account,
)
from mim.xmpp import ns
from mim.xmpp.stanza import iq as make_iq
from mim.xmpp.stanza import parse_address


class Riak(Options, tier="C"):
    """``riak``; no effect here."""

    defaults_bucket_type: NonEmpty = option("privacy_defaults", help="No effect.")
    names_bucket_type: NonEmpty = option("privacy_lists_names", help="No effect.")
    bucket_type: NonEmpty = option("privacy_lists", help="No effect.")


class BlockingOptions(Options):
    """``[modules.mod_blocking]``; mod_privacy is started with what its own section does not say."""

    backend: Literal["mnesia", "rdbms", "riak"] = option(
        "mnesia", mapped=FOREIGN_STORES, help="Where the lists are kept."
    )
    riak: Riak = option(Riak(), tier="C", help="No effect.")


class ModBlocking(Module[BlockingOptions]):
    """Answers block list queries of clients about their own accounts."""

    Options = BlockingOptions
    needs = ("mod_privacy",)
    starts = ("mod_privacy",)
    shares_options_with = ("mod_privacy",)
    features = (ns.BLOCKING,)
    xeps = (Xep(191, "1.3", "pushes go to all resources"),)

    @iq_handler("get", ns.BLOCKING, "blocklist", to="account")
    async def tell(self, iq: Stanza) -> Element:
        """Return whom the account blocks (XEP-0191 §5.1)."""
        blocked = await self._list().blocked(own_account(iq))
        return element(ns.BLOCKING, "blocklist", _items(blocked))

    @iq_handler("set", ns.BLOCKING, "block", to="account")
    async def block(self, iq: Stanza) -> None:
        """Block one or more addresses (XEP-0191 §5.2)."""
        account = own_account(iq)
        addresses = _addresses(iq)
        if not addresses:
            raise StanzaError("bad-request", "name at least one address to block")
        await self._list().block(account, addresses)
        self._push(account, element(ns.BLOCKING, "block", _items(addresses)))

    @iq_handler("set", ns.BLOCKING, "unblock", to="account")
    async def unblock(self, iq: Stanza) -> None:
        """Unblock addresses, or all of them (XEP-0191 §5.3, §5.4)."""
        account = own_account(iq)
        addresses = _addresses(iq)
        await self._list().unblock(account, addresses or None)
        self._push(account, element(ns.BLOCKING, "unblock", _items(addresses)))

    def _list(self) -> BlockList:
        found = self.api.find(BlockList)
        if found is None:
            raise StanzaError("service-unavailable")
        return found

    def _push(self, account: JID, changed: Element) -> None:
        """Tell every client of the account."""
        for session in self.api.sessions.of(account):
            session.send(make_iq(changed, sender=account, to=session.jid, type="set", id="push"))


def _addresses(iq: Stanza) -> list[JID]:
    """Return the addresses of a request.

    Raises:
        StanzaError: bad-request or jid-malformed; something in it is no item, or an item's address is none.
    """
    request = iq.payload
    assert request is not None
    items = list(request.elements())
    if any(item.ns != ns.BLOCKING or item.name != "item" or "jid" not in item.attrs for item in items):
        raise StanzaError("bad-request", "the request holds items with addresses")
    return [parse_address(item.get("jid")) for item in items]


def _items(addresses: list[JID]) -> list[Element]:
    return [element(ns.BLOCKING, "item", jid=str(address)) for address in addresses]


setup = ModBlocking
