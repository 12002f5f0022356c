"""What lies between a session and its client: the stream, layers of modules over it, or nothing for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from mim.clock import Clock
from mim.xmpp.conditions import StreamError
from mim.xmpp.element import Element
from mim.xmpp.jid import JID

if TYPE_CHECKING:
    from mim.host import Host
    from mim.session.session import Session


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
        """Queue one stanza's XML for the client; never blocks, and does nothing once the stream has ended."""
        ...

    async def drain(self) -> bool:
        """Return when all text queued so far has left the server; False when the connection was lost before."""
        ...

    def end(self, error: StreamError | None) -> None:
        """Write the stream error (if any) and the end of the stream, and close. The session is over already."""
        ...


class Stream(Connection, Protocol):
    """A client's stream, as handlers of elements that are no stanzas see it (see ``mim.plugin.nonza_handler``)."""

    @property
    def host(self) -> Host | None:
        """The host the client named; None before its stream header."""
        ...

    @property
    def account(self) -> JID | None:
        """The account the client has authenticated as; None before that."""
        ...

    @property
    def session(self) -> Session | None:
        """The session that is bound to this stream; None before that."""
        ...

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing can be sent any more."""
        ...

    def send_nonza(self, node: Element) -> None:
        """Send an element that is no stanza; it passes the layers by."""
        ...

    def close(self) -> None:
        """End the stream, and the session with it, as if the client had asked for it."""
        ...

    def adopt(self, session: Session) -> None:
        """Serve a session that exists already, in place of binding one; see ``SessionManager.resume``."""
        ...


class Undelivered(NamedTuple):
    """A stanza for a client that it may never have seen: its XML, when it came (microseconds since 1970)."""

    text: str
    arrived_us: int


class NoConnection:
    """In the place of a stream that is lost while its session waits for the client's return."""

    def __init__(self, lost: Connection, clock: Clock) -> None:
        self.peer_address = lost.peer_address
        self.listener = lost.listener
        self.is_encrypted = lost.is_encrypted
        self._clock = clock

    @property
    def last_input_at(self) -> float:
        """Now: nobody can be asked for a sign of life."""
        return self._clock.monotonic()

    def send_text(self, text: str) -> None:
        """Nobody is there; a layer above has kept it."""

    async def drain(self) -> bool:
        """Return at once: what was sent is with the layers, which answer for it."""
        return True

    def end(self, error: StreamError | None) -> None:
        """Nobody is there."""


class ConnectionLayer:
    """A module's place between a session and its stream: every stanza to the client passes :meth:`send_text`.

    Derive, override what is needed, hand it to ``session.add_layer``. Of two layers the one of the higher level is
    nearer to the session.
    """

    level: ClassVar[int] = 0

    __slots__ = ("inner",)

    inner: Connection
    """What is nearer to the client."""

    @property
    def peer_address(self) -> str:
        """The client's IP address as text."""
        return self.inner.peer_address

    @property
    def listener(self) -> str:
        """The listener's name in logs."""
        return self.inner.listener

    @property
    def is_encrypted(self) -> bool:
        """Tell whether TLS is on."""
        return self.inner.is_encrypted

    @property
    def last_input_at(self) -> float:
        """When the client last sent anything."""
        return self.inner.last_input_at

    @property
    def is_attached(self) -> bool:
        """Tell whether there is a stream; False while the session waits for the client's return."""
        inner = self.inner
        return inner.is_attached if isinstance(inner, ConnectionLayer) else not isinstance(inner, NoConnection)

    def send_text(self, text: str) -> None:
        """Pass one stanza's XML on."""
        self.inner.send_text(text)

    async def drain(self) -> bool:
        """Return when all text queued so far has left the server."""
        return await self.inner.drain()

    def end(self, error: StreamError | None) -> None:
        """End the stream."""
        self.inner.end(error)

    def undelivered(self) -> Iterable[Undelivered]:
        """Return what this layer holds that the client may never have seen; asked once, when the session has ended."""
        return ()
