"""Operations over the admin APIs: mim's, and ejabberd's ``mod_http_api`` where it has the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from bench.clients import PASSWORD, connect, login_all, register_all
from bench.http_load import Request, request, run
from bench.measure import Measurement, Result
from bench.peers import Peer
from bench.xmpp_operations import END, Sizes, leave, users

CONNECTIONS = 8


@dataclass(frozen=True)
class RestPeer:
    """How one server's admin API is asked; None = it has no such call."""

    name: str

    def call(self, operation: str, number: int, **values: Any) -> Request | None:
        """Return the request of an operation."""
        maker = getattr(self, f"_{self.name}", None)
        return None if maker is None else maker(operation, number, values)

    @staticmethod
    def _mim(operation: str, number: int, values: dict[str, Any]) -> Request | None:
        jid = f"{values.get('user', 'u0')}@localhost"
        if operation == "commands":
            return request("GET", "/api/commands")
        if operation == "users":
            return request("GET", "/api/users/localhost")
        if operation == "message":
            body = {"caller": "u1@localhost", "to": jid, "body": f"message {number} over REST"}
            return request("POST", "/api/messages", body)
        if operation == "page":
            return request("GET", f"/api/messages/{jid}?limit=100")
        if operation == "register":
            body = {"host": "localhost", "username": f"{values['prefix']}{number}", "password": PASSWORD}
            return request("POST", "/api/users", body)
        if operation == "roster":
            return request("GET", f"/api/contacts/{jid}")
        if operation == "room":
            body = {"name": f"{values['prefix']}{number}", "owner": "u1@localhost", "nick": "u1"}
            return request("POST", "/api/mucs/localhost", body)
        return None

    @staticmethod
    def _ejabberd(operation: str, number: int, values: dict[str, Any]) -> Request | None:
        user = values.get("user", "u0")
        if operation == "users":
            return request("POST", "/api/registered_users", {"host": "localhost"})
        if operation == "message":
            body = {
                "type": "chat", "from": "u1@localhost", "to": f"{user}@localhost", "subject": "",
                "body": f"message {number} over REST",
            }  # fmt: skip
            return request("POST", "/api/send_message", body)
        if operation == "register":
            body = {"host": "localhost", "user": f"{values['prefix']}{number}", "password": PASSWORD}
            return request("POST", "/api/register", body)
        if operation == "roster":
            return request("POST", "/api/get_roster", {"user": user, "host": "localhost"})
        if operation == "room":
            body = {"name": f"{values['prefix']}{number}", "service": "conference.localhost", "host": "localhost"}
            return request("POST", "/api/create_room", body)
        return None


async def measure(
    peer: Peer, label: str, operation: str, count: int, *, connections: int = CONNECTIONS, **values: Any
) -> Result | None:
    """Send *count* requests of an operation; None when the server has no such call."""
    api = RestPeer(peer.name)
    requests = [api.call(operation, number, **values) for number in range(count)]
    if requests[0] is None:
        return None
    with Measurement(peer.name, label, peer.pid) as m:
        m.latencies = await run(peer.http_port, [made for made in requests if made is not None], connections)
    return m.result(count)


async def all_operations(peer: Peer, sizes: Sizes) -> list[Result]:
    """Run all REST operations one after another on a server that was just started on an empty store."""
    results: list[Result | None] = []
    await register_all(peer.c2s_port, users("u", 10))
    n = sizes.requests
    results.append(await measure(peer, "REST command list", "commands", n))
    results.append(await measure(peer, "REST list of 10 users", "users", n))
    results.append(await measure(peer, "REST registration", "register", n // 4, prefix="reg"))
    results.append(await measure(peer, "REST roster read", "roster", n, user="u0"))
    results.append(await to_online(peer, n, CONNECTIONS, "REST message to an online user, archived"))
    results.append(await to_online(peer, n, 100, "REST message, 100 connections at once"))
    results.append(await measure(peer, "REST message to an offline user, archived", "message", n, user="u2"))
    results.append(await measure(peer, "REST room creation", "room", n // 4, prefix="room"))
    await fill(peer, sizes.archived)
    label = f"REST archive page of 100 out of {sizes.archived:,}"
    results.append(await measure(peer, label, "page", n // 4, user="arch1"))
    many = sizes.idle * 5
    await measure(peer, "", "register", max(0, many - n // 4 - 10), prefix="many")
    results.append(await measure(peer, f"REST list of {many:,} users", "users", 20, connections=2))
    return [result for result in results if result is not None]


async def to_online(peer: Peer, count: int, connections: int, label: str) -> Result | None:
    """Send messages to a user who is online, and see all of them arrive."""
    (receiver,) = await login_all(peer.c2s_port, ["u0"])
    got = 0
    everything = asyncio.Event()

    def counted(found: int) -> None:
        nonlocal got
        got += found
        if got >= count:
            everything.set()

    receiver.count(END, counted)
    result = await measure(peer, label, "message", count, connections=connections, user="u0")
    if result is not None:
        async with asyncio.timeout(60):
            await everything.wait()
    await leave([receiver])
    return result


async def fill(peer: Peer, count: int) -> None:
    """Put messages into the archive of arch1, by XMPP as on every server."""
    await register_all(peer.c2s_port, ["arch0", "arch1"])
    sender = await (await connect(peer.c2s_port, "arch0")).login()
    receiver = await (await connect(peer.c2s_port, "arch1")).login()
    got = 0
    enough = asyncio.Event()

    def counted(found: int) -> None:
        nonlocal got
        got += found
        enough.set()

    receiver.count(END, counted)
    sent = 0
    while got < count:
        if sent - got < 500 and sent < count:
            some = min(100, count - sent)
            text = "<message to='arch1@localhost' type='chat' id='f%d'><body>number %d</body></message>"
            sender.write("".join(text % (sent + i, sent + i) for i in range(some)))
            sent += some
            await asyncio.sleep(0)
            continue
        enough.clear()
        async with asyncio.timeout(60):
            await enough.wait()
    await leave([sender, receiver])
