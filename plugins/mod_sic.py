"""Server IP check (XEP-0279): tells a client the address it comes from."""

from __future__ import annotations

from mim.config import ModuleOptions
from mim.plugin import Element, Module, Stanza, StanzaError, Xep, element, iq_handler, own_account
from mim.xmpp import ns


class SicOptions(ModuleOptions):
    """``[modules.mod_sic]``."""


class ModSic(Module[SicOptions]):
    """Answers clients about themselves, in the namespace they ask in."""

    Options = SicOptions
    features = (ns.SERVER_IP0, ns.SERVER_IP1)
    xeps = (Xep(279, "0.2", "without the port; the form of version 0.1 as well"),)

    @iq_handler("get", ns.SERVER_IP1, "address", to="server account")
    def tell(self, iq: Stanza) -> Element:
        """Return the client's address."""
        return element(ns.SERVER_IP1, "address", element(ns.SERVER_IP1, "ip", self._address(iq)))

    @iq_handler("get", ns.SERVER_IP0, "ip", to="server account")
    def tell_as_before(self, iq: Stanza) -> Element:
        """Return the client's address in the form of version 0.1."""
        return element(ns.SERVER_IP0, "ip", self._address(iq))

    def _address(self, iq: Stanza) -> str:
        """Return where a client comes from.

        Raises:
            StanzaError: forbidden; it asks about somebody else, or is no client of this server.
        """
        if iq.to_jid.local:
            own_account(iq)
        session = self.api.sessions.find(iq.from_jid)
        if session is None:
            raise StanzaError("forbidden")
        return session.connection.peer_address


setup = ModSic
