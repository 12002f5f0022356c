"""Changes of privacy lists: in force at once, on disk when they are acknowledged, and told to whom they concern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mim.errors import LimitExceeded, MimError
from mim.plugin import JID, ModuleApi, Session, Stanza, StanzaError
from mim.storage.api import Write

from .cache import ListCache
from .filters import BLOCKING, Filters
from .rules import MAX_ITEMS, MAX_ORDER, PRESENCE_OUT, Item, PrivacyList
from .store import AccountLists, PrivacyStore

MAX_LISTS = 100
"""How many lists an account may have."""

Applied = dict[Session, PrivacyList | None]


class ListKeeper:
    """Changes the lists of accounts; as ``BlockList`` also the list ``blocking``."""

    def __init__(self, api: ModuleApi, store: PrivacyStore, cache: ListCache, filters: Filters) -> None:
        self._api = api
        self._store = store
        self._cache = cache
        self._filters = filters

    # --- lists ------------------------------------------------------------------------------------------------

    def activate(self, session: Session, lists: AccountLists, name: str) -> None:
        """Make a list the active one of a session; empty = none."""
        if name:
            existing(lists, name)
        before = self._applied(session.account)
        self._filters.set_active(session, name)
        self._tell_contacts(before, also_allowed=False)

    async def choose_default(self, session: Session, lists: AccountLists, name: str) -> None:
        """Make a list the default of a session's account; empty = none.

        Raises:
            StanzaError: conflict; the default is in force for another session.
        """
        if name:
            existing(lists, name)
        if name == lists.default:
            return
        others = [other for other in self._api.sessions.of(session.account) if other is not session]
        if lists.default and any(not self._filters.active_of(other) for other in others):
            raise StanzaError("conflict", "another of your clients uses the default list")
        before = self._applied(session.account)
        lists.default = name
        await self._commit(session.account, self._store.choosing(session.account, name))
        self._tell_contacts(before, also_allowed=False)

    async def put(self, account: JID, lists: AccountLists, made: PrivacyList) -> None:
        """Make a list, or replace the one of that name."""
        if made.name not in lists.lists and len(lists.lists) >= MAX_LISTS:
            raise StanzaError("resource-constraint", f"an account has {MAX_LISTS} lists at most")
        before = self._applied(account)
        lists.lists[made.name] = made
        await self._commit(account, self._store.putting(account, made))
        self._tell_contacts(before, also_allowed=False)

    async def drop(self, session: Session, lists: AccountLists, name: str) -> None:
        """Remove a list of a session's account.

        Raises:
            StanzaError: item-not-found; conflict: it is in force for another session.
        """
        dropped = existing(lists, name)
        account = session.account
        before = self._applied(account)
        if any(applied is dropped for other, applied in before.items() if other is not session):
            raise StanzaError("conflict", "another of your clients uses the list")
        await self._commit(account, self._removing(account, lists, name))
        self._tell_contacts(before, also_allowed=False)

    def _removing(self, account: JID, lists: AccountLists, name: str) -> list[Write]:
        """Take a list out of memory and of use; return the writes that remove it."""
        del lists.lists[name]
        for session in self._api.sessions.of(account):
            if self._filters.active_of(session) == name:
                self._filters.set_active(session, "")
        writes = [self._store.removing(account, name)]
        if lists.default == name:
            lists.default = ""
            writes += self._store.choosing(account, "")
        return writes

    # --- BlockList --------------------------------------------------------------------------------------------

    async def blocked(self, account: JID) -> list[JID]:
        """Return the addresses an account blocks."""
        lists = await self._cache.load(account)
        blocking = lists.lists.get(BLOCKING)
        return [] if blocking is None else [JID.parse(item.value) for item in blocking.items if item.is_block]

    async def block(self, account: JID, addresses: Iterable[JID]) -> None:
        """Block addresses: they come first in the list ``blocking``, which becomes the default."""
        lists = await self._cache.load(account)
        old = lists.lists.get(BLOCKING, PrivacyList(BLOCKING, ()))
        known = {item.value for item in old.items if item.is_block}
        values = [value for value in dict.fromkeys(map(str, addresses)) if value not in known]
        if len(old.items) + len(values) > MAX_ITEMS:
            raise LimitExceeded(f"a block list has {MAX_ITEMS} addresses at most")
        before = self._applied(account)
        writes: list[Write] = []
        if values:
            made, added = with_blocks(old, values)
            lists.lists[BLOCKING] = made
            if added is None:
                writes += self._store.putting(account, made)
            else:
                writes += self._store.adding(account, BLOCKING, added)
        if lists.default != BLOCKING:
            lists.default = BLOCKING
            writes += self._store.choosing(account, BLOCKING)
        await self._commit(account, writes)
        self._tell_contacts(before, also_allowed=True)

    async def unblock(self, account: JID, addresses: Iterable[JID] | None) -> None:
        """Unblock addresses, None = all; a list that has nothing left goes."""
        lists = await self._cache.load(account)
        old = lists.lists.get(BLOCKING)
        if old is None:
            return
        values = None if addresses is None else set(map(str, addresses))
        gone = {item.order: item for item in old.items if item.is_block and (values is None or item.value in values)}
        if not gone:
            return
        left = [item for item in old.items if item.order not in gone]
        before = self._applied(account)
        if left:
            lists.lists[BLOCKING] = PrivacyList(BLOCKING, left)
            writes = self._store.taking(account, BLOCKING, gone.values())
        else:
            writes = self._removing(account, lists, BLOCKING)
        await self._commit(account, writes)
        self._tell_contacts(before, also_allowed=True)

    # --- what every change does -------------------------------------------------------------------------------

    async def _commit(self, account: JID, writes: list[Write]) -> None:
        """Wait until a change that is in force already is on disk; if it cannot be, it is in force no more."""
        if not writes:
            return
        try:
            await self._store.submit(*writes)
        except MimError:
            await self._cache.reload(account)
            raise

    def _applied(self, account: JID) -> Applied:
        """Return which list is in force for each session."""
        return {session: self._filters.list_of(session) for session in self._api.sessions.of(account)}

    def _tell_contacts(self, before: Applied, *, also_allowed: bool) -> None:
        """Send unavailable presence to contacts who may not see a session any more (XEP-0016 §2.11, XEP-0191 §5.2).

        *also_allowed*: and its presence to those who may again (XEP-0191 §5.3).
        """
        for session, old in before.items():
            new = self._filters.list_of(session)
            if new is old or session.is_over or session.presence is None or session.is_invisible:
                continue
            relation = self._filters.relation(session.account)
            gone = Stanza("presence", {"type": "unavailable"}, sender=session.jid)
            for contact in self._watchers(session):
                was_denied = old is not None and old.denies(PRESENCE_OUT, contact, relation) is not None
                is_denied = new is not None and new.denies(PRESENCE_OUT, contact, relation) is not None
                if is_denied and not was_denied:
                    self._api.router.route(gone.replace(to=contact))
                elif was_denied and not is_denied and also_allowed:
                    self._api.router.route(session.presence.replace(to=contact))

    def _watchers(self, session: Session) -> list[JID]:
        """Return who is told of a session's presence: subscribers, and whom it has sent directed presence."""
        asked = self._api.host.hooks.presence_subscribers
        subscribers = [contact for question in asked for contact in question(session.account)]
        return [contact for contact in dict.fromkeys((*subscribers, *session.directed)) if contact != session.account]


def existing(lists: AccountLists, name: str) -> PrivacyList:
    """Return a list by name.

    Raises:
        StanzaError: item-not-found.
    """
    found = lists.lists.get(name)
    if found is None:
        raise StanzaError("item-not-found")
    return found


def with_blocks(old: PrivacyList, values: list[str]) -> tuple[PrivacyList, list[Item] | None]:
    """Return a list that denies *values*, too, and the items to add for it; None = the whole list is new.

    Where everything else denies as well, the order does not matter; else what blocks comes first (XEP-0191 §3).
    """
    last = old.items[-1].order if old.items else 0
    if all(item.is_block for item in old.items) and last + len(values) <= MAX_ORDER:
        added = [Item(last + number, True, "jid", value) for number, value in enumerate(values, 1)]
        return PrivacyList(old.name, (*old.items, *added)), added
    blocks = [Item(number, True, "jid", value) for number, value in enumerate(values, 1)]
    others = [replace(item, order=number) for number, item in enumerate(old.items, len(blocks) + 1)]
    return PrivacyList(old.name, (*blocks, *others)), None
