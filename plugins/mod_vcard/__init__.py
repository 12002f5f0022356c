"""vCards (XEP-0054) of accounts, and a directory to find users by them (XEP-0055).

Avatars in vCards (XEP-0153) are between clients: the server keeps the picture with the rest.
"""

from __future__ import annotations

import sys

from mim.config import expand_host
from mim.errors import Conflict, TooLarge
from mim.plugin import JID, Element, Module, Stanza, StanzaError, Xep, element, hookimpl, iq_handler
from mim.storage.api import Write
from mim.xmpp import ns
from mim.xmpp.element import serialize

from .directory import NAME, Directory, service_card
from .options import VCardOptions
from .store import SCHEMA, VCardStore

MAX_BYTES = 256 * 1024
"""How much text a vCard may be, its picture included."""


class ModVCard(Module[VCardOptions]):
    """Keeps the accounts' vCards and serves the directory."""

    Options = VCardOptions
    schema = SCHEMA
    features = (ns.VCARD,)
    xeps = (
        Xep(54, "1.2"),
        Xep(55, "1.3"),
        Xep(153, "1.1", "between clients; the server does not touch presences"),
    )

    async def start(self) -> None:
        """Open the store and the directory of each domain, or the one of all when its name is fixed.

        Raises:
            Conflict: the directory's name is served already.
        """
        self._store = VCardStore(self.api.database)
        self._directories: dict[str, str] = {}
        if not self.options.search:
            return
        served: dict[str, list[str]] = {}
        for domain in self.api.host.domains:
            name = expand_host(self.options.host, domain)
            served.setdefault(name, []).append(domain)
            self._directories[domain] = name
        matches = self.options.matches
        limit = sys.maxsize if matches == "infinity" else matches
        for name, domains in served.items():
            self._open(name, Directory(self._store, domains, limit))

    def _open(self, name: str, directory: Directory) -> None:
        def handle(stanza: Stanza) -> None:
            if stanza.name == "message":
                raise StanzaError("service-unavailable")
            if stanza.name == "iq" and stanza.type in ("get", "set"):
                self.api.router.answer(stanza, directory.answer)

        try:
            self.api.add_service(name, handle)
        except ValueError as error:
            raise Conflict(f"mod_vcard: {error}") from error

    # --- vCards -----------------------------------------------------------------------------------------------

    @iq_handler("get", ns.VCARD, "vCard", to="account")
    async def tell(self, iq: Stanza) -> Element:
        """Return an account's vCard to whoever asks (XEP-0054 §3.3)."""
        card = await self._store.find(iq.to_jid)
        if card is None:
            raise StanzaError("item-not-found")
        return card

    @iq_handler("set", ns.VCARD, "vCard", to="account")
    async def keep(self, iq: Stanza) -> None:
        """Replace one's own vCard (XEP-0054 §3.2)."""
        if iq.to_jid != iq.from_jid.bare:
            raise StanzaError("not-allowed")
        card = iq.payload
        assert card is not None
        if len(serialize(card).encode()) > MAX_BYTES:
            raise TooLarge(f"a vCard has {MAX_BYTES} bytes at most")
        await self._store.put(iq.to_jid, card)

    @iq_handler("get", ns.VCARD, "vCard")
    def tell_own(self, iq: Stanza) -> Element:
        """Return the vCard of the server itself."""
        return service_card("XMPP server")

    @iq_handler("set", ns.VCARD, "vCard")
    def refuse(self, iq: Stanza) -> None:
        """Nobody sets the server's."""
        raise StanzaError("not-allowed")

    @hookimpl
    def account_data_removal(self, account: JID) -> list[Write]:
        """Remove the account's vCard with it."""
        return self._store.removal(account)

    @hookimpl
    def server_items(self, domain: str) -> list[Element]:
        """Name the directory among the server's services."""
        name = self._directories.get(domain)
        return [] if name is None else [element(ns.DISCO_ITEMS, "item", jid=name, name_=NAME)]


setup = ModVCard
