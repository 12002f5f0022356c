"""Modules for systems this server does not speak to: mod_jingle_sip, mod_global_distrib, mod_shared_roster_ldap."""

from __future__ import annotations

from typing import Literal

from mim.config.options import Domain, IpAddress, NetworkAddress, PoolTag, Port
from mim.config.sections.tls import PeerTls
from mim.config.tables import Options, option


class JingleSipPhone(Options, tier="B"):
    """``[[modules.mod_jingle_sip.username_to_phone]]``."""

    username: str = option(help="User.")
    phone: str = option(help="Number.")


class JingleSipOptions(Options, tier="B"):
    """``[modules.mod_jingle_sip]``."""

    proxy_host: NetworkAddress = option("localhost", help="SIP proxy.")
    proxy_port: Port = option(5060, help="Its port.")
    listen_port: Port = option(5600, help="Own SIP port.")
    local_host: NetworkAddress = option("localhost", help="Own name in SIP.")
    sdp_origin: IpAddress = option("127.0.0.1", help="Address in SDP.")
    transport: Literal["udp", "tcp"] = option("udp", help="SIP transport.")
    username_to_phone: list[JingleSipPhone] = option([], help="User names and phone numbers.")


class GlobalDistribEndpoint(Options, tier="C"):
    """``[[modules.mod_global_distrib.connections.endpoints]]`` and advertised_endpoints."""

    host: NetworkAddress = option(help="Name or address.")
    port: Port = option(help="Port.")


class GlobalDistribTls(PeerTls, tier="C"):
    """``[modules.mod_global_distrib.connections.tls]``."""


class GlobalDistribConnections(Options, tier="C"):
    """``[modules.mod_global_distrib.connections]``."""

    endpoints: list[GlobalDistribEndpoint] | None = option(
        None, computed="[{host = local_host, port = 5555}]", help="End points."
    )
    advertised_endpoints: list[GlobalDistribEndpoint] | None = option(None, computed="endpoints", help="End points.")
    connections_per_endpoint: int = option(1, minimum=0, help="Links per end point.")
    endpoint_refresh_interval: int = option(60, minimum=1, unit="seconds", help="Between look-ups of end points.")
    endpoint_refresh_interval_when_empty: int = option(
        3, minimum=1, unit="seconds", help="The same while there is no end point."
    )
    disabled_gc_interval: int = option(60, minimum=1, unit="seconds", help="Between removals of unused links.")
    tls: GlobalDistribTls | None = option(None, help="TLS.")


class GlobalDistribRedis(Options, tier="C"):
    """``[modules.mod_global_distrib.redis]``."""

    pool: PoolTag = option("global_distrib", help="Pool.")
    expire_after: int = option(120, minimum=1, unit="seconds", help="An entry is valid.")
    refresh_after: int = option(60, minimum=0, unit="seconds", help="Before an entry is refreshed.")


class GlobalDistribCache(Options, tier="C"):
    """``[modules.mod_global_distrib.cache]``."""

    cache_missed: bool = option(True, help="Cache misses.")
    domain_lifetime_seconds: int = option(600, minimum=0, unit="seconds", help="A domain is cached.")
    jid_lifetime_seconds: int = option(5, minimum=0, unit="seconds", help="A JID is cached.")
    max_jids: int = option(10000, minimum=0, help="Entries.")


class GlobalDistribBounce(Options, tier="C"):
    """``[modules.mod_global_distrib.bounce]``."""

    enabled: bool = option(True, help="On.")
    resend_after_ms: int = option(200, minimum=0, unit="ms", help="Before a retry.")
    max_retries: int = option(4, minimum=0, help="Retries.")


class GlobalDistribOptions(Options, tier="C"):
    """``[modules.mod_global_distrib]``."""

    global_host: Domain = option(help="Shared domain.")
    local_host: Domain = option(help="Domain of this data centre.")
    message_ttl: int = option(4, minimum=0, help="Reroutes.")
    hosts_refresh_interval: int = option(3000, minimum=0, unit="ms", help="Between refreshes of the hosts.")
    connections: GlobalDistribConnections = option(GlobalDistribConnections(), help="Links.")
    redis: GlobalDistribRedis = option(GlobalDistribRedis(), help="Shared store.")
    cache: GlobalDistribCache = option(GlobalDistribCache(), help="Cache.")
    bounce: GlobalDistribBounce = option(GlobalDistribBounce(), help="Retries.")


class SharedRosterLdapOptions(Options, tier="C"):
    """``[modules.mod_shared_roster_ldap]``."""

    pool_tag: PoolTag = option("default", help="LDAP pool.")
    base: str | None = option(None, help="Search base.")
    deref: Literal["never", "always", "finding", "searching"] = option("never", help="Alias dereferencing.")
    filter: str = option("", help="Extra filter.")
    groupattr: str = option("cn", help="LDAP setting.")
    groupdesc: str | None = option(None, computed="groupattr", help="LDAP setting.")
    userdesc: str = option("cn", help="LDAP setting.")
    useruid: str = option("cn", help="LDAP setting.")
    memberattr: str = option("memberUid", help="LDAP setting.")
    memberattr_format: str = option("%u", help="LDAP setting.")
    memberattr_format_re: str = option("", help="LDAP setting.")
    rfilter: str = option("", help="LDAP setting.")
    gfilter: str = option("", help="LDAP setting.")
    ufilter: str = option("", help="LDAP setting.")
    auth_check: bool = option(True, help="LDAP setting.")
    user_cache_validity: int = option(300, minimum=1, help="LDAP setting.")
    group_cache_validity: int = option(300, minimum=1, help="LDAP setting.")
    user_cache_size: int = option(1000, minimum=1, help="LDAP setting.")
    group_cache_size: int = option(1000, minimum=1, help="LDAP setting.")
