"""A session: one resource of an account, bound to one stream (RFC 6120 §7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mim.session.connection import Connection, ConnectionLayer, NoConnection
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from mim.host import Host


class Session:
    """One bound resource. Lives in the session table from bind until it is closed.

    ``data`` belongs to the modules, keyed by module name; it dies with the session. ``received`` counts the stanzas
    that came from the client. ``connection`` is the way to the client: the stream, under the layers of modules.
    ``gate`` tells whether a message or presence to the bare JID may come to this client, where one client of an
    account takes less than another; None = every one may.
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
        "received",
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
        self.received = 0
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

    # --- layers and streams -----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[ConnectionLayer]:
        """Return the layers, the nearest to the session first."""
        found: list[ConnectionLayer] = []
        connection = self.connection
        while isinstance(connection, ConnectionLayer):
            found.append(connection)
            connection = connection.inner
        return found

    @property
    def stream(self) -> Connection:
        """Return the stream itself, or a :class:`~mim.session.connection.NoConnection` while it is lost."""
        connection = self.connection
        while isinstance(connection, ConnectionLayer):
            connection = connection.inner
        return connection

    @property
    def is_attached(self) -> bool:
        """Tell whether there is a stream; False while the session waits for the client's return."""
        return not isinstance(self.stream, NoConnection)

    def attach(self, stream: Connection) -> None:
        """Put another stream in the place of the present one; the layers stay."""
        layers = self.layers
        if layers:
            layers[-1].inner = stream
        else:
            self.connection = stream

    def add_layer(self, layer: ConnectionLayer) -> None:
        """Put a layer between this session and its stream, at the place its level gives it."""
        above = [other for other in self.layers if other.level > layer.level]
        if above:
            layer.inner, above[-1].inner = above[-1].inner, layer
        else:
            layer.inner, self.connection = self.connection, layer

    def remove_layer(self, layer: ConnectionLayer) -> None:
        """Take a layer out; nothing happens when it is not in."""
        if self.connection is layer:
            self.connection = layer.inner
        for above in self.layers:
            if above.inner is layer:
                above.inner = layer.inner

    def __repr__(self) -> str:
        return f"<Session {self.jid} priority={self.priority} available={self.is_available}>"
