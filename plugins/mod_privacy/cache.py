"""The lists in memory: of every account that has a session, and of those that were written to lately."""

from __future__ import annotations

from collections import OrderedDict

from mim.plugin import JID

from .store import AccountLists, PrivacyStore

MAX_OFFLINE = 10_000
"""Accounts without a session whose lists stay in memory."""


class ListCache:
    """What :meth:`find` has is what is in force; nobody else changes the store."""

    def __init__(self, store: PrivacyStore) -> None:
        self._store = store
        self._online: dict[JID, AccountLists] = {}
        self._offline: OrderedDict[JID, AccountLists] = OrderedDict()

    def find(self, account: JID) -> AccountLists | None:
        """Return an account's lists if they are in memory."""
        lists = self._online.get(account)
        if lists is None:
            lists = self._offline.get(account)
            if lists is not None:
                self._offline.move_to_end(account)
        return lists

    async def load(self, account: JID) -> AccountLists:
        """Return an account's lists, read from the store if need be."""
        known = self.find(account)
        if known is not None:
            return known
        loaded = await self._store.load(account)
        known = self.find(account)  # somebody else may have read and even changed them meanwhile
        return known if known is not None else self._remember(account, loaded)

    async def reload(self, account: JID) -> None:
        """Read an account's lists again, after a change that did not reach the disk."""
        fresh = await self._store.load(account)
        lists = self.find(account)
        if lists is not None:
            lists.lists, lists.default = fresh.lists, fresh.default

    def pin(self, account: JID, lists: AccountLists) -> AccountLists:
        """Keep an account's lists in memory while it has a session, and return them: *lists* if none were there."""
        if account not in self._online:
            self._online[account] = self._offline.pop(account, lists)
        return self._online[account]

    def unpin(self, account: JID) -> None:
        """An account has no session any more."""
        lists = self._online.pop(account, None)
        if lists is not None:
            self._remember(account, lists)

    def forget(self, account: JID) -> None:
        """An account is no more."""
        self._online.pop(account, None)
        self._offline.pop(account, None)

    def _remember(self, account: JID, lists: AccountLists) -> AccountLists:
        self._offline[account] = lists
        self._offline.move_to_end(account)
        if len(self._offline) > MAX_OFFLINE:
            self._offline.popitem(last=False)
        return lists
