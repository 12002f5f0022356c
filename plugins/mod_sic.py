"""Server IP check (XEP-0279): tells a client the address its connection comes from."""

from __future__ import annotations

from mim.config.options import ModuleOptions
from mim.plugin import Element, Module, Stanza, StanzaError, Xep, element, iq_handler

SIC = "urn:xmpp:sic:0"


class SicOptions(ModuleOptions):
    """``[modules.mod_sic]``."""


class ModSic(Module[SicOptions]):
    """Answers with the asking client's own address, never with another's."""

    Options = SicOptions
    features = (SIC,)
    xeps = (Xep(279, "0.1"),)

    @iq_handler("get", SIC, "ip", to="server account")
    def answer(self, iq: Stanza) -> Element:
        """Return the address the server sees (XEP-0279 §2, §4)."""
        if iq.to_jid.local and iq.to_jid != iq.from_jid.bare:
            raise StanzaError("forbidden")
        session = self.api.sessions.find(iq.from_jid)
        if session is None:
            raise StanzaError("service-unavailable", "no such resource is online")
        return element(SIC, "ip", session.connection.peer_address)


setup = ModSic
