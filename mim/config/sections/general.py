"""``[general]``: what concerns the whole server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config.options import ExistingFile, Infinity, NodePrep, NonEmpty
from mim.config.tables import Options, Refusal, option

LogLevel = Literal["none", "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug", "all"]
RoutingModule = Literal[
    "mongoose_router_global",
    "mongoose_router_localdomain",
    "mongoose_router_external_localnode",
    "mongoose_router_external",
    "mongoose_router_dynamic_domains",
    "ejabberd_s2s",
]
ROUTING_MODULES = [
    "mongoose_router_global",
    "mongoose_router_localdomain",
    "mongoose_router_external_localnode",
    "mongoose_router_external",
    "mongoose_router_dynamic_domains",
    "ejabberd_s2s",
]
IN_MEMORY = "C -> an in-memory table of the server"


class DomainCertfile(Options):
    """``[[general.domain_certfile]]``."""

    domain: NonEmpty = option(help="Domain, or host type for dynamic domains.")
    certfile: ExistingFile = option(help="PEM with certificate chain and private key.")


class CommandLineAccess(Options):
    """``[general.mongooseimctl_access_commands.RULE]``."""

    commands: list[NonEmpty] | None = option(None, computed='"all"', help="Allowed command names; not set = all.")
    argument_restrictions: dict[str, str] = option({}, help="Key = argument name, value = the only value allowed.")


class General(Options):
    """``[general]``."""

    loglevel: LogLevel = option("warning", help="Verbosity of the log.")
    hosts: list[NodePrep] = option(
        [], distinct=True, help="XMPP domains served; each has its own modules and accounts."
    )
    host_types: list[NonEmpty] = option([], distinct=True, help="Labels for groups of dynamic domains.")
    default_server_domain: NodePrep = option(help="Domain used where none is known yet.")
    registration_timeout: int | Infinity = option(
        600, minimum=1, unit="seconds", help='Between two registrations from one source; "infinity" = no limit.'
    )
    language: NonEmpty = option("en", help="Default language of texts sent by the server.")
    all_metrics_are_global: bool = option(False, tier="B", help="Report metrics only as totals, not per host type.")
    sm_backend: Literal["mnesia", "redis"] = option(
        "mnesia",
        mapped={"mnesia": IN_MEMORY},
        help='Where sessions are kept: "mnesia" = in memory; "redis" needs outgoing_pools.redis.default.',
    )
    max_fsm_queue: int | None = option(
        None, minimum=1, help="Cap on the backlog of one connection, which is closed above it; not set = no cap."
    )
    http_server_name: str | None = option(None, help="Value of the Server header of every HTTP listener.")
    rdbms_server_type: Literal["mssql", "pgsql"] | None = option(
        None, tier="C", computed='"generic"', help="No effect: the SQL dialect follows from the driver."
    )
    route_subdomains: Literal["s2s"] | None = option(
        None, tier="B", help="Stanzas to unknown subdomains of a served domain go out by s2s."
    )
    mongooseimctl_access_commands: dict[str, CommandLineAccess] = option(
        {}, help="Limits the admin command line; key = name of an access rule; empty = all commands, no password."
    )
    routing_modules: list[RoutingModule] = option(
        ROUTING_MODULES, tier="B", help="Ordered routing steps; leaving one out switches it off."
    )
    replaced_wait_timeout: int = option(
        2000, minimum=1, unit="ms", help="How long a new session waits for the one it replaces to close."
    )
    hide_service_name: bool = option(False, help="Close without a word when the first bytes are no XMPP.")
    domain_certfile: list[DomainCertfile] = option(
        [], distinct="domain", help="Certificate per domain for c2s and s2s, in place of the listener's."
    )

    def refusals(self) -> Iterator[Refusal]:
        """L1: some host, and no name that is both a host and a host type."""
        if not self.hosts and not self.host_types:
            yield Refusal("hosts", "must name at least one domain (or host_types a host type)")
        for place, name in enumerate(self.host_types):
            if name in self.hosts:
                yield Refusal(f"host_types[{place}]", "must not be one of general.hosts as well")


class HostGeneral(Options):
    """``[host_config.general]``: the two options that a host may have of its own."""

    route_subdomains: Literal["s2s"] | None = option(None, tier="B", help="As general.route_subdomains.")
    replaced_wait_timeout: int | None = option(None, minimum=1, unit="ms", help="As general.replaced_wait_timeout.")
