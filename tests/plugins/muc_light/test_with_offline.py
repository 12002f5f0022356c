"""contract/muc-light, section 9: what becomes of a room's messages for occupants who are offline."""

from __future__ import annotations

from mim.xmpp import ns
from tests.client import Client
from tests.harness import PASSWORD
from tests.plugins.muc_light.rooms import MODULE, NS, ROOM, create, next_version, online, send_iq, users

STORED = f"[modules.mod_offline]\nstore_groupchat_messages = true\n{MODULE}"


async def speak(server, *texts: str):
    """Have ann say something in a room that ben, who is offline, was put into, and return her."""
    (ann,) = await online(server, "ann")
    await server.register("ben")
    others = users({"ben": "member"})
    send_iq(ann, "set", f"<query xmlns='{NS}#create'><occupants>{others}</occupants></query>")
    await next_version(ann)
    await ann.expect("iq", type="result")
    for text in texts:
        ann.send(f"<message type='groupchat' id='{text}' to='{ROOM}'><body>{text}</body></message>")
        await ann.expect("message", id=text)
    await ann.expect_nothing()
    return ann


async def test_by_default_nothing_waits_and_nothing_bounces(serve):
    server = await serve(f"[modules.mod_offline]\n{MODULE}")
    await speak(server, "m1")

    ben = await server.online("ben")

    await ben.expect_nothing()


async def test_where_it_shall_everything_waits_in_order(serve):
    server = await serve(STORED)
    await speak(server, "m1", "m2")

    ben = await server.online("ben")

    invitation, *messages = await ben.collect()
    assert invitation.get("from") == ROOM
    assert [message.get("id") for message in messages] == ["m1", "m2"]
    for message in messages:
        assert message.get("from") == f"{ROOM}/ann@localhost"
        assert message.get("to") == "ben@localhost"
        assert message.find(ns.DELAY, "delay") is not None


async def test_who_is_online_has_nothing_waiting(serve):
    server = await serve(STORED)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ben.expect("message", id="m1")
    await ben.close()

    ben = await server.online("ben", "r2")

    await ben.expect_nothing()


async def test_the_admins_message_is_on_disk_when_it_is_answered(spawn_server):
    modules = f"[modules.mod_commands]\n[modules.mod_muc_light_commands]\n{STORED}"
    server = await spawn_server(modules)
    for name in ("ann", "ben"):
        await server.api.post("/users/localhost", {"username": name, "password": "secret"})
    room = {"id": "den", "name": "Den", "owner": "ann@localhost", "subject": ""}
    assert (await server.api.put("/muc-lights/localhost", room)).status == 201
    people = {"sender": "ann@localhost", "recipient": "ben@localhost"}
    assert (await server.api.post("/muc-lights/localhost/Den/participants", people)).status == 204
    said = {"from": "ann@localhost", "body": "hi"}
    assert (await server.api.post("/muc-lights/localhost/Den/messages", said)).status == 204

    await server.kill()
    await server.start()
    ben = await server_client(server, "ben")

    bodies = [message.child_text(ns.CLIENT, "body") for message in await ben.collect()]
    assert bodies == ["", "hi"]
    await ben.close()


async def server_client(server, name: str):
    client = Client(server.ports["c2s"][0])
    await client.connect()
    await client.login(name, PASSWORD, "r1")
    return await client.available()
