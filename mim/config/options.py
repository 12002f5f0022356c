"""What options are declared with: tables, and the types of values besides TOML's own (contract/config, section 2)."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

from mim.config.kinds import Between, Condition, ModulesMark
from mim.config.tables import Options, Refusal, option
from mim.errors import InvalidJid
from mim.xmpp.jid import JID, prepare_domain, prepare_local

__all__ = [
    "AccessRuleName",
    "AclName",
    "Domain",
    "ExistingDirectory",
    "ExistingFile",
    "Glob",
    "HostName",
    "HostTemplate",
    "HttpPoolName",
    "Infinity",
    "IpAddress",
    "IpOrCidr",
    "IqDisc",
    "JidText",
    "LdapFilter",
    "ModuleName",
    "ModuleOptions",
    "ModuleTables",
    "NetworkAddress",
    "NodePrep",
    "NonEmpty",
    "Options",
    "PoolTag",
    "Port",
    "Prepared",
    "Refusal",
    "Regex",
    "ShaperName",
    "ShaperRuleName",
    "expand_host",
    "option",
]


def _nonempty(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _node_prep(text: str) -> str:
    prepared = prepare_local(text)
    if not prepared:
        raise InvalidJid(text)
    return prepared


def _node_prep_or_empty(text: str) -> str:
    return prepare_local(text) if text else text


def _ip_address(text: str) -> str:
    if ":" in text:
        return str(ipaddress.IPv6Address(text))
    if not re.fullmatch(r"[0-9a-fA-FxX.]+", text):  # inet_aton ignores what stands after a blank
        raise ValueError(text)
    return socket.inet_ntoa(socket.inet_aton(text))  # knows the short forms "0" and "127.1"


def _ip_or_cidr(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _domain(text: str) -> str:
    if "@" in text or "/" in text or not text:
        raise ValueError(text)
    return prepare_domain(text)


def _host_template(text: str) -> str:
    head, at, tail = text.partition("@HOST@")
    if not at:
        return _domain(text)
    if tail or not head.endswith(".") or "@" in head or len(head) < 2:
        raise ValueError("@HOST@ out of place")
    return _domain(head + "example").removesuffix("example") + at


def _network_address(text: str) -> str:
    try:
        return _ip_address(text)
    except (ValueError, OSError):
        return _domain(text)


def _jid(text: str) -> str:
    return str(JID.parse(text))


def _file(text: str) -> str:
    if "\0" in text or not Path(text).is_file():
        raise ValueError("no such file")
    return text


def _directory(text: str) -> str:
    if "\0" in text or not Path(text).is_dir():
        raise ValueError("no such directory")
    return text


def _glob(text: str) -> str:
    return _node_prep_or_empty(text)


def _ldap_filter(text: str) -> str:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            raise ValueError("unbalanced")
    if depth or not re.fullmatch(r"\s*\(.*\)\s*", text, re.DOTALL):
        raise ValueError("no filter")
    return text


NonEmpty = Annotated[str, Condition(_nonempty, "must be a non-empty string")]
NodePrep = Annotated[str, Condition(_node_prep, "must be a name without blanks and @ / : < > & \" '", "name")]
Prepared = Annotated[str, Condition(_node_prep_or_empty, "must be without blanks and @ / : < > & \" '", "name")]
Regex = Annotated[
    str, Condition(_node_prep_or_empty, "must be an expression without blanks and @ / : < > & \" '", "regex")
]
Glob = Annotated[str, Condition(_glob, "must be a shell pattern without blanks and @ / : < > & \" '", "glob")]
Port = Annotated[int, Between(0, 65535), Condition(lambda port: port, "must be a port, an integer from 0 to 65535")]
IpAddress = Annotated[str, Condition(_ip_address, "must be an IP address", "IP address")]
IpOrCidr = Annotated[str, Condition(_ip_or_cidr, "must be an IP address or a network", "IP or CIDR")]
Domain = Annotated[str, Condition(_domain, "must be a domain name", "domain")]
HostTemplate = Annotated[
    str,
    Condition(_host_template, 'must be a domain name, or one whose last label is "@HOST@"', "host template"),
]
NetworkAddress = Annotated[str, Condition(_network_address, "must be a name or an IP address", "name or IP")]
JidText = Annotated[str, Condition(_jid, "must be a JID", "JID")]
ExistingFile = Annotated[str, Condition(_file, "must be a file that exists", "file")]
ExistingDirectory = Annotated[str, Condition(_directory, "must be a directory that exists", "directory")]
LdapFilter = Annotated[str, Condition(_ldap_filter, "must be an LDAP filter", "LDAP filter")]

AccessRuleName = Annotated[
    str, Condition(_nonempty, "must be the name of an access rule", "access rule", "access", ("all", "none"))
]
ShaperRuleName = Annotated[
    str,
    Condition(
        _nonempty, "must be the name of an access rule that gives a shaper", "access rule", "shaper rule",
        ("all", "none"),
    ),
]  # fmt: skip
ShaperName = Annotated[str, Condition(_nonempty, "must be the name of a shaper", "shaper", "shaper", ("none",))]
AclName = Annotated[str, Condition(_nonempty, "must be the name of an acl class", "acl class", "acl", ("all", "none"))]
HttpPoolName = Annotated[
    str, Condition(_nonempty, "must be the tag of a pool of outgoing_pools.http", "HTTP pool tag", "http pool")
]
PoolTag = Annotated[str, Condition(_nonempty, "must be the tag of a pool", "pool tag")]
HostName = Annotated[str, Condition(_nonempty, "must be one of general.hosts or general.host_types", "host", "host")]
ModuleName = Annotated[str, Condition(_nonempty, "must be the name of a module", "module name", "module")]
ModuleTables = Annotated[dict[str, Any], ModulesMark()]
Infinity = Literal["infinity"]

EMBEDDED_STORE = "C -> the embedded default store"
FOREIGN_STORES = {
    "mnesia": EMBEDDED_STORE,
    **dict.fromkeys(("riak", "ldap", "cassandra", "elasticsearch"), f"{EMBEDDED_STORE}; the old data are not read"),
}
"""What values of a ``backend`` mean that name stores this server does not have (contract/config, section 1)."""


def expand_host(template: str, domain: str) -> str:
    """Return the name a host template stands for on a served domain."""
    return prepare_domain(template.replace("@HOST@", domain))


class IqDisc(Options, tier="C"):
    """``iqdisc``: how the reference schedules IQ handlers; no effect here."""

    type: Literal["no_queue", "one_queue", "parallel", "queues"] = option(help="No effect.")
    workers: int | None = option(None, minimum=1, help="No effect.")

    def refusals(self) -> Any:
        """L14: workers only with queues."""
        if self.workers is not None and self.type != "queues":
            yield Refusal("workers", 'only legal with type = "queues"')


class ModuleOptions(Options):
    """The options of a module that handles IQs: what every such section may hold besides its own."""

    iqdisc: IqDisc | None = option(None, tier="C", help="No effect.")
