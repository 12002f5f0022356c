"""``[[host_config]]``: what differs for one host or host type."""

from __future__ import annotations

from mim.config.options import HostName, ModuleTables
from mim.config.sections.auth import Auth
from mim.config.sections.general import HostGeneral
from mim.config.sections.rules import Clause, Pattern
from mim.config.sections.s2s import S2s
from mim.config.tables import Options, option


class HostSection(Options):
    """``[[host_config]]``."""

    host: HostName | None = option(None, help="One of general.hosts or general.host_types.")
    host_type: HostName | None = option(None, help="The same; wins if both are given. One of the two is needed.")
    general: HostGeneral | None = option(None, help="The two options below only.")
    auth: Auth | None = option(None, help="Replaces [auth] for this host.")
    modules: ModuleTables | None = option(None, help="Replaces [modules] for this host; empty = no modules.")
    acl: dict[str, list[Pattern]] = option({}, help="Joined with [acl].")
    access: dict[str, list[Clause]] = option({}, help="Joined with [access].")
    s2s: S2s | None = option(None, tier="B", help="Replaces [s2s] for this host.")

    @property
    def name(self) -> str:
        """Return the host or host type it is for; empty when it names none."""
        return self.host_type or self.host or ""
