"""The sections that belong to no module: one file each, and the file as a whole."""

from __future__ import annotations

from mim.config.options import ModuleTables
from mim.config.sections.auth import Auth
from mim.config.sections.general import General
from mim.config.sections.host import HostSection
from mim.config.sections.listen import AdminApi, C2sListener, HttpHandler, HttpListener, Listen
from mim.config.sections.pools import OutgoingPools
from mim.config.sections.rules import Clause, Pattern, Shaper
from mim.config.sections.s2s import S2s
from mim.config.sections.services import Services
from mim.config.sections.tls import C2sTls, HttpTls
from mim.config.tables import Options, option

__all__ = [
    "AdminApi",
    "Auth",
    "C2sListener",
    "C2sTls",
    "Clause",
    "General",
    "HostSection",
    "HttpHandler",
    "HttpListener",
    "HttpTls",
    "Listen",
    "OutgoingPools",
    "Pattern",
    "S2s",
    "Services",
    "Shaper",
    "Top",
]


class Top(Options):
    """The file."""

    general: General = option(help="Basic settings; the section must exist.")
    listen: Listen = option(Listen(), help="Ports, and what answers there.")
    auth: Auth = option(Auth(), help="Who may log in.")
    outgoing_pools: OutgoingPools = option(OutgoingPools(), help="Connections to other servers.")
    services: Services = option(Services(), help="Parts of the server that belong to no host.")
    modules: ModuleTables = option({}, help="Modules; each runs when its table is present.")
    shaper: dict[str, Shaper] = option({}, help="Limits of traffic.")
    acl: dict[str, list[Pattern]] = option({}, help="Named classes of users.")
    access: dict[str, list[Clause]] = option({}, help="Named rules: what each class may.")
    s2s: S2s = option(S2s(), tier="B", help="Federation.")
    host_config: list[HostSection] = option([], help="What differs for one host or host type.")
