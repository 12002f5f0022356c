"""Which empty rooms stay awake, and when rooms that nothing happens in sleep (xmpp-behaviour, section 7.6)."""

from __future__ import annotations

from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.entering import Entrance
from mim_plugins.mod_muc.room import Room
from mim_plugins.mod_muc.stanzas import Change

MAX_IDLE_ROOMS = 1000
"""Persistent rooms that nobody is in and that stay awake for their history; more, and the longest idle ones sleep."""
HIBERNATED = 332
REASON = "Room hibernation"


class Idling:
    """Lets persistent rooms out of memory; they wake with the next stanza for them."""

    def __init__(self, context: Context, entrance: Entrance) -> None:
        self._context = context
        self._entrance = entrance

    def rest(self, room: Room) -> None:
        """Let a room sleep that nobody is in: at once one without history, else when too many are idle."""
        context = self._context
        if room.occupants or not room.config.persistent or context.rooms.get(room.jid) is not room:
            return
        if not room.history:
            self._unload(room)
            return
        context.idle[room.jid] = room
        while len(context.idle) > MAX_IDLE_ROOMS:
            self._unload(next(iter(context.idle.values())))

    def hibernate(self, seconds: float) -> None:
        """Let rooms sleep that nothing has happened in for so long and that nobody but one owner is in."""
        limit = self._context.api.clock.monotonic() - seconds
        for room in list(self._context.rooms.values()):
            if room.config.persistent and room.used_at <= limit and self._is_left_to_its_owner(room):
                change = Change(codes=(HIBERNATED,), reason=REASON, is_over=True)
                for occupant in list(room.occupants.values()):
                    self._entrance.expel(room, occupant, change, HIBERNATED, REASON)
                self._unload(room)

    @staticmethod
    def _is_left_to_its_owner(room: Room) -> bool:
        inside = list(room.occupants.values())
        return len(inside) <= 1 and all(room.affiliation_of(one.account) == "owner" for one in inside)

    def _unload(self, room: Room) -> None:
        self._context.idle.pop(room.jid, None)
        self._context.rooms.pop(room.jid, None)
