"""Stream management (XEP-0198): both sides count stanzas, and a client that was cut off goes on with its session.

The server's ``<a/>`` promises that what the acknowledged stanzas have stored is on disk. What the client has not
acknowledged when its session ends goes to the account's other sessions or to the offline store.
"""

from __future__ import annotations

from mim.errors import MimError
from mim.plugin import (
    Element,
    Module,
    Session,
    Stanza,
    Stream,
    StreamError,
    Timer,
    Xep,
    element,
    hookimpl,
    new_id,
    nonza_handler,
)
from mim.xmpp import ns
from mim_plugins.mod_stream_management.incoming import Incoming
from mim_plugins.mod_stream_management.options import StreamManagementOptions
from mim_plugins.mod_stream_management.outgoing import MODULO, Delivery, Outgoing, TooManyAcknowledged
from mim_plugins.mod_stream_management.stale import Stale

SM = ns.STREAM_MANAGEMENT
_KEY = "mod_stream_management"
OVERFLOW_SECONDS = 5.0
"""How long a client may have more unacknowledged stanzas than ``buffer_max``."""


class Managed:
    """One session under stream management."""

    def __init__(self, session: Session, outgoing: Outgoing, resume_id: str) -> None:
        self.session = session
        self.outgoing = outgoing
        self.incoming = Incoming(session)
        self.resume_id = resume_id
        """Empty when the session cannot be resumed."""
        self.expiry: Timer | None = None
        self.overflow: Timer | None = None

    def cancel_timers(self) -> None:
        """Stop waiting for anything."""
        for timer in (self.expiry, self.overflow):
            if timer is not None:
                timer.cancel()
        self.expiry = self.overflow = None


class ModStreamManagement(Module[StreamManagementOptions]):
    """Acknowledgements and resumption."""

    Options = StreamManagementOptions
    # Stops before the offline store does: what waits for clients must have a place to go.
    after = ("mod_offline", "mod_offline_stub")
    xeps = (Xep(198, "1.6"),)

    async def start(self) -> None:
        """Begin with no session."""
        self._resumable: dict[str, Managed] = {}
        self._stale = Stale(self.api.clock, self.options.stale_h.geriatric)
        if self.options.stale_h.enabled:
            self._clean_later()

    async def stop(self) -> None:
        """End the sessions that only this module keeps; the others go on without acknowledgements."""
        for session in self.api.sessions:
            managed = _managed(session)
            if managed is None or session.host is not self.api.host:
                continue
            managed.cancel_timers()
            if session.is_attached:
                session.remove_layer(managed.outgoing)
                del session.data[_KEY]
            else:
                self.api.session_manager.close(session)

    @hookimpl
    def stream_features(self, authenticated: bool) -> list[Element]:
        """Announce it once there can be a session."""
        return [element(SM, "sm")] if authenticated else []

    # --- enabling ---------------------------------------------------------------------------------------------

    @nonza_handler(SM, "enable")
    def enable(self, stream: Stream, node: Element) -> None:
        """Begin to count; with ``resume`` the session may outlive its connection (XEP-0198 §3)."""
        session = stream.session
        if session is None:
            _fail(stream, "unexpected-request")
            return
        if _managed(session) is not None:
            _fail(stream, "unexpected-request")
            stream.close()
            return
        resume_id = new_id() if self.options.buffer and node.get("resume") in ("true", "1") else ""
        managed = session.data[_KEY] = Managed(session, self._outgoing(session), resume_id)
        attributes = {}
        if resume_id:
            self._resumable[resume_id] = managed
            attributes = {"id": resume_id, "resume": "true"}
        stream.send_nonza(Element(SM, "enabled", attributes))
        session.add_layer(managed.outgoing)

    def _outgoing(self, session: Session) -> Outgoing:
        options = self.options
        return Outgoing(
            clock=self.api.clock,
            domain=session.account.domain,
            keeps=options.buffer,
            limit=None if options.buffer_max == "infinity" else options.buffer_max,
            ask_every=options.ack_freq if options.ack else 0,
            on_overflow=lambda: self._overflows(session),
        )

    @nonza_handler("*", "enable")
    @nonza_handler("*", "r")
    @nonza_handler("*", "a")
    def refuse(self, stream: Stream, node: Element) -> None:
        """There is no other version of the protocol here."""
        raise StreamError("invalid-namespace")

    @nonza_handler("*", "resume")
    def ignore(self, stream: Stream, node: Element) -> None:
        """Nothing can be resumed by another version."""

    # --- the client's stanzas ---------------------------------------------------------------------------------

    @hookimpl(tryfirst=True)
    def filter_sent(self, stanza: Stanza, session: Session | None) -> Stanza:
        """Remember what must be on disk before a stanza is acknowledged."""
        if session is not None:
            managed = _managed(session)
            if managed is not None:
                managed.incoming.note(stanza.trail)
        return stanza

    @nonza_handler(SM, "r")
    def answer(self, stream: Stream, node: Element) -> None:
        """Acknowledge what has come, when what it stores is stored (XEP-0198 §4)."""
        managed = None if stream.session is None else _managed(stream.session)
        if managed is not None and managed.incoming.ask(lambda handled: stream.send_nonza(_ack(handled))):
            self.api.spawn(self._answer_later(managed))

    async def _answer_later(self, managed: Managed) -> None:
        try:
            await managed.incoming.answer()
        except MimError:
            # To acknowledge would be a lie, and not to is what the client cannot tell from slowness.
            error = StreamError("internal-server-error", "a stanza could not be stored")
            self.api.session_manager.close(managed.session, error)

    # --- stanzas to the client --------------------------------------------------------------------------------

    @nonza_handler(SM, "a")
    def acknowledged(self, stream: Stream, node: Element) -> None:
        """Forget what the client has (XEP-0198 §4)."""
        managed = None if stream.session is None else _managed(stream.session)
        if managed is None:
            return
        handled = _read_h(node)
        if handled is None:
            raise StreamError("policy-violation", "Invalid h attribute")
        try:
            managed.outgoing.acknowledge(handled)
        except TooManyAcknowledged:
            raise _too_high(handled, managed.outgoing) from None
        if managed.overflow is not None and not managed.outgoing.is_over_limit:
            managed.overflow.cancel()
            managed.overflow = None

    @hookimpl
    def message_delivered(self, stanza: Stanza, account: object, sessions: list[Session]) -> None:
        """Note which messages more than one client has been sent: one that took it is enough."""
        if len(sessions) < 2:
            return
        delivery, text = Delivery(), stanza.to_text()
        for session in sessions:
            managed = _managed(session)
            if managed is None:
                delivery.is_taken = True
            else:
                managed.outgoing.share_last(text, delivery)

    def _overflows(self, session: Session) -> None:
        managed = _managed(session)
        if managed is not None and managed.overflow is None:
            managed.overflow = self.api.call_later(OVERFLOW_SECONDS, lambda: self._judge(managed))

    def _judge(self, managed: Managed) -> None:
        managed.overflow = None
        if managed.outgoing.is_over_limit:
            error = StreamError("resource-constraint", "too many unacked stanzas")
            self.api.session_manager.close(managed.session, error)

    # --- loss and return --------------------------------------------------------------------------------------

    @hookimpl
    def connection_lost(self, session: Session) -> bool:
        """Keep a session whose client may come back for it."""
        managed = _managed(session)
        if managed is None or not managed.resume_id:
            return False
        managed.expiry = self.api.call_later(
            self.options.resume_timeout, lambda: self.api.session_manager.close(session)
        )
        return True

    @hookimpl
    def session_closed(self, session: Session) -> None:
        """The session is over and cannot be resumed."""
        managed = session.data.pop(_KEY, None)
        if managed is None:
            return
        managed.cancel_timers()
        if managed.resume_id:
            del self._resumable[managed.resume_id]
            if self.options.stale_h.enabled:
                self._stale.add(managed.resume_id, session.account, managed.incoming)

    @nonza_handler(SM, "resume")
    async def resume(self, stream: Stream, node: Element) -> None:
        """Let a client go on with its session: what it has not acknowledged comes again, in order (XEP-0198 §5)."""
        if stream.account is None or stream.session is not None:
            _fail(stream, "unexpected-request")
            return
        handled = _read_h(node)
        if handled is None:
            _fail(stream, "bad-request")
            return
        managed = self._find(stream, node.get("previd"))
        try:
            if managed is not None:
                await managed.incoming.settled()
                managed = self._find(stream, managed.resume_id)  # it may have ended meanwhile
        except MimError:
            managed = None
        if managed is None:
            await self._refuse_resumption(stream, node.get("previd"))
        else:
            self._resume(stream, managed, handled)

    def _find(self, stream: Stream, resume_id: str) -> Managed | None:
        managed = self._resumable.get(resume_id)
        return managed if managed is not None and managed.session.account == stream.account else None

    async def _refuse_resumption(self, stream: Stream, resume_id: str) -> None:
        attributes = {}
        assert stream.account is not None
        incoming = self._stale.find(resume_id, stream.account)
        if incoming is not None:
            attributes["h"] = str(await incoming.kept_count())
        _fail(stream, "item-not-found", attributes)

    def _resume(self, stream: Stream, managed: Managed, handled: int) -> None:
        outgoing = managed.outgoing
        try:
            outgoing.acknowledge(handled)
        except TooManyAcknowledged:
            error = _too_high(handled, outgoing)
            self.api.session_manager.close(managed.session)
            raise error from None
        managed.cancel_timers()
        attributes = {"previd": managed.resume_id, "h": str(managed.incoming.handled)}
        stream.send_nonza(Element(SM, "resumed", attributes))
        outgoing.send_again(stream)
        self.api.session_manager.resume(managed.session, stream)
        if outgoing.is_over_limit:
            self._overflows(managed.session)

    def _clean_later(self) -> None:
        def clean() -> None:
            self._stale.clean()
            self._clean_later()

        self.api.call_later(self.options.stale_h.repeat_after, clean)


def _managed(session: Session) -> Managed | None:
    return session.data.get(_KEY)


def _ack(handled: int) -> Element:
    return element(SM, "a", h=str(handled))


def _fail(stream: Stream, condition: str, attributes: dict[str, str] | None = None) -> None:
    stream.send_nonza(Element(SM, "failed", attributes, [element(ns.STANZA_ERRORS, condition)]))


def _read_h(node: Element) -> int | None:
    text = node.get("h")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    handled = int(text)
    return handled if handled < MODULO else None


def _too_high(handled: int, outgoing: Outgoing) -> StreamError:
    details = Element(
        SM, "handled-count-too-high", {"h": str(handled), "send-count": str(outgoing.acknowledged_count)}
    )
    return StreamError(
        "undefined-condition", "You acknowledged more stanzas that what has been sent", extra=details
    )


setup = ModStreamManagement
