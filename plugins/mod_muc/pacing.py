"""Shapers of rooms: who sends more than he may waits, in his order (``room_shaper`` and ``user_*_shaper``)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from mim.plugin import Stanza, StanzaError, TokenBucket
from mim.xmpp.element import serialize
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.room import Occupant, Room

MAX_WAITING = 100
"""Stanzas of one occupant; more are refused."""
TOO_FAST = "Traffic rate limit is exceeded"


class Limit:
    """A token bucket of bytes with the time from which it may be drawn on."""

    def __init__(self, rate: int, now: float) -> None:
        self._bucket = TokenBucket(rate, now)
        self.free_at = now

    def take(self, size: int, now: float) -> None:
        """Note that so many bytes were sent."""
        self.free_at = now + self._bucket.take(size, now)


class Lane:
    """What one occupant sends: its limits, and what waits."""

    def __init__(self) -> None:
        self.limits: dict[str, Limit] = {}
        self.waiting: deque[tuple[Stanza, Callable[[], None], asyncio.Future[None]]] = deque()


class Pacing:
    """Lets occupants' stanzas go at the rates of the file."""

    def __init__(self, context: Context) -> None:
        self._context = context
        shapers, options = context.api.host.config.shapers, context.options
        rates = {
            "message": shapers.get(options.user_message_shaper),
            "presence": shapers.get(options.user_presence_shaper),
            "room": shapers.get(options.room_shaper),
        }
        self._rates = {name: rate for name, rate in rates.items() if rate is not None}
        self.is_on = bool(self._rates)
        """False: nothing is ever held back."""
        self._lanes: WeakKeyDictionary[Occupant, Lane] = WeakKeyDictionary()
        self._rooms: WeakKeyDictionary[Room, Limit] = WeakKeyDictionary()

    def holds(self, room: Room, occupant: Occupant, stanza: Stanza, work: Callable[[], None]) -> bool:
        """Tell whether a stanza has to wait; *work* is then called when it is its turn. Else it counts as sent.

        Raises:
            StanzaError: too many wait already.
        """
        lane = self._lanes.get(occupant)
        if lane is None:
            lane = self._lanes[occupant] = Lane()
        if not lane.waiting and self._wait(room, lane, stanza) <= 0:
            self._count(room, lane, stanza)
            return False
        if len(lane.waiting) >= MAX_WAITING:
            raise StanzaError("resource-constraint", TOO_FAST)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stanza.trail.promises.append(done)
        lane.waiting.append((stanza, work, done))
        if len(lane.waiting) == 1:
            self._arm(room, lane)
        return True

    def _arm(self, room: Room, lane: Lane) -> None:
        wait = self._wait(room, lane, lane.waiting[0][0])
        self._context.api.call_later(max(wait, 0), lambda: self._release(room, lane))

    def _release(self, room: Room, lane: Lane) -> None:
        while lane.waiting and self._wait(room, lane, lane.waiting[0][0]) <= 0:
            stanza, work, done = lane.waiting.popleft()
            self._count(room, lane, stanza)
            work()
            done.set_result(None)
        if lane.waiting:
            self._arm(room, lane)

    def _limits(self, room: Room, lane: Lane, stanza: Stanza, now: float) -> list[Limit]:
        found = []
        if stanza.name in self._rates:
            if stanza.name not in lane.limits:
                lane.limits[stanza.name] = Limit(self._rates[stanza.name], now)
            found.append(lane.limits[stanza.name])
        if "room" in self._rates:
            if room not in self._rooms:
                self._rooms[room] = Limit(self._rates["room"], now)
            found.append(self._rooms[room])
        return found

    def _wait(self, room: Room, lane: Lane, stanza: Stanza) -> float:
        """Return the seconds until a stanza may go, 0 or less for now."""
        now = self._context.api.clock.monotonic()
        return max((limit.free_at - now for limit in self._limits(room, lane, stanza, now)), default=0.0)

    def _count(self, room: Room, lane: Lane, stanza: Stanza) -> None:
        now, size = self._context.api.clock.monotonic(), len(serialize(stanza).encode())
        for limit in self._limits(room, lane, stanza, now):
            limit.take(size, now)
