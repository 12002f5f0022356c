"""``[s2s]``: federation, which comes later; checked today."""

from __future__ import annotations

from typing import Literal

from mim.config.options import ExistingFile, Infinity, IpAddress, NonEmpty, Port
from mim.config.sections.tls import DEFAULT_CIPHERS
from mim.config.tables import Options, option


class HostPolicy(Options, tier="B"):
    """``[[s2s.host_policy]]``."""

    host: NonEmpty = option(help="Remote domain.")
    policy: Literal["allow", "deny"] = option(help="Policy.")


class RemoteAddress(Options, tier="B"):
    """``[[s2s.address]]``."""

    host: NonEmpty = option(help="Remote domain.")
    ip_address: IpAddress = option(help="Address.")
    port: Port | None = option(None, computed="s2s.outgoing.port", help="Port.")


class Outgoing(Options, tier="B"):
    """``[s2s.outgoing]``."""

    port: Port = option(5269, help="Port.")
    ip_versions: list[Literal[4, 6]] = option([4, 6], nonempty=True, distinct=True, help="Order of address families.")
    connection_timeout: int | Infinity = option(10000, minimum=1, unit="ms", help="For connecting.")


class Dns(Options, tier="B"):
    """``[s2s.dns]``."""

    timeout: int = option(10, minimum=1, unit="seconds", help="Of one look-up.")
    retries: int = option(2, minimum=1, help="Attempts.")


class S2s(Options, tier="B"):
    """``[s2s]``."""

    default_policy: Literal["allow", "deny"] = option("allow", help="May other servers connect.")
    host_policy: list[HostPolicy] = option([], distinct="host", help="Exceptions to default_policy.")
    use_starttls: Literal["false", "optional", "required", "required_trusted"] = option(
        "false", help='Strings, also "false".'
    )
    certfile: ExistingFile | None = option(None, help='PEM with certificate and key; needed unless "false".')
    shared: NonEmpty | None = option(None, secret=True, computed="random, per start", help="Dialback secret.")
    address: list[RemoteAddress] = option([], distinct="host", help="Fixed addresses of remote domains.")
    ciphers: str = option(DEFAULT_CIPHERS, help="Ciphers of outgoing connections.")
    max_retry_delay: int = option(300, minimum=1, unit="seconds", help="Cap of the doubling pause.")
    outgoing: Outgoing = option(Outgoing(), help="Outgoing connections.")
    dns: Dns = option(Dns(), help="Look-ups.")
