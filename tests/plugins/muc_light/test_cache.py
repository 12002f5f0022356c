"""Which rooms stay in memory (config, section 11: cache_affs), and whose turn it is in a room."""

from __future__ import annotations

import asyncio

import pytest

from mim.errors import Unavailable
from mim.xmpp.jid import JID
from mim_plugins.mod_muc_light.cache import Expiry, RoomCache
from mim_plugins.mod_muc_light.model import Affiliation, Room
from mim_plugins.mod_muc_light.rooms import Rooms
from tests.harness import MovableClock


def room(node: str, occupants: int = 1) -> Room:
    users = {JID(f"u{number:03}", "x.org"): Affiliation.MEMBER for number in range(occupants)}
    return Room(JID(node, "rooms.x.org"), "v1", {}, users)


def kept(cache: RoomCache, nodes: str) -> str:
    return "".join(node for node in nodes if cache.get(JID(node, "rooms.x.org")) is not None)


def test_the_room_used_longest_ago_gives_way():
    cache = RoomCache(MovableClock(), max_entries=6)
    for node in "abc":
        cache.put(room(node))
    assert cache.get(JID("a", "rooms.x.org")) is not None

    cache.put(room("d"))

    assert kept(cache, "abcd") == "acd"


def test_the_bound_counts_occupants():
    cache = RoomCache(MovableClock(), max_entries=12)
    for node in "abc":
        cache.put(room(node, 3))

    cache.put(room("d", 6))

    assert kept(cache, "abcd") == "cd"


def test_a_room_that_is_too_large_is_kept_alone():
    cache = RoomCache(MovableClock(), max_entries=5)
    cache.put(room("a"))

    cache.put(room("b", 100))

    assert kept(cache, "ab") == "b"
    cache.put(room("c"))
    assert kept(cache, "abc") == "c"
    assert len(cache) == 1


def test_a_newer_state_takes_the_place_of_the_older():
    cache = RoomCache(MovableClock(), max_entries=10)
    for occupants in (1, 5, 8, 2):
        cache.put(room("a", occupants))

    found = cache.get(JID("a", "rooms.x.org"))
    assert found is not None
    assert len(found.occupants) == 2
    cache.put(room("b", 5))
    assert kept(cache, "ab") == "ab"


@pytest.mark.parametrize(("by_use", "lives"), [(False, False), (True, True)])
def test_entries_expire_and_used_ones_stay_with_lru(by_use, lives):
    clock = MovableClock()
    cache = RoomCache(clock, Expiry(60.0, 3, by_use))
    cache.put(room("a"))

    for _ in range(3):
        clock.advance(60)
        cache.get(JID("a", "rooms.x.org"))

    assert (kept(cache, "a") == "a") is lives
    clock.advance(180)
    assert kept(cache, "a") == ""


def test_an_entry_lives_no_longer_than_all_segments_and_not_much_less():
    clock = MovableClock()
    cache = RoomCache(clock, Expiry(60.0, 3, by_use=False))
    cache.put(room("a"))

    clock.advance(119)
    assert kept(cache, "a") == "a"
    clock.advance(61)
    assert kept(cache, "a") == ""


def test_what_has_expired_makes_room_although_nobody_asks_for_it():
    clock = MovableClock()
    cache = RoomCache(clock, Expiry(60.0, 1, by_use=False))
    for node in "abc":
        cache.put(room(node))

    clock.advance(120)
    cache.put(room("d"))

    assert len(cache) == 1


# --- turns ----------------------------------------------------------------------------------------------------


class Store:
    """A store whose answers come when the test says so."""

    def __init__(self) -> None:
        self.loads = 0
        self.answer: asyncio.Future[Room | None] = asyncio.get_running_loop().create_future()

    async def load(self, jid: JID) -> Room | None:
        self.loads += 1
        return await self.answer


A = JID("a", "rooms.x.org")


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
async def rooms(store: Store) -> Rooms:
    return Rooms(store, RoomCache(MovableClock()), asyncio.get_running_loop().create_task)  # type: ignore[arg-type]


async def test_what_comes_while_a_room_is_loaded_waits_in_order_and_loads_once(rooms, store):
    done: list[str] = []
    futures = [rooms.do(A, lambda _, name=name: done.append(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert done == []

    store.answer.set_result(room("a"))
    await asyncio.gather(*futures)

    assert done == ["a", "b", "c"]
    assert store.loads == 1
    await rooms.finish()
    assert rooms.do(A, lambda found: found.jid) == A  # at once, now


async def test_nothing_passes_a_change_that_is_under_way(rooms, store):
    store.answer.set_result(room("a"))
    written = asyncio.get_running_loop().create_future()
    done: list[str] = []

    async def change(_: Room | None) -> None:
        await written
        rooms.changed(room("a", 2))
        done.append("change")

    changing = rooms.perform(A, change)
    spoken = rooms.do(A, lambda found: done.append(f"{len(found.occupants)} occupants"))
    await asyncio.sleep(0)
    assert done == []
    written.set_result(None)

    await asyncio.gather(changing, spoken)
    assert done == ["change", "2 occupants"]


async def test_a_failure_is_its_askers_only(rooms, store):
    store.answer.set_result(None)

    async def fail(_: Room | None) -> None:
        raise ValueError("no")

    failing = rooms.perform(A, fail)
    after = rooms.do(A, lambda found: found)

    with pytest.raises(ValueError, match="no"):
        await failing
    assert await after is None


async def test_a_store_that_does_not_answer_fails_all_who_wait(rooms, store):
    first, second = rooms.do(A, lambda found: found), rooms.do(A, lambda found: found)
    store.answer.set_exception(Unavailable("the database does not answer"))

    for waiting in (first, second):
        with pytest.raises(Unavailable):
            await waiting


async def test_rooms_do_not_wait_for_one_another(rooms, store):
    slow = rooms.do(A, lambda found: found)
    rooms.changed(room("b"))

    assert rooms.do(JID("b", "rooms.x.org"), lambda found: found.jid.local) == "b"
    store.answer.set_result(None)
    assert await slow is None


async def test_who_waits_when_the_module_is_stopped_is_told(store):
    tasks: list[asyncio.Task[None]] = []

    def spawn(work):
        tasks.append(asyncio.get_running_loop().create_task(work))
        return tasks[-1]

    rooms = Rooms(store, RoomCache(MovableClock()), spawn)
    waiting = [rooms.do(A, lambda found: found) for _ in range(2)]
    await asyncio.sleep(0)

    tasks[0].cancel()

    for future in waiting:
        with pytest.raises(Unavailable):
            await future
