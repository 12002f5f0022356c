"""Both sides of a subscription in memory, at this host or at another of this server, before one of them changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from mim.errors import MimError
from mim.plugin import JID, Stanza, StanzaError
from mim_plugins.mod_roster.model import Roster
from mim_plugins.mod_roster.rosters import Rosters

if TYPE_CHECKING:
    from mim.plugin import ModuleApi


class Sides:
    """Finds the rosters that belong together. *rosters* are those of this host."""

    def __init__(self, api: ModuleApi, rosters: Rosters) -> None:
        self._api = api
        self._rosters = rosters
        api.provide(Rosters, rosters)  # to the same module of the server's other hosts

    async def load(self, owner: JID, contact: JID) -> tuple[Roster, Roster | None]:
        """Return the rosters of both, None for a contact who has none here.

        Until the next switch of task both may be changed; the caller keeps both as long as it works with one.

        Raises:
            Unavailable: the store does not answer.
        """
        elsewhere = self._of(contact)
        while True:
            roster = await self._rosters.load(owner)
            other = None if elsewhere is None else await elsewhere.load(contact)
            if not roster.is_stale and (other is None or not other.is_stale):
                return roster, other

    def act(self, stanza: Stanza, owner: JID, action: Callable[[Roster], None]) -> None:
        """Do something to the owner's roster because of a presence, as soon as both its sides are in memory.

        That is now, if they are; else a task loads them, and is one of the promises on the stanza's trail.

        Raises:
            StanzaError: the action refuses.
        """
        contact = stanza.from_jid if owner == stanza.to_jid else stanza.to_jid
        elsewhere = self._of(contact)
        roster = self._rosters.find(owner)
        other = None if elsewhere is None else elsewhere.find(contact)
        if roster is None or (elsewhere is not None and other is None):
            stanza.trail.promises.append(self._api.spawn(self._act_later(stanza, owner, contact, action)))
        else:
            refusing(action, roster)

    async def _act_later(self, stanza: Stanza, owner: JID, contact: JID, action: Callable[[Roster], None]) -> None:
        known = len(stanza.trail.promises)
        try:
            roster, _other = await self.load(owner, contact)
            refusing(action, roster)
        except MimError as error:
            self._api.router.refuse(stanza, StanzaError.from_refusal(error))
        except StanzaError as error:
            self._api.router.refuse(stanza, error)
        for promise in stanza.trail.promises[known:]:
            with suppress(MimError):  # whoever must know finds it on the trail
                await promise

    def _of(self, account: JID) -> Rosters | None:
        """Return the rosters of the host that serves an account; None when nobody here does."""
        host = self._api.hosts.find(account.domain)
        return None if host is None else host.find(Rosters)


def refusing(action: Callable[[Roster], None], roster: Roster) -> None:
    """Do something to a roster for a stanza; a refusal becomes one of the stanza."""
    try:
        action(roster)
    except MimError as error:
        raise StanzaError.from_refusal(error) from error
