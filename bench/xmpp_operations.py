"""Operations over XMPP, the same for every server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.clients import DOMAIN, LoadClient, connect, login_all, register_all
from bench.measure import Measurement, Result, memory_kib
from bench.peers import ROOMS, Peer

END = b"</message>"
BODY = "Hello there, how are you doing today? Shall we meet at the usual place?"


@dataclass(frozen=True)
class Sizes:
    """How much of everything; ``quick`` for a look, ``full`` for figures."""

    logins: int = 500
    pairs: int = 20
    messages: int = 20_000
    window: int = 20
    occupants: int = 1000
    room_messages: int = 50
    contacts: int = 500
    presences: int = 40
    rooms: int = 10_000
    idle: int = 2000
    archived: int = 10_000
    pages: int = 100
    requests: int = 2000


QUICK = Sizes(
    logins=100, pairs=10, messages=3000, occupants=200, room_messages=20, contacts=100, presences=20, idle=300,
    rooms=300, archived=1000, pages=30, requests=300,
)  # fmt: skip


def users(prefix: str, count: int) -> list[str]:
    """Return names."""
    return [f"{prefix}{number}" for number in range(count)]


async def logins(peer: Peer, sizes: Sizes) -> Result:
    """Connect, authenticate with SCRAM-SHA-1, bind, send presence, have a ping answered."""
    names = users("u", sizes.logins)
    await register_all(peer.c2s_port, names)
    latencies: list[float] = []
    gate = asyncio.Semaphore(8)

    async def one(name: str) -> LoadClient:
        async with gate:
            began = time.perf_counter()
            client = await (await connect(peer.c2s_port, name)).login()
            latencies.append(time.perf_counter() - began)
            return client

    with Measurement(peer.name, "login, SCRAM-SHA-1", peer.pid) as m:
        clients = await asyncio.gather(*map(one, names))
    m.latencies = latencies
    result = m.result(len(names))
    await leave(clients)
    return result


async def chat(peer: Peer, sizes: Sizes, operation: str) -> Result:
    """Messages between pairs, a window of them under way in each."""
    names = users("u", sizes.pairs * 2)
    await register_all(peer.c2s_port, names)
    clients = await login_all(peer.c2s_port, names)
    pairs = list(zip(clients[::2], clients[1::2], strict=True))
    each = sizes.messages // sizes.pairs
    with Measurement(peer.name, operation, peer.pid) as m:
        await asyncio.gather(*(_talk(a, b, each, sizes.window, m.latencies) for a, b in pairs))
    result = m.result(each * len(pairs))
    await leave(clients)
    return result


async def _talk(sender: LoadClient, receiver: LoadClient, count: int, window: int, latencies: list[float]) -> None:
    text = (
        f"<message to='{receiver.user}@{DOMAIN}' type='chat' id='%d'><body>{BODY}</body>"
        "<request xmlns='urn:xmpp:receipts'/></message>"
    )
    sent = got = 0
    finished = asyncio.get_running_loop().create_future()
    times: list[float] = []

    def send(some: int) -> None:
        nonlocal sent
        some = min(some, count - sent)
        now = time.perf_counter()
        times.extend([now] * some)
        sender.write("".join(text % (sent + number) for number in range(some)))
        sent += some

    def counted(found: int) -> None:
        nonlocal got
        now = time.perf_counter()
        latencies.extend(now - times[number] for number in range(got, min(got + found, count)))
        got += found
        if got >= count and not finished.done():
            finished.set_result(None)
        elif sent < count:
            send(found)

    receiver.count(END, counted)
    send(window)
    async with asyncio.timeout(300):
        await finished
    receiver.stop_counting()


async def room(peer: Peer, sizes: Sizes) -> Result:
    """A room of many occupants, one of whom speaks; counted are deliveries."""
    name = f"bench{time.time_ns()}@{ROOMS}"
    names = users("u", sizes.occupants)
    await register_all(peer.c2s_port, names)
    clients = await login_all(peer.c2s_port, names)
    owner = clients[0]
    owner.write(f"<presence to='{name}/n0'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await owner.until(b"110")
    owner.write(
        f"<iq type='set' id='own' to='{name}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
    )
    await owner.until(b"id='own'", b'id="own"')
    with Measurement(peer.name, "", peer.pid) as joins:
        for position, client in enumerate(clients[1:], 1):
            client.write(f"<presence to='{name}/n{position}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
            if position % 50 == 0 or position == len(clients) - 1:
                await client.until(b"<subject")
        await asyncio.gather(*(client.ping() for client in clients))
    joining = joins.result(len(clients))
    wanted = sizes.room_messages * len(clients)
    got = 0
    enough = asyncio.Event()
    target = 0

    def counted(found: int) -> None:
        nonlocal got
        got += found
        if got >= target:
            enough.set()

    for client in clients:
        client.count(END, counted)
    with Measurement(peer.name, f"room of {len(clients)}, per delivery", peer.pid) as m:
        for number in range(sizes.room_messages):
            target = (number + 1) * len(clients)
            enough.clear()
            began = time.perf_counter()
            owner.write(f"<message to='{name}' type='groupchat' id='m{number}'><body>{BODY}</body></message>")
            async with asyncio.timeout(60):
                await enough.wait()
            m.latencies.append(time.perf_counter() - began)
    result = m.result(wanted, cpu_ms_per_join=round(joining.cpu_ms, 3), joined_mib=round(joining.memory_mib, 1))
    await leave(clients)
    return result


async def sleeping_rooms(peer: Peer, sizes: Sizes) -> Result:
    """Persistent rooms made and left, one after another; the memory they keep. CPU is per room."""
    await register_all(peer.c2s_port, ["owner"])
    (owner,) = await login_all(peer.c2s_port, ["owner"])
    fields = "".join(
        f"<field var='{var}'><value>{value}</value></field>"
        for var, value in (
            ("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig"),
            ("muc#roomconfig_persistentroom", "1"),
        )
    )
    before = memory_kib(peer.pid)
    with Measurement(peer.name, f"persistent rooms made and left, {sizes.rooms:,}", peer.pid) as m:
        for number in range(sizes.rooms):
            name = f"sleeps{number}@{ROOMS}"
            began = time.perf_counter()
            owner.write(f"<presence to='{name}/o'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
            await owner.until(b"<subject")
            owner.write(
                f"<iq type='set' id='own{number}' to='{name}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                f"<x xmlns='jabber:x:data' type='submit'>{fields}</x></query></iq>"
            )
            await owner.until(f"id='own{number}'".encode(), f'id="own{number}"'.encode())
            owner.write(f"<presence type='unavailable' to='{name}/o'/>")
            await owner.until(b"unavailable")
            m.latencies.append(time.perf_counter() - began)
    result = m.result(sizes.rooms)
    result.extra["kib_per_room"] = round((memory_kib(peer.pid) - before) / sizes.rooms, 2)
    await leave([owner])
    return result


async def presence(peer: Peer, sizes: Sizes) -> Result:
    """A user with many online contacts changes presence; counted are deliveries."""
    names = users("u", sizes.contacts + 1)
    await register_all(peer.c2s_port, names)
    clients = await login_all(peer.c2s_port, names)
    star, contacts = clients[0], clients[1:]
    for contact in contacts:
        star.write(f"<presence type='subscribed' to='{contact.user}@{DOMAIN}'/>")
        contact.write(f"<presence type='subscribe' to='{star.user}@{DOMAIN}'/>")
    await asyncio.gather(*(client.ping() for client in clients))
    star.write("".join(f"<presence type='subscribed' to='{contact.user}@{DOMAIN}'/>" for contact in contacts))
    await asyncio.gather(*(client.ping() for client in clients))
    got = 0
    target = 0
    enough = asyncio.Event()

    def counted(found: int) -> None:
        nonlocal got
        got += found
        if got >= target:
            enough.set()

    for contact in contacts:
        contact.count(b"<status>bench", counted)
    with Measurement(peer.name, f"presence to {len(contacts)} contacts, per delivery", peer.pid) as m:
        for number in range(sizes.presences):
            target = (number + 1) * len(contacts)
            enough.clear()
            star.write(f"<presence><status>bench {number}</status></presence>")
            async with asyncio.timeout(60):
                await enough.wait()
    result = m.result(sizes.presences * len(contacts))
    await leave(clients)
    return result


async def archive_page(peer: Peer, sizes: Sizes) -> Result:
    """The last 100 messages of an archive of 10,000."""
    await register_all(peer.c2s_port, ["arch0", "arch1"])
    pair = await login_all(peer.c2s_port, ["arch0", "arch1"])
    await _talk(pair[0], pair[1], sizes.archived, 50, [])
    reader = pair[1]
    await reader.ping()
    query = (
        "<iq type='set' id='%s'><query xmlns='urn:xmpp:mam:2'>"
        "<set xmlns='http://jabber.org/protocol/rsm'><max>100</max><before/></set></query></iq>"
    )
    operation = f"archive page of 100 out of {sizes.archived:,}"
    with Measurement(peer.name, operation, peer.pid) as m:
        for number in range(sizes.pages):
            began = time.perf_counter()
            reader.write(query % f"p{number}")
            await reader.until(f"id='p{number}'".encode(), f'id="p{number}"'.encode())
            m.latencies.append(time.perf_counter() - began)
    result = m.result(sizes.pages)
    await leave(pair)
    return result


async def idle(peer: Peer, sizes: Sizes) -> Result:
    """Memory per idle session; CPU is that of the logins."""
    names = users("u", sizes.idle)
    await register_all(peer.c2s_port, names)
    before = memory_kib(peer.pid)
    with Measurement(peer.name, f"idle sessions, {sizes.idle:,}", peer.pid) as m:
        clients = await login_all(peer.c2s_port, names)
    result = m.result(len(names))
    result.extra["kib_per_session"] = round((memory_kib(peer.pid) - before) / len(names), 1)
    await leave(clients)
    return result


async def leave(clients: list[LoadClient]) -> None:
    """End all streams and let the server clean up."""
    for client in clients:
        client.close()
    await asyncio.sleep(0.5)


OPERATIONS: dict[str, Callable[[Peer, Sizes], object]] = {
    "login": logins,
    "chat": lambda peer, sizes: chat(peer, sizes, "one-to-one message, archive on"),
    "presence": presence,
    "room": room,
    "rooms": sleeping_rooms,
    "page": archive_page,
    "idle": idle,
}
