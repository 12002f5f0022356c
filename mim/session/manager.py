"""Sessions opened and closed: conflicts, limits, hooks, the last presence."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from mim.clock import Clock
from mim.hooks import notify, owner_of
from mim.host import Host
from mim.router import Router
from mim.session.connection import Connection, NoConnection, Stream
from mim.session.session import Session
from mim.session.table import SessionTable
from mim.session.undelivered import route_undelivered
from mim.xmpp.conditions import StreamError
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza

log = logging.getLogger("mim.session")

REPLACED = "Replaced by new connection"
RESUMED = "Resumed by new connection"
DEFAULT_MAX_SESSIONS = 100


class SessionManager:
    """Opens and closes sessions; the only writer of the session table."""

    def __init__(self, sessions: SessionTable, router: Router, clock: Clock) -> None:
        self._sessions = sessions
        self._router = router
        self._clock = clock
        self.last_session_ended: Callable[[JID, Host], Coroutine[Any, Any, None] | None] | None = None
        """Told when an account has no session any more; returns the work that follows from it."""

    def is_online(self, account: JID) -> bool:
        """Tell whether an account has a session."""
        return self._sessions.has(account)

    async def open(self, host: Host, account: JID, resource: str, connection: Connection, lang: str) -> Session:
        """Bind a resource (prepared; empty = make one up) and return its session.

        A session with the same full JID is replaced, and so is the oldest when the account has too many.

        Raises:
            Exception: a module could not load what the session needs; nothing was opened.
        """
        jid = account.with_resource(resource or secrets.token_hex(8))
        session = Session(jid, host, connection, self._clock.now(), lang)
        for load in host.hooks.session_opening:
            loading = load(session)
            if inspect.isawaitable(loading):
                await loading
        old = self._sessions.find(jid)
        if old is not None:
            self.close(old, StreamError("conflict", REPLACED), status=REPLACED)
        others = self._sessions.of(account)
        for oldest in others[: max(0, len(others) - self._max_sessions(host, account) + 1)]:
            self.close(oldest, StreamError("conflict", REPLACED), status=REPLACED)
        self._sessions.add(session)
        notify(host.hooks.session_opened, session)
        log.info(
            "session opened",
            extra={"jid": str(jid), "listener": connection.listener, "address": connection.peer_address},
        )
        return session

    def close(self, session: Session, error: StreamError | None = None, *, status: str = "") -> None:
        """End a session: out of the table, stream error to the client, unavailable presence to whom it concerns.

        *status* is the text of that presence. Closing twice does nothing.
        """
        if session.is_over:
            return
        session.is_over = True
        self._sessions.remove(session)
        session.connection.end(error)
        self._router.presences.unavailable(session, status=status)
        undelivered = [stanza for layer in reversed(session.layers) for stanza in layer.undelivered()]
        route_undelivered(self._router, session.account.domain, undelivered)
        notify(session.host.hooks.session_closed, session)
        if self.last_session_ended is not None and not self._sessions.has(session.account):
            work = self.last_session_ended(session.account, session.host)
            if work is not None:
                self._router.spawn(work)
        log.info(
            "session closed", extra={"jid": str(session.jid), "reason": "" if error is None else error.condition}
        )

    def connection_lost(self, session: Session) -> None:
        """The connection broke before the client ended its stream: a module may keep the session for its return."""
        if session.is_over:
            return
        session.attach(NoConnection(session.stream, self._clock))
        for question in session.host.hooks.connection_lost:
            try:
                is_kept = question(session)
            except Exception:
                log.exception("hook failed", extra={"plugin": owner_of(question)})
                continue
            if is_kept:
                log.info("session waits for its client", extra={"jid": str(session.jid)})
                return
        self.close(session)

    def resume(self, session: Session, stream: Stream) -> None:
        """Let a client that came back go on with its session; a connection it still has is ended."""
        old = session.stream
        session.attach(stream)
        stream.adopt(session)
        old.end(StreamError("conflict", RESUMED))
        notify(session.host.hooks.session_resumed, session)
        log.info(
            "session resumed",
            extra={"jid": str(session.jid), "listener": stream.listener, "address": stream.peer_address},
        )
        if stream.has_ended:  # it was lost, too, before it got so far
            self.connection_lost(session)

    def close_account(self, account: JID, error: StreamError) -> None:
        """End every session of an account."""
        for session in self._sessions.of(account):
            self.close(session, error)

    def client_left(self, session: Session, farewell: Stanza | None = None) -> None:
        """The client ended its stream."""
        if farewell is not None and not session.is_over:
            self._router.presences.unavailable(session, farewell)
        self.close(session)

    def _max_sessions(self, host: Host, account: JID) -> int:
        value = host.config.access_value("max_user_sessions", account)
        if value == "infinity":
            return len(self._sessions) + 1
        return value if isinstance(value, int) and value > 0 else DEFAULT_MAX_SESSIONS
