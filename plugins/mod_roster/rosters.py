"""The rosters that somebody needs now, in memory, and how they change.

A roster is in memory while a session of its account is bound or somebody works with it: sessions and tasks hold it,
:class:`Rosters` only finds it again. It is changed without a switch of task, so changes of one roster, and of the two
rosters of one subscription, never mix; the writes of one :class:`Change` are one transaction, so after a crash both
sides of a subscription have it or neither has. Whoever must answer only when the change is on disk awaits the future.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from mim.plugin import JID
from mim.storage.api import Write
from mim.xmpp.stanza import Trail
from mim_plugins.mod_roster.model import Item, Roster
from mim_plugins.mod_roster.store import RosterStore

_NOTE = "mod_roster.change"


class Rosters:
    """The rosters of a host's accounts.

    *exists* tells whether an account is registered; *on_lost* is called when a change of a roster was not stored.
    """

    def __init__(
        self,
        store: RosterStore,
        exists: Callable[[JID], Awaitable[bool]],
        on_lost: Callable[[Roster], None],
        *,
        keeps_versions: bool,
    ) -> None:
        self.store = store
        self.on_lost = on_lost
        self._exists = exists
        self._keeps_versions = keeps_versions
        self._in_memory: WeakValueDictionary[JID, Roster] = WeakValueDictionary()
        self._loading: dict[JID, asyncio.Task[Roster]] = {}
        self._forgotten = 0

    def peek(self, account: JID) -> Roster | None:
        """Return a roster that is in memory, stale or not."""
        return self._in_memory.get(account)

    def find(self, account: JID) -> Roster | None:
        """Return a roster that is in memory and may be changed."""
        roster = self._in_memory.get(account)
        return None if roster is None or roster.is_stale else roster

    async def load(self, account: JID) -> Roster:
        """Return a roster, read from the store if it is not in memory; empty when nothing is stored.

        Raises:
            Unavailable: the store does not answer.
        """
        roster = self.find(account)
        if roster is not None:
            return roster
        task = self._loading.get(account)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read(account))
            self._loading[account] = task
            task.add_done_callback(lambda _: self._loading.pop(account, None))
        return await asyncio.shield(task)

    def forget(self, account: JID) -> None:
        """An account is gone with all it had; whoever reads its roster now reads it again."""
        self._forgotten += 1
        roster = self._in_memory.get(account)
        if roster is not None:
            if len(roster):
                self.store.submit(list(self.store.removal(account)))
            roster.fill(())
            roster.has_owner = False

    async def _read(self, account: JID) -> Roster:
        while True:
            before = self._forgotten
            items = await self.store.load(account)
            version = await self.store.find_version(account) if self._keeps_versions else None
            has_owner = await self._exists(account)
            if before == self._forgotten:
                break
        roster = self._in_memory.get(account)
        if roster is None:
            roster = self._in_memory[account] = Roster(account)
        roster.fill(items)
        roster.has_owner = has_owner
        if self._keeps_versions:
            roster.keep_version(version)
        roster.is_stale = False
        return roster


class Change:
    """What one event changes in rosters, of one host or of two: one transaction."""

    def __init__(self, store: RosterStore) -> None:
        self._store = store
        self._writes: list[Write] = []
        self._touched: dict[Roster, Rosters] = {}
        self.committed: Future[list[int]] | None = None
        """Resolves when it is on disk; None when nothing has changed."""

    def put(self, rosters: Rosters, roster: Roster, item: Item) -> None:
        """Put an item on a roster."""
        roster.put(item)
        self._writes += rosters.store.put(roster.account, item)
        self._touched[roster] = rosters

    def remove(self, rosters: Rosters, roster: Roster, contact: JID) -> None:
        """Take an item from a roster."""
        roster.remove(contact)
        self._writes += rosters.store.remove(roster.account, contact)
        self._touched[roster] = rosters

    def commit(self) -> None:
        """Queue the writes."""
        for roster in self._touched:
            if roster.stored_version is not None:
                self._writes += self._store.put_version(roster.account, roster.stored_version)
        if self._writes:
            self.committed = self._store.submit(self._writes)
            self.committed.add_done_callback(self._check)

    def _check(self, future: Future[list[int]]) -> None:
        if future.cancelled() or future.exception() is not None:
            for roster, rosters in self._touched.items():
                roster.is_stale = True
                rosters.on_lost(roster)


@contextmanager
def changing(store: RosterStore, trail: Trail) -> Iterator[Change]:
    """Open the change that belongs to a stanza's way, or join the one that is open; the outermost commits.

    A presence that changes its sender's roster, is routed and changes the recipient's takes one way through both.
    """
    change: Change | None = trail.notes.get(_NOTE)
    if change is not None:
        yield change
        return
    change = trail.notes[_NOTE] = Change(store)
    try:
        yield change
    finally:
        del trail.notes[_NOTE]
        change.commit()
        if change.committed is not None:
            trail.promises.append(change.committed)
