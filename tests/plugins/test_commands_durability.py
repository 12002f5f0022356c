"""What the admin API, or stream management, has acknowledged is there after ``kill -9`` (admin-api, section 7)."""

from __future__ import annotations

from mim.xmpp import ns
from tests.client import Client
from tests.harness import PASSWORD
from tests.plugins.shorthand import body_of

MODULES = """
[modules.mod_commands]
[modules.mod_roster]
[modules.mod_offline]
[modules.mod_mam_meta]
[modules.mod_mam_meta.pm]
[modules.mod_stream_management]
"""


async def test_every_2xx_is_on_disk(spawn_server):
    server = await spawn_server(MODULES)
    for name in ("a", "b"):
        answer = await server.api.post("/users/localhost", {"username": name, "password": PASSWORD})
        assert answer.status == 201
    connected = await server.api.put("/contacts/a@localhost/b@localhost/manage", {"action": "connect"})
    sent = await server.api.post("/messages", {"caller": "a@localhost", "to": "b@localhost", "body": "hi"})
    assert (connected.status, sent.status) == (204, 204)

    await server.kill()
    server = await spawn_server(MODULES)

    assert (await server.api.get("/users/localhost")).json == ["a@localhost", "b@localhost"]
    assert (await server.api.get("/contacts/b@localhost")).json == [
        {"jid": "a@localhost", "subscription": "both", "ask": "none"}
    ]
    for owner in ("a@localhost", "b@localhost"):
        assert [message["body"] for message in (await server.api.get(f"/messages/{owner}")).json] == ["hi"]
    async with Client(server.ports["c2s"][0]) as b:
        await b.login("b", PASSWORD)
        b.send("<presence/>")
        assert body_of(await b.expect("message")) == "hi"


async def test_every_acknowledged_stanza_is_on_disk(spawn_server):
    server = await spawn_server(MODULES)
    for name in ("a", "b"):
        await server.api.post("/users/localhost", {"username": name, "password": PASSWORD})
    a = await Client(server.ports["c2s"][0]).connect()
    await a.login("a", PASSWORD)
    a.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}'/>")
    await a.expect("enabled")
    for number in range(20):
        a.send(f"<message to='b@localhost' type='chat'><body>{number}</body></message>")
    a.send(f"<r xmlns='{ns.STREAM_MANAGEMENT}'/>")
    await a.expect("a", h="20")

    await server.kill()
    await a.close()
    server = await spawn_server(MODULES)

    bodies = [str(number) for number in range(20)]
    for owner in ("a@localhost", "b@localhost"):
        assert [message["body"] for message in (await server.api.get(f"/messages/{owner}")).json] == bodies
    async with Client(server.ports["c2s"][0]) as b:
        await b.login("b", PASSWORD)
        b.send("<presence/>")
        assert [body_of(await b.expect("message")) for _ in bodies] == bodies
