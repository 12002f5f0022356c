"""External service discovery (XEP-0215): STUN, TURN and other services that are not part of XMPP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config import ModuleOptions, NonEmpty, Options, Port
from mim.plugin import Element, Module, Stanza, StanzaError, Xep, element, iq_handler, option
from mim.xmpp import ns


class Service(Options):
    """An item of ``[[modules.mod_extdisco.service]]``."""

    type: NonEmpty = option(help='Kind of service: "stun", "turn", "ftp" ...')
    host: NonEmpty = option(help="Name or address.")
    port: Port | None = option(None, help="Port.")
    transport: Literal["udp", "tcp"] | None = option(None, help="Transport protocol.")
    username: NonEmpty | None = option(None, help="User name to log in with there.")
    password: NonEmpty | None = option(None, secret=True, help="Password to log in with there.")


class ExtDiscoOptions(ModuleOptions):
    """``[modules.mod_extdisco]``."""

    service: list[Service] = option([], help="The services announced.")


class ModExtDisco(Module[ExtDiscoOptions]):
    """Lists the services of the file to the users of this server."""

    Options = ExtDiscoOptions
    features = (ns.EXTERNAL_SERVICES,)
    xeps = (Xep(215, "1.0", "no pushes, no credentials that expire"),)

    @iq_handler("get", ns.EXTERNAL_SERVICES, "services")
    def tell_services(self, iq: Stanza) -> Element:
        """Return all services, or those of one type (XEP-0215 §3.1, §3.2)."""
        self._check_asker(iq)
        query = iq.payload
        assert query is not None
        wanted = query.attrs.get("type")
        found = (one for one in self.options.service if wanted is None or one.type == wanted)
        return element(
            ns.EXTERNAL_SERVICES, "services", [_described(one, with_place=True) for one in found], type=wanted
        )

    @iq_handler("get", ns.EXTERNAL_SERVICES, "credentials")
    def tell_credentials(self, iq: Stanza) -> Element:
        """Return how to log in at a service (XEP-0215 §3.3)."""
        self._check_asker(iq)
        query = iq.payload
        assert query is not None
        asked = query.find(ns.EXTERNAL_SERVICES, "service")
        if asked is None or not asked.get("host") or not asked.get("type"):
            raise StanzaError("bad-request", "name a service by host and type")
        found = [_described(one, with_place="port" in asked.attrs) for one in self._matching(asked)]
        if not found:
            raise StanzaError("item-not-found")
        return element(ns.EXTERNAL_SERVICES, "credentials", found)

    def _matching(self, asked: Element) -> Iterator[Service]:
        port = asked.get("port")
        for one in self.options.service:
            if one.host == asked.get("host") and one.type == asked.get("type") and port in ("", str(one.port)):
                yield one

    def _check_asker(self, iq: Stanza) -> None:
        """Refuse strangers: the list may hold passwords."""
        if not iq.from_jid.local or self.api.hosts.find(iq.from_jid.domain) is None:
            raise StanzaError("forbidden")


def _described(service: Service, *, with_place: bool) -> Element:
    """Return ``<service/>``; *with_place*: where exactly it listens, which an asker for credentials knows already."""
    return element(
        ns.EXTERNAL_SERVICES,
        "service",
        host=service.host,
        type=service.type,
        port=str(service.port) if with_place and service.port is not None else None,
        transport=service.transport if with_place else None,
        username=service.username,
        password=service.password,
    )


setup = ModExtDisco
