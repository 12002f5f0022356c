"""A module that stands for a roster: who sees whose presence stands in its options, nothing is stored.

For tests of modules that only ask who is subscribed; what mod_roster itself does is tested elsewhere.
"""

from __future__ import annotations

from pathlib import Path

MODULE = '''
"""Contacts as the file has them."""

from mim.capabilities import Relation, RosterView
from mim.plugin import JID, Module, Options, hookimpl, option


class FriendsOptions(Options):
    both: list[list[str]] = option([], help="Pairs of accounts that see each other.")
    group: list[str] = option([], help="Who is in everybody's group Friends.")
    is_in_memory: bool = option(True, help="False: the roster must be read first.")


class ModFriends(Module[FriendsOptions]):
    """Pairs of accounts."""

    Options = FriendsOptions

    async def start(self):
        self.pairs = {tuple(JID.parse(name) for name in pair) for pair in self.options.both}
        self.pairs |= {(b, a) for a, b in self.pairs}
        self.api.provide(RosterView, self)

    def may_see_presence(self, account, viewer):
        return (account, viewer) in self.pairs if self.options.is_in_memory else None

    def find_relation(self, account, contact):
        return self.relation(account, contact) if self.options.is_in_memory else None

    async def get_relation(self, account, contact):
        return self.relation(account, contact)

    def relation(self, account, contact):
        groups = ("Friends",) if str(contact) in self.options.group else ()
        return Relation("both" if (account, contact) in self.pairs else "none", groups)

    @hookimpl
    def presence_subscribers(self, account):
        return [contact for owner, contact in self.pairs if owner == account]

    @hookimpl
    def presence_subscriptions(self, account):
        return [contact for owner, contact in self.pairs if owner == account]


setup = ModFriends
'''

SECTION = '[modules.mod_friends]\nboth = [["romeo@localhost", "juliet@localhost"]]\n'
"""Romeo and Juliet see each other's presence."""

FORGETFUL = SECTION + "is_in_memory = false\n"
"""They do, and it has to be read from a store."""


def folder(path: Path) -> list[Path]:
    """Put the module into a folder and return it as ``serve`` takes it."""
    (path / "mod_friends.py").write_text(MODULE)
    return [path]
