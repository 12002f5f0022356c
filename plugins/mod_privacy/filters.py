"""What privacy lists let through: on the path of every stanza, from memory.

The lists of an account that has a session are in memory. A stanza to another account waits, in order with the next
ones, until its lists are read; so do stanzas that only its roster can judge.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from mim.capabilities import Relation, RosterView
from mim.errors import MimError
from mim.plugin import JID, ModuleApi, Session, Stanza, StanzaError, element
from mim.xmpp import ns

from .cache import ListCache
from .rules import PRESENCE_IN, Item, PrivacyList, incoming_kind, outgoing_kind
from .store import AccountLists

BLOCKING = "blocking"
"""The list that holds the addresses blocked by XEP-0191."""

_NO_RELATION = Relation()


class SessionState:
    """What a session keeps: its account's lists, which it shares with the others, and which of them is active."""

    __slots__ = ("active", "lists")

    def __init__(self, lists: AccountLists) -> None:
        self.lists = lists
        self.active = ""


class Filters:
    """Judges stanzas by the lists in force."""

    def __init__(self, api: ModuleApi, cache: ListCache) -> None:
        self._api = api
        self._cache = cache
        self._held: dict[JID, deque[tuple[Stanza, asyncio.Future[None]]]] = {}
        self._passing: Stanza | None = None

    # --- lists ------------------------------------------------------------------------------------------------

    def list_of(self, session: Session) -> PrivacyList | None:
        """Return the list that is in force for a session: its active one, or else the default."""
        state: SessionState | None = session.data.get(self._api.name)
        return None if state is None else state.lists.lists.get(state.active or state.lists.default)

    def active_of(self, session: Session) -> str:
        """Return the name of a session's active list, empty when it has none."""
        state: SessionState | None = session.data.get(self._api.name)
        return "" if state is None else state.active

    def set_active(self, session: Session, name: str) -> None:
        """Give a session another active list; empty = none."""
        state: SessionState = session.data[self._api.name]
        state.active = name
        self.refresh_gates(session.account)

    def refresh_gates(self, account: JID) -> None:
        """Judge stanzas to the bare JID once per session if the sessions do not all have the default list."""
        sessions = self._api.sessions.of(account)
        apart = any(self.active_of(session) for session in sessions)
        for session in sessions:
            session.gate = self._gate_of(session) if apart else None

    def _gate_of(self, session: Session) -> Callable[[Stanza], bool]:
        account = session.account

        def lets_in(stanza: Stanza) -> bool:
            if _always_passes(stanza, account, stanza.from_jid):
                return True
            return self._denying(self.list_of(session), stanza, account) is None

        return lets_in

    def relation(self, account: JID) -> Callable[[JID], Relation]:
        """Return what tells a contact's relation to an account whose roster is in memory."""
        roster = self._api.find(RosterView)

        def ask(contact: JID) -> Relation:
            return (roster.find_relation(account, contact) if roster is not None else None) or _NO_RELATION

        return ask

    # --- outgoing ---------------------------------------------------------------------------------------------

    def sent(self, stanza: Stanza, session: Session | None) -> Stanza:
        """Return a client's stanza if it may go out.

        Raises:
            StanzaError: not-acceptable; the client's list denies it (XEP-0016 §2.14, XEP-0191 §5.2).
        """
        if session is None or stanza.to is None or _always_passes(stanza, session.account, stanza.to):
            return stanza
        applied = self.list_of(session)
        if applied is None:
            return stanza
        item = applied.denies(outgoing_kind(stanza), stanza.to, self.relation(session.account))
        if item is None:
            return stanza
        is_block = applied.name == BLOCKING and item.is_block
        extra = element(ns.BLOCKING_ERRORS, "blocked") if is_block else None
        raise StanzaError("not-acceptable", type="cancel", extra=extra)

    def broadcast(self, stanza: Stanza, session: Session) -> Stanza | None:
        """Return a presence in a session's name if it may go out, else None."""
        if _always_passes(stanza, session.account, stanza.to_jid):
            return stanza
        applied = self.list_of(session)
        if applied is None:
            return stanza
        denied = applied.denies(outgoing_kind(stanza), stanza.to_jid, self.relation(session.account))
        return None if denied is not None else stanza

    # --- incoming ---------------------------------------------------------------------------------------------

    def received(self, stanza: Stanza, account: JID) -> Stanza | None:
        """Return a stanza to an account if it may come in, None if it is dropped or has to wait.

        Raises:
            StanzaError: service-unavailable; it is denied, and the sender is told so (XEP-0016 §2.14).
        """
        if stanza is self._passing or _always_passes(stanza, account, stanza.from_jid):
            return stanza
        lists = self._cache.find(account)
        if lists is None:
            if _concerns_sessions(stanza) and not self._api.sessions.has(account):
                return stanza  # nobody is there to see it; contacts' presence must not read everybody's lists
            if self._api.accounts.exists_now(account) is False:
                return stanza  # nobody has lists who does not exist
            self._hold(stanza, account)
            return None
        if account in self._held:
            self._hold(stanza, account)
            return None
        applied = self._list_for(stanza, account, lists)
        if applied is None:
            return stanza
        if applied.needs_roster and self._must_read_roster(account, stanza.from_jid.bare):
            self._hold(stanza, account)
            return None
        if self._denying(applied, stanza, account) is None:
            return stanza
        if stanza.name == "presence":
            return None
        raise StanzaError("service-unavailable")  # to results and errors nobody answers

    def _list_for(self, stanza: Stanza, account: JID, lists: AccountLists) -> PrivacyList | None:
        """Return the list that judges a stanza before anybody chose among the account's sessions."""
        if not lists.lists:
            return None
        to = stanza.to_jid
        session = self._api.sessions.find(to) if to.resource else None
        if session is not None:
            return self.list_of(session)
        if self._is_for_gates(stanza, account):
            return None
        return lists.lists.get(lists.default)

    def _is_for_gates(self, stanza: Stanza, account: JID) -> bool:
        """Tell whether each session judges by itself: several lists are in force, and the stanza is for sessions."""
        if not any(session.gate is not None for session in self._api.sessions.of(account)):
            return False
        if stanza.name == "message":
            return bool(self._api.sessions.receivers(account))
        return incoming_kind(stanza) == PRESENCE_IN

    def _must_read_roster(self, account: JID, contact: JID) -> bool:
        roster = self._api.find(RosterView)
        return roster is not None and roster.find_relation(account, contact) is None

    def _denying(self, applied: PrivacyList | None, stanza: Stanza, account: JID) -> Item | None:
        if applied is None:
            return None
        return applied.denies(incoming_kind(stanza), stanza.from_jid, self.relation(account))

    # --- waiting ----------------------------------------------------------------------------------------------

    def _hold(self, stanza: Stanza, account: JID) -> None:
        """Let a stanza wait for what judges it; whoever waits for its promises waits with it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stanza.trail.promises.append(turn)
        if account not in self._held:
            self._held[account] = deque()
            # The router's task, not the module's: when the server stops it is waited for.
            self._api.router.spawn(self._judge_held(account))
        self._held[account].append((stanza, turn))

    async def _judge_held(self, account: JID) -> None:
        held = self._held[account]
        while held:
            stanza, turn = held[0]
            try:
                await self._judge(stanza, account)
            except MimError:
                self._api.router.refuse(stanza, StanzaError("internal-server-error"))
            except Exception:
                self._api.log.exception("stanza failed", extra={"kind": stanza.name, "to": str(stanza.to)})
                self._api.router.refuse(stanza, StanzaError("internal-server-error"))
            finally:
                held.popleft()
                turn.set_result(None)
        del self._held[account]

    async def _judge(self, stanza: Stanza, account: JID) -> None:
        """Route a stanza that waited, or refuse it."""
        lists = await self._cache.load(account)
        applied = self._list_for(stanza, account, lists)
        relation = _NO_RELATION
        roster = self._api.find(RosterView)
        if applied is not None and applied.needs_roster and roster is not None:
            relation = await roster.get_relation(account, stanza.from_jid.bare)
        kind = incoming_kind(stanza)
        if applied is not None and applied.denies(kind, stanza.from_jid, lambda _: relation) is not None:
            if stanza.name != "presence":
                self._api.router.refuse(stanza, StanzaError("service-unavailable"))
            return
        self._passing = stanza
        try:
            self._api.router.route(stanza)
        finally:
            self._passing = None


def _concerns_sessions(stanza: Stanza) -> bool:
    """Tell whether a stanza is presence that means nothing to an account without a session."""
    return stanza.name == "presence" and stanza.type in ("", "unavailable", "probe")


def _always_passes(stanza: Stanza, account: JID, peer: JID) -> bool:
    """Tell whether no list says anything: errors, and what is between an account's clients or them and the server."""
    if stanza.type == "error" or peer.bare == account:
        return True
    return not peer.local and peer.domain == account.domain
