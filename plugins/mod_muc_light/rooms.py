"""Rooms in memory, and whose turn it is.

What somebody does in a room happens at once when the room is in memory and nothing of it is under way. Otherwise it
waits: until the room is loaded, until a change is on disk. So everything in one room happens in the order it came,
and a change is never seen before it is kept.
"""

from __future__ import annotations

import asyncio
import inspect
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from mim.errors import Unavailable
from mim.plugin import JID
from mim_plugins.mod_muc_light.cache import RoomCache
from mim_plugins.mod_muc_light.model import Room
from mim_plugins.mod_muc_light.store import LightStore

T = TypeVar("T")


class _Turn(NamedTuple):
    work: Callable[[Room | None], Any]
    done: Future[Any]


class Rooms:
    """The rooms of a module, one thing at a time in each."""

    def __init__(
        self, store: LightStore, cache: RoomCache, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[Any]]
    ) -> None:
        self._store = store
        self._cache = cache
        self._spawn = spawn
        self._lanes: dict[JID, deque[_Turn]] = {}

    def do(self, jid: JID, work: Callable[[Room | None], T]) -> T | Future[T]:
        """Call ``work(room)`` when it is this room's turn; None stands for a room that does not exist.

        Returned, or raised, is what *work* returns or raises if it could be called at once; else a future of it.
        """
        if jid not in self._lanes:
            room = self._cache.get(jid)
            if room is not None:
                return work(room)
        return self._wait_in_line(jid, work)

    def perform(self, jid: JID, work: Callable[[Room | None], Awaitable[T]]) -> Future[T]:
        """Have ``work(room)`` awaited when it is this room's turn, which it stays until that is done."""
        return self._wait_in_line(jid, work)

    async def get(self, jid: JID) -> Room | None:
        """Return a room as it is when everything before is done."""
        room = self.do(jid, lambda found: found)
        return await room if isinstance(room, Future) else room

    def changed(self, room: Room) -> None:
        """Note a room as it is now; called by the one whose turn it is, once that is on disk."""
        self._cache.put(room)

    def removed(self, jid: JID) -> None:
        """Note that a room is gone."""
        self._cache.drop(jid)

    async def finish(self) -> None:
        """Return when nothing is under way in any room."""
        while self._lanes:
            waiting = [turn.done for turns in self._lanes.values() for turn in turns]
            await asyncio.wait(waiting)
            await asyncio.sleep(0)  # the lanes close after their last turn is done

    def _wait_in_line(self, jid: JID, work: Callable[[Room | None], Any]) -> Future[Any]:
        turn = _Turn(work, asyncio.get_running_loop().create_future())
        turns = self._lanes.get(jid)
        if turns is not None:
            turns.append(turn)
        else:
            self._lanes[jid] = deque([turn])
            self._spawn(self._take_turns(jid))
        return turn.done

    async def _take_turns(self, jid: JID) -> None:
        turns = self._lanes[jid]
        try:
            while turns:
                await self._take(jid, turns[0])
                turns.popleft()
        finally:
            del self._lanes[jid]
            for turn in turns:  # the module is being stopped
                if not turn.done.done():
                    turn.done.set_exception(Unavailable("the service is stopping"))

    async def _take(self, jid: JID, turn: _Turn) -> None:
        try:
            room = self._cache.get(jid)
            if room is None:
                room = await self._store.load(jid)
                if room is not None:
                    self._cache.put(room)
            outcome = turn.work(room)
            if inspect.isawaitable(outcome):
                outcome = await outcome
        except Exception as error:  # whoever waits for the turn translates it
            if not turn.done.done():
                turn.done.set_exception(error)
        else:
            if not turn.done.done():
                turn.done.set_result(outcome)
