"""A session: one resource of an account, bound to one stream (RFC 6120 §7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from mim.xmpp.conditions import StreamError
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from mim.host import Host


class Connection(Protocol):
    """What a session asks of the stream it is bound to."""

    @property
    def peer_address(self) -> str:
        """The client's IP address as text."""
        ...

    @property
    def listener(self) -> str:
        """The listener's name in logs, e.g. ``c2s:5222``."""
        ...

    @property
    def is_encrypted(self) -> bool:
        """Tell whether TLS is on."""
        ...

    @property
    def last_input_at(self) -> float:
        """When the client last sent anything, blanks included, on the server's ``clock.monotonic()``."""
        ...

    def send_text(self, text: str) -> None:
        """Queue XML text for the client; never blocks, and does nothing once the stream has ended."""
        ...

    async def drain(self) -> bool:
        """Return when all text queued so far has left the server; False when the connection was lost before."""
        ...

    def end(self, error: StreamError | None) -> None:
        """Write the stream error (if any) and the end of the stream, and close. The session is over already."""
        ...


class Session:
    """One bound resource. Lives in the session table from bind until it is closed.

    ``data`` belongs to the modules, keyed by module name; it dies with the session. ``gate`` tells whether a message or
    presence to the bare JID may come to this client, where one client of an account takes less than another; None =
    every one may.
    """

    __slots__ = (
        "_held",
        "account",
        "connection",
        "created_at",
        "data",
        "directed",
        "gate",
        "host",
        "is_invisible",
        "is_over",
        "jid",
        "lang",
        "presence",
        "presence_at",
        "priority",
    )

    def __init__(self, jid: JID, host: Host, connection: Connection, created_at: datetime, lang: str) -> None:
        self.jid = jid
        self.account = jid.bare
        self.host = host
        self.connection = connection
        self.created_at = created_at
        self.lang = lang
        self.priority = 0
        self.presence: Stanza | None = None
        self.presence_at = created_at
        self.is_invisible = False
        self.is_over = False
        self.directed: dict[JID, None] = {}
        self.data: dict[str, Any] = {}
        self.gate: Callable[[Stanza], bool] | None = None
        self._held: list[str] | None = None

    @property
    def is_available(self) -> bool:
        """Tell whether the client has sent available presence and not taken it back."""
        return self.presence is not None

    @property
    def takes_messages(self) -> bool:
        """Tell whether messages to the bare JID may come here: available with priority >= 0 (RFC 6121 §8.5.2)."""
        return self.presence is not None and self.priority >= 0

    def send(self, stanza: Stanza) -> None:
        """Deliver a stanza to the client, after the host's ``filter_delivered`` hooks."""
        for deliver in self.host.hooks.filter_delivered:
            filtered = deliver(stanza, self)
            if filtered is None:
                return
            stanza = filtered
        self.send_text(stanza.to_text())

    def send_text(self, text: str) -> None:
        """Deliver a stanza that is serialised already."""
        if self._held is not None:
            self._held.append(text)
        else:
            self.connection.send_text(text)

    def send_ahead(self, stanza: Stanza) -> None:
        """Deliver a stanza before everything that is held back (see :meth:`hold`)."""
        self.send_text_ahead(stanza.to_text())

    def send_text_ahead(self, text: str) -> None:
        """Deliver a stanza that is serialised already before everything that is held back."""
        self.connection.send_text(text)

    async def drain(self) -> bool:
        """Return when what was sent so far has left the server; False when the session ended before.

        What was taken from a store may be deleted then, and more may be sent without piling up in memory.
        """
        return await self.connection.drain() and not self.is_over

    def hold(self) -> None:
        """Keep deliveries back, so that older stanzas from a store can go first."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Deliver what was held back, in order."""
        held, self._held = self._held, None
        for text in held or ():
            self.connection.send_text(text)

    def __repr__(self) -> str:
        return f"<Session {self.jid} priority={self.priority} available={self.is_available}>"
