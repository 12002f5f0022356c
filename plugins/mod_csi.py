"""Client state indication (XEP-0352): while nobody looks at a client, stanzas for it wait and go out together.

Everything waits alike and keeps its order, until more waits than ``buffer_max``, the client becomes active, or an IQ
comes: behind one somebody waits, often the client itself. What waits when the session ends is not lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from mim.config import Infinity, Options
from mim.plugin import (
    Clock,
    ConnectionLayer,
    Element,
    Module,
    Session,
    Stream,
    Undelivered,
    Xep,
    element,
    hookimpl,
    nonza_handler,
    option,
)
from mim.xmpp import ns

_KEY = "mod_csi"


class CsiOptions(Options):
    """``[modules.mod_csi]``."""

    buffer_max: int | Infinity = option(
        20, minimum=0, unit="stanzas", help="How many wait for an inactive client; one more lets all go."
    )


class Waiting(ConnectionLayer):
    """The stanzas that wait for one inactive client."""

    level = 10  # above stream management: what waits here has not been sent
    __slots__ = ("_clock", "_limit", "_stanzas")

    def __init__(self, clock: Clock, limit: int | None) -> None:
        self._clock = clock
        self._limit = limit
        self._stanzas: deque[Undelivered] = deque()

    def send_text(self, text: str) -> None:
        """Let a stanza wait."""
        self._stanzas.append(Undelivered(text, self._clock.now_us()))
        if text.startswith("<iq") or (self._limit is not None and len(self._stanzas) > self._limit):
            self.flush()

    def flush(self) -> None:
        """Let everything go, in order."""
        while self._stanzas:
            self.inner.send_text(self._stanzas.popleft().text)

    async def drain(self) -> bool:
        """Let everything go, and return when it has left the server."""
        self.flush()
        return await super().drain()

    def undelivered(self) -> Iterable[Undelivered]:
        """Return what still waits."""
        return list(self._stanzas)


class ModCsi(Module[CsiOptions]):
    """Holds stanzas back for clients that say they are inactive."""

    Options = CsiOptions
    xeps = (Xep(352, "1.0.0"),)

    async def stop(self) -> None:
        """Let everything go."""
        for session in self.api.sessions:
            if session.host is self.api.host:
                self._activate(session)

    @hookimpl
    def stream_features(self, authenticated: bool) -> list[Element]:
        """Announce it once there can be a session."""
        return [element(ns.CSI, "csi")] if authenticated else []

    @nonza_handler(ns.CSI, "inactive")
    def inactive(self, stream: Stream, node: Element) -> None:
        """From now on stanzas wait."""
        session = stream.session
        if session is None or _KEY in session.data:
            return
        limit = self.options.buffer_max
        layer = session.data[_KEY] = Waiting(self.api.clock, None if limit == "infinity" else limit)
        session.add_layer(layer)

    @nonza_handler(ns.CSI, "active")
    def active(self, stream: Stream, node: Element) -> None:
        """What waits goes out, and nothing waits any more."""
        if stream.session is not None:
            self._activate(stream.session)

    @hookimpl
    def session_resumed(self, session: Session) -> None:
        """A client that came back is active until it says otherwise (XEP-0352 §5)."""
        self._activate(session)

    @staticmethod
    def _activate(session: Session) -> None:
        layer = session.data.pop(_KEY, None)
        if layer is not None:
            session.remove_layer(layer)
            layer.flush()


setup = ModCsi
