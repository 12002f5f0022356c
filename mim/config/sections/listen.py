"""``[listen]``: the ports, and what answers there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config.options import AccessRuleName, Infinity, IpAddress, NonEmpty, Port, ShaperName, ShaperRuleName
from mim.config.sections.tls import C2sTls, HttpTls, S2sTls
from mim.config.tables import Options, Refusal, declared_options, option

AuthMethodName = Literal["anonymous", "dummy", "external", "http", "internal", "jwt", "ldap", "pki", "rdbms", "riak"]
OTHER_TIERS_OF_METHODS = {"ldap": "C", "riak": "C", "pki": "B"}


class Listener(Options):
    """What every listener has."""

    port: Port = option(help="TCP port; 0 = any free one.")
    ip_address: IpAddress | None = option(
        None,
        computed='"0" (0.0.0.0), or "::" when ip_version = 6',
        help='Address to bind; short IPv4 forms such as "0" are legal.',
    )
    proto: Literal["tcp"] = option("tcp", help="Only TCP exists.")
    ip_version: Literal[4, 6] | None = option(None, computed="from ip_address, else 4", help="Address family.")

    @property
    def address(self) -> str:
        """Return the address to bind."""
        if self.ip_address is not None:
            return self.ip_address
        return "::" if self.ip_version == 6 else "0.0.0.0"  # noqa: S104 - what the file asks for

    def refusals(self) -> Iterator[Refusal]:
        """L5: the version is that of the address."""
        if self.ip_address is not None and self.ip_version is not None:
            family = 6 if ":" in self.ip_address else 4
            if family != self.ip_version:
                yield Refusal("ip_version", f"must be {family}, as ip_address is")


class XmppListener(Listener):
    """What every listener for XMPP streams has."""

    backlog: int = option(100, minimum=0, help="TCP listen backlog.")
    proxy_protocol: bool = option(
        False, help="Every connection starts with a PROXY header (v1 or v2) that gives the client's address."
    )
    hibernate_after: int = option(0, minimum=0, tier="C", unit="ms", help="No effect.")
    max_stanza_size: int | Infinity = option(
        "infinity", minimum=1, unit="bytes", help="One stanza; more ends the stream."
    )
    num_acceptors: int = option(100, minimum=1, tier="C", help="No effect.")


class C2sListener(XmppListener):
    """``[[listen.c2s]]``."""

    access: AccessRuleName = option("all", help="Access rule: who may open a session.")
    shaper: ShaperRuleName = option("none", help='Access rule whose value is the shaper\'s name (or "none").')
    zlib: int | None = option(
        None, minimum=1, unit="bytes", help="Offer stream compression (XEP-0138); cap on one decompressed chunk."
    )
    max_fsm_queue: int | None = option(None, minimum=1, help="Overrides general.max_fsm_queue.")
    allowed_auth_methods: list[AuthMethodName] | None = option(
        None,
        distinct=True,
        mapped=OTHER_TIERS_OF_METHODS,
        help="Those of the enabled methods that may log in here; not set = all.",
    )
    tls: C2sTls | None = option(None, help="Present, even empty: TLS.")


class S2sListener(XmppListener, tier="B"):
    """``[[listen.s2s]]``."""

    shaper: ShaperRuleName = option("none", help="Access rule whose value is the shaper's name.")
    tls: S2sTls = option(S2sTls(), help="TLS details; TLS is switched on by s2s.use_starttls.")


class Service(Options, tier="B"):
    """What components (XEP-0114) need, on whichever listener."""

    password: NonEmpty = option(secret=True, help="Secret of the XEP-0114 handshake.")
    access: AccessRuleName = option("all", help="Access rule: who may send to the component.")
    shaper_rule: ShaperName = option("none", help="Name of a shaper itself, not of an access rule.")
    check_from: bool = option(True, help="Refuse stanzas whose from is not the component's domain.")
    hidden_components: bool = option(False, help="Leave these components out of disco.")
    conflict_behaviour: Literal["disconnect", "kick_old"] = option(
        "disconnect", help="Second connection for a connected name: refuse it, or drop the old one."
    )
    max_fsm_queue: int | None = option(None, minimum=1, help="Overrides general.max_fsm_queue.")


class ServiceListener(Service, XmppListener, tier="B"):
    """``[[listen.service]]``."""


# --- HTTP -----------------------------------------------------------------------------------------------------


class HttpTransport(Options):
    """``[listen.http.transport]``."""

    num_acceptors: int = option(100, minimum=1, tier="C", help="No effect.")
    max_connections: int | Infinity = option(1024, minimum=0, help="Open connections accepted at once.")


class HttpProtocol(Options):
    """``[listen.http.protocol]``."""

    compress: bool = option(False, help="Compress response bodies when the client accepts it.")


class HttpHandler(Options):
    """What every HTTP handler has."""

    host: NonEmpty = option(help='Host header to match, without the port; "_" = any.')
    path: str = option(help="Path, or path prefix for the API handlers.")


class BoshHandler(HttpHandler):
    """``[[listen.http.handlers.mod_bosh]]``."""


class WebSocketHandler(HttpHandler):
    """``[[listen.http.handlers.mod_websockets]]``."""

    timeout: int | Infinity = option(60000, minimum=0, unit="ms", help="Of inactivity before the connection closes.")
    ping_rate: int | None = option(None, minimum=1, unit="ms", help="Between pings by the server; not set = none.")
    max_stanza_size: int | Infinity = option("infinity", minimum=1, unit="bytes", help="One stanza.")
    service: Service | None = option(None, tier="B", help="Lets components (XEP-0114) connect over this WebSocket.")


class PasswordHandler(HttpHandler):
    """A handler that may ask for a user and a password."""

    username: str | None = option(None, help="HTTP Basic user; both or neither of username and password.")
    password: str | None = option(None, secret=True, help="HTTP Basic password; neither: open to all who reach it.")

    def refusals(self) -> Iterator[Refusal]:
        """L7: both or neither."""
        if (self.username is None) != (self.password is None):
            absent = "username" if self.username is None else "password"
            yield Refusal(absent, "must be written: username and password go together")


class AdminApi(PasswordHandler):
    """``[[listen.http.handlers.mongoose_api_admin]]``."""

    allowed_origins: list[NonEmpty] = option([], help="Origins whose pages may call the API from a browser.")


class DomainApi(PasswordHandler):
    """``[[listen.http.handlers.mongoose_domain_handler]]``."""


ClientApiPart = Literal[
    "lasse_handler",
    "mongoose_client_api_messages",
    "mongoose_client_api_contacts",
    "mongoose_client_api_rooms",
    "mongoose_client_api_rooms_config",
    "mongoose_client_api_rooms_users",
    "mongoose_client_api_rooms_messages",
    "mongoose_client_api_sse",
]


class ClientApi(HttpHandler):
    """``[[listen.http.handlers.mongoose_client_api]]``."""

    handlers: list[ClientApiPart] = option(
        [
            "lasse_handler",
            "mongoose_client_api_messages",
            "mongoose_client_api_contacts",
            "mongoose_client_api_rooms",
            "mongoose_client_api_rooms_config",
            "mongoose_client_api_rooms_users",
            "mongoose_client_api_rooms_messages",
        ],
        distinct=True,
        mapped={"mongoose_client_api_sse": "alias of lasse_handler"},
        help="Which parts are on; the event stream (/sse) is lasse_handler.",
    )
    docs: bool = option(True, help="Serve the API description at /api-docs of the listener.")


class OldApi(HttpHandler):
    """``[[listen.http.handlers.mongoose_api]]``."""

    handlers: list[Literal["mongoose_api_metrics", "mongoose_api_users"]] = option(
        ["mongoose_api_metrics", "mongoose_api_users"], distinct=True, nonempty=True, help="Which parts are on."
    )


class OldClientApi(HttpHandler, tier="B"):
    """``[[listen.http.handlers.mongoose_api_client]]``."""


class HttpHandlers(Options):
    """``[listen.http.handlers]``."""

    mod_bosh: list[BoshHandler] = option([], help="BOSH endpoint at exactly this path; needs modules.mod_bosh.")
    mod_websockets: list[WebSocketHandler] = option([], help="XMPP over WebSocket (RFC 7395) at exactly this path.")
    mongoose_api_admin: list[AdminApi] = option([], help="Admin REST API below this path.")
    mongoose_client_api: list[ClientApi] = option([], help="Client REST API below this path.")
    mongoose_domain_handler: list[DomainApi] = option([], help="Dynamic domains: PATH/domains/DOMAIN.")
    mongoose_api: list[OldApi] = option([], help="Old metrics and users REST API below this path.")
    mongoose_api_client: list[OldClientApi] = option([], tier="B", help="Obsolete client API.")


class HttpListener(Listener):
    """``[[listen.http]]``."""

    transport: HttpTransport = option(HttpTransport(), help="Socket options.")
    protocol: HttpProtocol = option(HttpProtocol(), help="HTTP options.")
    tls: HttpTls | None = option(None, help="Present: HTTPS.")
    handlers: HttpHandlers = option(HttpHandlers(), help="What answers where.")

    def all_handlers(self) -> Iterator[tuple[str, HttpHandler]]:
        """Yield the handlers with the names of their types."""
        for name in declared_options(HttpHandlers):
            for handler in getattr(self.handlers, name):
                yield name, handler


class Listen(Options):
    """``[listen]``."""

    http: list[HttpListener] = option([], help="HTTP listeners.")
    c2s: list[C2sListener] = option([], help="Listeners for XMPP clients.")
    s2s: list[S2sListener] = option([], tier="B", help="Listeners for other servers; the port is not opened.")
    service: list[ServiceListener] = option([], tier="B", help="Listeners for components; the port is not opened.")

    def refusals(self) -> Iterator[Refusal]:
        """L4: no two listeners with one address and port; 0 is any free port."""
        bound: set[tuple[str, int]] = set()
        for kind in ("http", "c2s", "s2s", "service"):
            for place, listener in enumerate(getattr(self, kind)):
                address = (listener.address, listener.port)
                if listener.port and address in bound:
                    yield Refusal(f"{kind}[{place}].port", f"another listener has this port on {listener.address}")
                bound.add(address)
