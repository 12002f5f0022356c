"""How options are declared: typed, bounded, documented in one place.

A section is a class derived from :class:`Options`; each option is one line that is type, default, bounds and manual::

    class Options(Options):
        history_size: int = option(20, minimum=0, help="Messages of history kept in memory.")

TOML's types are strict: ``"5"`` is not 5, ``1`` is not ``true``, ``5.0`` is not 5.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mim.errors import InvalidJid
from mim.xmpp.jid import JID, prepare_domain, prepare_local


class Options(BaseModel):
    """The options of one table: strict types, unknown keys refused, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def option(
    default: Any = ...,
    *,
    help: str,
    tier: str = "A",
    minimum: int | None = None,
    maximum: int | None = None,
    unit: str = "",
    secret: bool = False,
) -> Any:
    """Declare an option: its default (none = required), bounds, unit, tier, and the line of manual that goes with it.

    *tier*: "A" works, "B" is accepted and will work later, "C" is accepted and has no effect. *secret*: shown as
    ``***``.
    """
    return Field(
        default,
        description=help,
        ge=minimum,
        le=maximum,
        json_schema_extra={"tier": tier, "unit": unit, "secret": secret},
    )


class Allowed:
    """What a value type allows, for error texts; the second part of an Annotated type."""

    def __init__(self, text: str) -> None:
        self.text = text


def _nonempty(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _node_prep(text: str) -> str:
    prepared = prepare_local(text)
    if not prepared:
        raise InvalidJid(text)
    return prepared


def _refusing(function: Any) -> Any:
    """Return *function* raising ValueError, which is what pydantic collects, for our own refusals."""

    def check(value: Any) -> Any:
        try:
            return function(value)
        except (InvalidJid, OSError) as error:
            raise ValueError(str(error)) from error

    return check


def _ip_address(text: str) -> str:
    if ":" in text:
        return str(ipaddress.IPv6Address(text))
    return socket.inet_ntoa(socket.inet_aton(text))  # knows the short forms "0" and "127.1"


def _ip_or_cidr(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _jid(text: str) -> str:
    return str(JID.parse(text))


def _domain(text: str) -> str:
    return prepare_domain(text)


def _host_template(text: str) -> str:
    head, at, tail = text.partition("@HOST@")
    if at:
        if tail or not head.endswith(".") or "@" in head:
            raise ValueError("@HOST@ out of place")
        prepare_domain(head + "example")
    else:
        prepare_domain(text)
    return text


def _existing_file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError("no such file")
    return text


def _access_value_or_name(text: str) -> str:
    return _nonempty(text)


NonEmpty = Annotated[str, AfterValidator(_nonempty), Allowed("must be a non-empty string")]
NodePrep = Annotated[
    str,
    AfterValidator(_refusing(_node_prep)),
    Allowed("must be a name without blanks and @ / : < > & \" '"),
]
Port = Annotated[int, Field(ge=0, le=65535), Allowed("must be a port from 0 to 65535")]
IpAddress = Annotated[str, AfterValidator(_refusing(_ip_address)), Allowed("must be an IP address")]
IpOrCidr = Annotated[str, AfterValidator(_refusing(_ip_or_cidr)), Allowed("must be an IP address or a network")]
JidText = Annotated[str, AfterValidator(_refusing(_jid)), Allowed("must be a JID")]
Domain = Annotated[str, AfterValidator(_refusing(_domain)), Allowed("must be a domain name")]
HostTemplate = Annotated[
    str,
    AfterValidator(_refusing(_host_template)),
    Allowed('must be a domain name, or one whose last label is "@HOST@"'),
]
ExistingFile = Annotated[str, AfterValidator(_existing_file), Allowed("must be a file that exists")]
AccessRuleName = Annotated[str, AfterValidator(_nonempty), Allowed("must be the name of an access rule")]
ShaperName = Annotated[str, AfterValidator(_nonempty), Allowed("must be the name of a shaper")]
Infinity = Literal["infinity"]


def expand_host(template: str, domain: str) -> str:
    """Return the name a host template stands for on a served domain."""
    return prepare_domain(template.replace("@HOST@", domain))


class IqDisc(Options):
    """``iqdisc``: how the reference schedules IQ handlers; no effect here."""

    type: Literal["no_queue", "one_queue", "parallel", "queues"] = option("one_queue", tier="C", help="No effect.")
    workers: int | None = option(None, tier="C", minimum=1, help="No effect.")


class ModuleOptions(Options):
    """The options of a module that handles IQs: what every such section may hold besides its own."""

    iqdisc: IqDisc | None = option(None, tier="C", help="No effect.")
