"""The session table: who is online, by account and resource. It does not tell who feeds it."""

from __future__ import annotations

from collections.abc import Iterator

from mim.session.session import Session
from mim.xmpp.jid import JID


class SessionTable:
    """Sessions by bare JID, in the order they were bound."""

    def __init__(self) -> None:
        self._by_account: dict[JID, dict[str, Session]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Session]:
        for sessions in list(self._by_account.values()):
            yield from list(sessions.values())

    def add(self, session: Session) -> None:
        """Enter a session; its full JID must be free."""
        sessions = self._by_account.setdefault(session.account, {})
        assert session.jid.resource not in sessions
        sessions[session.jid.resource] = session
        self._count += 1

    def remove(self, session: Session) -> bool:
        """Take a session out; tell whether it was in."""
        sessions = self._by_account.get(session.account)
        if sessions is None or sessions.get(session.jid.resource) is not session:
            return False
        del sessions[session.jid.resource]
        self._count -= 1
        if not sessions:
            del self._by_account[session.account]
        return True

    def find(self, jid: JID) -> Session | None:
        """Return the session of a full JID, or None."""
        sessions = self._by_account.get(jid.bare)
        return None if sessions is None else sessions.get(jid.resource)

    def of(self, account: JID) -> list[Session]:
        """Return all sessions of a bare JID, oldest first."""
        sessions = self._by_account.get(account)
        return [] if sessions is None else list(sessions.values())

    def available(self, account: JID) -> list[Session]:
        """Return the available sessions of a bare JID."""
        sessions = self._by_account.get(account)
        return [] if sessions is None else [session for session in sessions.values() if session.presence is not None]

    def receivers(self, account: JID) -> list[Session]:
        """Return the sessions a message to the bare JID goes to: all of the highest priority >= 0."""
        sessions = self._by_account.get(account)
        if sessions is None:
            return []
        best: list[Session] = []
        top = 0
        for session in sessions.values():
            if session.presence is None or session.priority < top:
                continue
            if session.priority > top:
                best = []
                top = session.priority
            best.append(session)
        return best

    def has(self, account: JID) -> bool:
        """Tell whether the account has any session."""
        return account in self._by_account

    def of_domain(self, domain: str) -> list[Session]:
        """Return all sessions of a domain."""
        return [session for session in self if session.account.domain == domain]
