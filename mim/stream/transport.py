"""What a stream needs of the bytes below it, and what it is told about the server around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mim.clock import Clock

if TYPE_CHECKING:
    from mim.accounts import Accounts
    from mim.host import Hosts
    from mim.server import Server
    from mim.session.inbound import Inbound
    from mim.session.manager import SessionManager


class StreamTransport(Protocol):
    """The connection below a stream."""

    peer_address: str
    is_encrypted: bool

    def write_text(self, text: str) -> None:
        """Queue text for the peer; written once per turn of the loop."""
        ...

    async def drain(self) -> bool:
        """Return when everything queued is written; False when the connection was lost before."""
        ...

    def close(self) -> None:
        """Write what is queued and close."""
        ...

    def pause(self, paused: bool) -> None:
        """Stop or go on reading."""
        ...

    def limit_rate(self, bytes_per_second: int | None) -> None:
        """Read no more than this from now on, None = as much as comes."""
        ...

    def start_compression(self, max_chunk: int) -> None:
        """Compress both ways from here on (XEP-0138); what is queued still goes as it is."""
        ...

    async def start_tls(self, domain: str) -> None:
        """Do the TLS handshake with the certificate of *domain*; raise OSError when it fails."""
        ...

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Return the channel bindings of the TLS connection by name (RFC 5056); empty without TLS."""
        ...


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What the listener's options and the general ones mean for its streams. Sizes in bytes."""

    listener: str
    access: str = "all"
    max_stanza_bytes: int | None = None
    tls_mode: str = ""
    """Empty (none), "tls", "starttls" or "starttls_required"."""
    default_domain: str = "localhost"
    hide_service_name: bool = False
    shaper: str = "none"
    """Access rule that gives the shaper."""
    allowed_methods: frozenset[str] | None = None
    """Authentication methods that may log in here, None = all of the host."""
    max_inflated_bytes: int | None = None
    """What is read at once may become this much when it is decompressed, None = no compression is offered."""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class StreamServices:
    """The parts of the server a stream works with."""

    hosts: Hosts
    accounts: Accounts
    session_manager: SessionManager
    inbound: Inbound
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def of(cls, server: Server) -> StreamServices:
        """Return those of a server."""
        return cls(server.hosts, server.accounts, server.session_manager, server.inbound, server.clock)
