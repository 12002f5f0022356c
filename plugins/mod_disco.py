"""Service discovery (XEP-0030): what the server is and offers, which services it has, what an account is.

The features come from the modules that run, the services from their ``server_items`` hook. What an account says of
itself is told to those who may see its presence.
"""

from __future__ import annotations

from collections.abc import Iterable

from mim.capabilities import Discovery
from mim.config import Domain, ModuleName, ModuleOptions, NonEmpty, Options
from mim.plugin import (
    JID,
    Element,
    Module,
    RosterView,
    Stanza,
    StanzaError,
    Xep,
    element,
    iq_handler,
    joined,
    option,
)
from mim.version import NAME
from mim.xmpp import ns
from mim.xmpp.forms import Field, form

SERVER_INFO = "http://jabber.org/network/serverinfo"


class ServerInfo(Options):
    """One of ``modules.mod_disco.server_info``: a field of the form of contact addresses (XEP-0157)."""

    name: NonEmpty = option(help='The field, for example "abuse-addresses".')
    urls: list[NonEmpty] = option(help="Its values.")
    modules: list[ModuleName] | None = option(None, help="Modules in whose answers it appears; not set = all.")


class DiscoOptions(ModuleOptions):
    """``[modules.mod_disco]``."""

    extra_domains: list[Domain] = option([], help="Further names among the services of the server.")
    server_info: list[ServerInfo] = option([], help="Contact addresses (XEP-0157).")
    users_can_see_hidden_services: bool = option(True, help="False: hidden components are left out for users.")


class ModDisco(Module[DiscoOptions]):
    """Answers disco#info and disco#items for the domains of a host and for its accounts."""

    Options = DiscoOptions
    features = (ns.DISCO_INFO, ns.DISCO_ITEMS)
    xeps = (Xep(30, "2.5"), Xep(157, "1.1"))

    async def start(self) -> None:
        """Offer what the server says of itself to other modules."""
        self.api.provide(Discovery, self)

    # --- the server -------------------------------------------------------------------------------------------

    @iq_handler("get", ns.DISCO_INFO, "query")
    def tell_server_info(self, iq: Stanza) -> Element:
        """Return identity, contact addresses and features of the server, or those of one of its nodes."""
        node = _node(iq)
        return self._node_answer(iq, node) if node else self.server_info(iq.to_jid.domain)

    @iq_handler("get", ns.DISCO_ITEMS, "query")
    def tell_services(self, iq: Stanza) -> Element:
        """Return the services of the server, or the items of one of its nodes."""
        node = _node(iq)
        if node:
            return self._node_answer(iq, node)
        services = joined(self.api.host.hooks.server_items, iq.to_jid.domain)
        named = {(item.get("jid"), item.get("node")) for item in services}
        extra = [
            element(ns.DISCO_ITEMS, "item", jid=name)
            for name in dict.fromkeys(self.options.extra_domains)
            if (name, "") not in named
        ]
        return element(ns.DISCO_ITEMS, "query", services, extra)

    @iq_handler("set", ns.DISCO_INFO, "*", to="server account")
    @iq_handler("set", ns.DISCO_ITEMS, "*", to="server account")
    def refuse(self, iq: Stanza) -> None:
        """Nobody sets what there is."""
        raise StanzaError("not-allowed")

    def server_info(self, domain: str) -> Element:
        """Return the disco#info ``<query/>`` of a served domain."""
        return element(
            ns.DISCO_INFO,
            "query",
            element(ns.DISCO_INFO, "identity", category="server", type="im", name_=NAME),
            self.contact_form(self.name),
            self._features(),
        )

    def contact_form(self, module: str) -> Element | None:
        """Return the contact addresses that go into a module's answers; None when there are none."""
        fields = [
            Field(info.name, "list-multi", info.urls)
            for info in self.options.server_info
            if info.modules is None or module in info.modules
        ]
        return form(SERVER_INFO, fields, type="result") if fields else None

    def _features(self) -> Iterable[Element]:
        return [element(ns.DISCO_INFO, "feature", var=feature) for feature in self.api.host.features()]

    def _node_answer(self, iq: Stanza, node: str) -> Element:
        for question in self.api.host.hooks.server_node:
            answer = question(iq, node)
            if answer is not None:
                return answer
        raise StanzaError("item-not-found")

    # --- accounts ---------------------------------------------------------------------------------------------

    @iq_handler("get", ns.DISCO_INFO, "query", to="account")
    async def tell_account_info(self, iq: Stanza) -> Element:
        """Return what an account is, to itself and to those who may see its presence."""
        await self._check_entitlement(iq)
        identity = element(ns.DISCO_INFO, "identity", category="account", type="registered")
        return element(ns.DISCO_INFO, "query", identity, self._features())

    @iq_handler("get", ns.DISCO_ITEMS, "query", to="account")
    async def tell_resources(self, iq: Stanza) -> Element:
        """Return the resources of an account: all to itself, those it shows to others."""
        await self._check_entitlement(iq)
        account = iq.to_jid
        is_own = iq.from_jid.bare == account
        shown = [
            session.jid
            for session in self.api.sessions.of(account)
            if is_own or (session.is_available and not session.is_invisible)
        ]
        items = [element(ns.DISCO_ITEMS, "item", jid=str(jid), name_=account.local) for jid in shown]
        return element(ns.DISCO_ITEMS, "query", items)

    async def _check_entitlement(self, iq: Stanza) -> None:
        """Refuse whoever may not ask, and whoever asks for a node: accounts have none."""
        account, viewer = iq.to_jid, iq.from_jid.bare
        if not await self._may_see(account, viewer):
            raise StanzaError("service-unavailable")
        if _node(iq):
            raise StanzaError("item-not-found" if viewer == account else "not-allowed")

    async def _may_see(self, account: JID, viewer: JID) -> bool:
        if viewer == account:
            return True
        roster = self.api.find(RosterView)
        if roster is None:
            return False
        return (await roster.get_relation(account, viewer)).subscription in ("from", "both")


def _node(iq: Stanza) -> str:
    query = iq.payload
    assert query is not None
    return query.get("node")


setup = ModDisco
