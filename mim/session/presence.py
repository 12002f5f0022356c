"""Presence (RFC 6121 §4): initial, later, directed, unavailable, probes.

Who is entitled to it is the roster module's answer; without one, presence stays among the account's own resources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mim.capabilities import RosterView
from mim.clock import Clock, format_stamp
from mim.hooks import joined, notify, notify_async
from mim.host import Host
from mim.session.session import Session
from mim.session.table import SessionTable
from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza

MAX_DIRECTED = 1000


class Presences:
    """Broadcasts of sessions' presence and answers to probes."""

    def __init__(
        self,
        sessions: SessionTable,
        route: Callable[[Stanza], None],
        fan_out: Callable[[Stanza, Iterable[JID]], None],
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._route = route
        self._fan_out = fan_out

    async def client_presence(self, session: Session, stanza: Stanza) -> None:
        """Handle presence without a ``to`` from a client: available, unavailable or invisible."""
        kind = stanza.type
        if kind == "":
            await self._available(session, stanza)
        elif kind == "unavailable":
            self.unavailable(session, stanza)
        elif kind == "invisible":
            await self._invisible(session, stanza)
        else:
            raise StanzaError("bad-request", f"presence of type {kind!r} needs an addressee")

    def directed(self, session: Session, stanza: Stanza) -> None:
        """Route presence with a ``to`` and remember whom it made aware of this session (RFC 6121 §4.6)."""
        to = stanza.to_jid
        if stanza.type == "":
            if to not in session.directed and len(session.directed) >= MAX_DIRECTED:
                raise StanzaError("resource-constraint", "too many addressees of directed presence")
            session.directed[to] = None
        elif stanza.type == "unavailable":
            session.directed.pop(to, None)
        self._route(stanza)

    async def _available(self, session: Session, stanza: Stanza) -> None:
        priority = read_priority(stanza)
        first = session.presence is None or session.is_invisible
        was_ready = session.takes_messages
        previous = session.presence
        session.priority = priority
        session.presence = stanza
        session.presence_at = self._clock.now()
        session.is_invisible = False
        if priority >= 0 and not was_ready:
            session.hold()
            try:
                await notify_async(session.host.hooks.session_ready, session)
                if session.is_over:
                    return
                self._broadcast(session, stanza, ahead=True)
                if first:
                    self._initial(session)
            finally:
                session.release()
        else:
            self._broadcast(session, stanza)
            if first:
                self._initial(session)
        notify(session.host.hooks.presence_changed, session, previous, stanza)

    async def _invisible(self, session: Session, stanza: Stanza) -> None:
        """XEP-0018-like: contacts see unavailable, messages and contacts' presence still come."""
        priority = read_priority(stanza)
        first = session.presence is None
        was_ready = session.takes_messages
        if session.presence is not None and not session.is_invisible:
            gone = Stanza("presence", {"type": "unavailable"}, sender=session.jid)
            self._to_watchers(session, gone)
        session.priority = priority
        session.presence = Stanza("presence", {}, [], sender=session.jid)
        session.presence_at = self._clock.now()
        session.is_invisible = True
        if session.takes_messages and not was_ready:
            session.hold()
            try:
                await notify_async(session.host.hooks.session_ready, session)
            finally:
                session.release()
        if first and not session.is_over:
            self._initial(session)

    def unavailable(self, session: Session, stanza: Stanza | None = None, status: str = "") -> None:
        """Broadcast that a session is not available any more: by its own presence, or because it ended."""
        previous = session.presence
        gone = stanza or Stanza(
            "presence",
            {"type": "unavailable"},
            [element(ns.CLIENT, "status", status)] if status else [],
            sender=session.jid,
        )
        session.presence = None
        session.priority = 0
        if previous is not None:
            own = [other for other in self._sessions.available(session.account) if other is not session]
            for other in own:
                other.send(gone.replace(to=other.jid))
            if stanza is not None:
                session.send(gone.replace(to=session.jid))
            if not session.is_invisible:
                self._to_watchers(session, gone)
        was_seen = previous is not None and not session.is_invisible
        for addressee in session.directed:
            if not (was_seen and self._hears_broadcasts(session, addressee)):
                self._send(session, gone.replace(to=addressee))
        session.directed.clear()
        session.is_invisible = False
        if previous is not None:
            notify(session.host.hooks.presence_changed, session, previous, gone)

    def answer_probe(self, target: JID, viewer: JID, host: Host) -> None:
        """Answer a probe with the presence of the target's available sessions, of all for a bare JID.

        Whoever is not entitled to it gets no answer (RFC 6121 §4.3.2).
        """
        account = target.bare
        if self._sessions.has(account) and self._is_entitled(account, viewer.bare, host):
            self.send_current(target, viewer)

    def _hears_broadcasts(self, session: Session, addressee: JID) -> bool:
        """Tell whether somebody a session sent directed presence to has just been sent the same by its broadcast."""
        if not self._is_entitled(session.account, addressee.bare, session.host):
            return False
        client = None if addressee.is_bare else self._sessions.find(addressee)
        return client is None or client.is_available

    @staticmethod
    def _is_entitled(account: JID, viewer: JID, host: Host) -> bool:
        """Tell whether a bare JID sees the broadcasts of an account that has a session."""
        if viewer == account:
            return True
        roster = host.find(RosterView)
        known = None if roster is None else roster.may_see_presence(account, viewer)
        return viewer in joined(host.hooks.presence_subscribers, account) if known is None else known

    def send_current(self, target: JID, viewer: JID) -> None:
        """Send the last presence of each available session of *target* to *viewer*, with the time of it."""
        for session in self._seen_of(target.bare):
            if session.jid != viewer and (target.is_bare or session.jid == target):
                self._send(session, _stamped(session).replace(to=viewer))

    def send_available(self, account: JID, contact: JID) -> None:
        """Send each available session's presence to a contact who may now see it."""
        for session in self._seen_of(account) if contact != account else ():
            assert session.presence is not None
            self._send(session, session.presence.replace(to=contact))

    def send_unavailable(self, account: JID, contact: JID) -> None:
        """Send unavailable presence of each available session to a contact who may no longer see it."""
        for session in self._seen_of(account) if contact != account else ():
            self._send(session, Stanza("presence", {"type": "unavailable"}, sender=session.jid, to=contact))

    def _seen_of(self, account: JID) -> list[Session]:
        """Return the sessions whose presence others may see."""
        return [session for session in self._sessions.available(account) if not session.is_invisible]

    def _broadcast(self, session: Session, stanza: Stanza, ahead: bool = False) -> None:
        """To the own available resources, this one included, and to the subscribers."""
        for other in self._sessions.available(session.account):
            copy = stanza.replace(to=other.jid)
            if ahead and other is session:
                other.send_ahead(copy)
            else:
                other.send(copy)
        self._to_watchers(session, stanza)

    def _to_watchers(self, session: Session, stanza: Stanza) -> None:
        watchers = joined(session.host.hooks.presence_subscribers, session.account)
        told = [watcher for watcher in watchers if watcher != session.account]
        if session.host.hooks.filter_broadcast:
            told = [watcher for watcher in told if self._is_let_through(session, stanza.replace(to=watcher))]
        self._fan_out(stanza, told)

    def _initial(self, session: Session) -> None:
        """Fetch the presence of own other resources and of the contacts this account is subscribed to."""
        self.send_current(session.account, session.jid)
        for contact in joined(session.host.hooks.presence_subscriptions, session.account):
            if contact != session.account:
                self._send(session, Stanza("presence", {"type": "probe"}, sender=session.jid, to=contact))

    def _is_let_through(self, session: Session, stanza: Stanza) -> bool:
        """Tell whether a presence goes out as it is; what a filter has made of it instead is sent from here."""
        filtered = self._filtered(session, stanza)
        if filtered is not None and filtered is not stanza:
            self._route(filtered)
        return filtered is stanza

    def _send(self, session: Session, stanza: Stanza) -> None:
        """Route a presence in the name of a session, after its host's ``filter_broadcast`` hooks."""
        filtered = self._filtered(session, stanza)
        if filtered is not None:
            self._route(filtered)

    @staticmethod
    def _filtered(session: Session, stanza: Stanza) -> Stanza | None:
        for function in session.host.hooks.filter_broadcast:
            filtered = function(stanza, session)
            if filtered is None:
                return None
            stanza = filtered
        return stanza


def _stamped(session: Session) -> Stanza:
    assert session.presence is not None
    stamp = element(ns.DELAY, "delay", from_=str(session.jid), stamp=format_stamp(session.presence_at))
    return session.presence.with_child(stamp)


def read_priority(stanza: Stanza) -> int:
    """Return the priority of a presence, 0 when it names none (RFC 6121 §4.7.2.3).

    Raises:
        StanzaError: not an integer from -128 to 127.
    """
    text = stanza.child_text(ns.CLIENT, "priority")
    if text is None:
        return 0
    try:
        priority = int(text.strip() or "0")
    except ValueError:
        raise StanzaError("bad-request", "the priority is an integer") from None
    if not -128 <= priority <= 127:
        raise StanzaError("bad-request", "the priority is an integer from -128 to 127")
    return priority
