"""The admin API and slixmpp clients together: what a call does is what a client that is not ours sees."""

from __future__ import annotations

import asyncio

from mim.xmpp import ns
from tests.foreign import connect, happened, slixmpp_client, unconnected

COMMANDS = "[modules.mod_commands]\n"
SM = "[modules.mod_stream_management]\n"
SECONDS = 10


async def soon(future):
    async with asyncio.timeout(SECONDS):
        return await future


async def test_message_by_rest_arrives_and_the_answer_reaches_the_other_client(serve):
    server = await serve(COMMANDS)
    async with slixmpp_client(server, "alice") as alice, slixmpp_client(server, "bob") as bob:
        to_bob, to_alice = happened(bob, "message"), happened(alice, "message")

        answer = await server.api.post(
            "/messages", {"caller": "alice@localhost", "to": "bob@localhost", "body": "zażółć <b>"}
        )
        message = await soon(to_bob)
        message.reply("got it").send()

        assert answer.status == 204
        assert (str(message["from"]), message["type"], message["body"]) == ("alice@localhost", "chat", "zażółć <b>")
        back = await soon(to_alice)
        assert (back["from"].bare, back["body"]) == ("bob@localhost", "got it")


async def test_stanza_by_rest_arrives(serve):
    server = await serve(COMMANDS)
    async with slixmpp_client(server, "bob") as bob:
        seen = happened(bob, "message")
        content = "<body>hi</body><x xmlns='urn:x'/>"
        stanza = f"<message from='alice@localhost/x' to='bob@localhost' id='s1'>{content}</message>"

        assert (await server.api.post("/stanzas", {"stanza": stanza})).status == 204

        message = await soon(seen)
        assert (message["id"], message["type"], message["body"]) == ("s1", "normal", "hi")
        assert message.xml.find("{urn:x}x") is not None


async def test_kicked_client_is_disconnected(serve):
    server = await serve(COMMANDS)
    async with slixmpp_client(server, "alice", resource="here") as alice:
        alice.auto_reconnect = False
        error, disconnected = happened(alice, "stream_error"), happened(alice, "disconnected")
        assert (await server.api.get("/sessions/localhost")).json == ["alice@localhost/here"]

        assert (await server.api.delete("/sessions/localhost/alice/here")).status == 204

        stream_error = await soon(error)
        assert (stream_error["condition"], stream_error["text"]) == ("conflict", "kicked")
        await soon(disconnected)
        assert (await server.api.get("/sessions/localhost")).json == []


async def test_registered_client_logs_in_and_its_removal_ends_it(serve):
    server = await serve(COMMANDS)
    await server.api.post("/users/localhost", {"username": "carol", "password": "secret"})
    carol = unconnected(server, "carol")
    await connect(carol, server)
    error = happened(carol, "stream_error")

    assert (await server.api.delete("/users/localhost/carol")).status == 204

    assert (await soon(error))["text"] == "User removed"
    await carol.disconnect()


async def test_befriended_clients_see_each_other(serve):
    server = await serve(COMMANDS + "[modules.mod_roster]\n")
    async with slixmpp_client(server, "alice") as alice, slixmpp_client(server, "bob") as bob:
        await alice.get_roster(), await bob.get_roster()
        to_alice, to_bob = happened(alice, "got_online"), happened(bob, "got_online")

        answer = await server.api.put("/contacts/alice@localhost/bob@localhost/manage", {"action": "connect"})

        assert answer.status == 204
        assert (await soon(to_alice))["from"].bare == "bob@localhost"
        assert (await soon(to_bob))["from"].bare == "alice@localhost"
        assert alice.client_roster["bob@localhost"]["subscription"] == "both"
        assert bob.client_roster["alice@localhost"]["subscription"] == "both"


async def test_cut_off_client_resumes_and_has_missed_nothing(serve):
    server = await serve(COMMANDS + SM)
    async with slixmpp_client(server, "bob", plugins=["xep_0198"], resource="phone") as bob:
        await soon(enabled(bob))
        resumed, message = happened(bob, "session_resumed"), happened(bob, "message")
        bob.abort()
        await soon(happened(bob, "disconnected"))
        await server.api.post("/messages", {"caller": "alice@localhost", "to": "bob@localhost", "body": "missed"})
        assert (await server.api.get("/sessions/localhost")).json == ["bob@localhost/phone"]

        bob.connect("127.0.0.1", server.port)

        await soon(resumed)
        late = await soon(message)
        assert late["body"] == "missed"
        assert late.xml.find(f"{{{ns.DELAY}}}delay") is not None


def enabled(client):
    """Return a future of stream management being on; it may be on already."""
    if client.plugin["xep_0198"].enabled_in:
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future
    return happened(client, "sm_enabled")
