"""Rooms in memory, within a bound (config, section 11: cache_affs).

The bound counts rooms and occupants. Without cache_affs the room that was used longest ago gives way; with it entries
also expire, a segment at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from mim.clock import Clock
from mim.plugin import JID
from mim_plugins.mod_muc_light.model import Room

# About 350 bytes each: a hundred thousand are 35 MB.
MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Expiry:
    """When entries leave although there is room: *segments* segments of *seconds* each; *by_use*: since last used."""

    seconds: float
    segments: int
    by_use: bool


class RoomCache:
    """The rooms that were used last, up to *max_entries* rooms and occupants together."""

    def __init__(self, clock: Clock, expiry: Expiry | None = None, max_entries: int = MAX_ENTRIES) -> None:
        self._clock = clock
        self._expiry = expiry
        self._max_entries = max_entries
        self._rooms: OrderedDict[JID, tuple[Room, int]] = OrderedDict()
        self._entries = 0

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, jid: JID) -> Room | None:
        """Return a room, None when it is not in memory."""
        found = self._rooms.get(jid)
        if found is None:
            return None
        room, segment = found
        if self._expiry is None:
            self._rooms.move_to_end(jid)
        else:
            now = self._segment()
            if now - segment >= self._expiry.segments:
                self.drop(jid)
                return None
            if self._expiry.by_use:
                self._rooms.move_to_end(jid)
                if now != segment:
                    self._rooms[jid] = room, now
        return room

    def put(self, room: Room) -> None:
        """Remember a room as it is now; others may have to go for it."""
        self.drop(room.jid)
        now = self._segment()
        self._rooms[room.jid] = room, now
        self._entries += _entries_of(room)
        self._drop_expired(now)
        while self._entries > self._max_entries and len(self._rooms) > 1:
            self.drop(next(iter(self._rooms)))

    def drop(self, jid: JID) -> None:
        """Forget a room."""
        found = self._rooms.pop(jid, None)
        if found is not None:
            self._entries -= _entries_of(found[0])

    def _segment(self) -> int:
        return 0 if self._expiry is None else int(self._clock.monotonic() // self._expiry.seconds)

    def _drop_expired(self, now: int) -> None:
        """The oldest stand first, so this ends at the first that is still good."""
        if self._expiry is None:
            return
        while self._rooms:
            jid, (_, segment) = next(iter(self._rooms.items()))
            if now - segment < self._expiry.segments:
                return
            self.drop(jid)


def _entries_of(room: Room) -> int:
    return 1 + len(room.occupants)
