"""What all parts of mod_muc share: rooms that are awake, who may what by the file, what is kept, what is told."""

from __future__ import annotations

from asyncio import Future
from collections import Counter
from typing import Any

from mim.capabilities import RoomLog, RoomView
from mim.plugin import JID, ModuleApi, RoomArchive, Stanza, notify
from mim_plugins.mod_muc.config import Permitted
from mim_plugins.mod_muc.options import MucOptions
from mim_plugins.mod_muc.room import Room
from mim_plugins.mod_muc.stanzas import Sender
from mim_plugins.mod_muc.store import MucStore


class Context:
    """The state of the rooms of one host."""

    def __init__(self, api: ModuleApi, options: MucOptions, store: MucStore) -> None:
        self.api = api
        self.options = options
        self.store = store
        self.sender = Sender(api)
        self.rooms: dict[JID, Room] = {}
        self.idle: dict[JID, Room] = {}
        """Persistent rooms that nobody is in and that are awake for their history, longest idle first."""
        self.conferences: Counter[JID] = Counter()
        """In how many rooms each user is with a client of his."""
        self.nicks: dict[tuple[str, JID], str] = {}
        """Registered nicknames by service and bare JID."""

    def allows(self, rule: str, jid: JID) -> bool:
        """Tell whether an access rule of the file allows somebody something."""
        return self.api.host.config.access_value(rule, jid.bare) == "allow"

    def is_admin(self, jid: JID) -> bool:
        """Tell whether somebody is an administrator of all rooms."""
        return self.allows(self.options.access_admin, jid)

    def permitted(self, jid: JID) -> Permitted:
        """Return what an owner may set besides the ordinary."""
        log = self.api.find(RoomLog)
        return Permitted(self.allows(self.options.access_persistent, jid), log is not None and log.may_switch(jid))

    def count_out(self, client: JID) -> None:
        """Note that the user of a client that has left is in one room less."""
        if client.is_bare:
            return  # the admin API held that place
        self.conferences[client.bare] -= 1
        if self.conferences[client.bare] <= 0:
            del self.conferences[client.bare]

    def nick_owner(self, service: str, nick: str) -> JID | None:
        """Return who has registered a nickname with a service."""
        return next((jid for (at, jid), own in self.nicks.items() if at == service and own == nick), None)

    @property
    def archive(self) -> RoomArchive | None:
        """The rooms' archive, when a module keeps one."""
        return self.api.find(RoomArchive)

    # --- keeping ----------------------------------------------------------------------------------------------

    def save(self, room: Room, stanza: Stanza | None = None) -> Future[Any] | None:
        """Keep a persistent room; what acknowledges *stanza* waits for it."""
        if not room.config.persistent or room.is_gone:
            return None
        return self._promised(self.store.put_room(room.jid, room.to_stored()), stanza)

    def forget(self, room: Room, stanza: Stanza | None = None) -> Future[Any]:
        """Take a room out of memory and out of the store, its archive too."""
        room.is_gone = True
        self.rooms.pop(room.jid, None)
        self.idle.pop(room.jid, None)
        archive = self.archive
        more = archive.removal(room.jid) if archive is not None and archive.serves(room.jid.domain) else ()
        return self._promised(self.store.remove_room(room.jid, more), stanza)

    @staticmethod
    def _promised(promise: Future[Any], stanza: Stanza | None) -> Future[Any]:
        if stanza is not None:
            stanza.trail.promises.append(promise)
        return promise

    # --- telling other modules --------------------------------------------------------------------------------

    @staticmethod
    def view(room: Room) -> RoomView:
        """Return a room as hooks show it."""
        config = room.config
        return RoomView(room.jid, config.title, room.subject, config.logging, config.anonymous)

    def tell(self, hook: str, room: Room, *details: object) -> None:
        """Call a hook about rooms."""
        functions = getattr(self.api.host.hooks, hook)
        if functions:
            notify(functions, self.view(room), *details)
