"""The archive over the admin API (admin-api, section 6.16)."""

from __future__ import annotations

import pytest

from mim.xmpp.jid import JID
from tests.plugins.shorthand import body_of

MODULES = "[modules.mod_commands]\n[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n"
YEAR_2033 = 2_000_000_000
"""Seconds; the tests move the clock there, so that times of messages are known."""


async def send(server, caller, to, body, *, at=None):
    if at is not None:
        server.clock.advance(at - server.clock.now_us() / 1e6)
    answer = await server.api.post("/messages", {"caller": caller, "to": to, "body": body})
    assert answer.status == 204


async def bodies(server, path):
    answer = await server.api.get(f"/messages/{path}")
    assert answer.status == 200, answer.text
    return [message["body"] for message in answer.json]


async def conversation(server):
    """m0 to m5 between a and b, ten seconds apart, then one from k to a."""
    for user in "abk":
        if not await server.app.server.accounts.exists(JID(user, "localhost")):
            await server.register(user)
    for number in range(6):
        caller, to = ("a", "b") if number % 2 else ("b", "a")
        await send(
            server, f"{caller}@localhost", f"{to}@localhost", f"m{number}", at=YEAR_2033 + 10 * number + 0.2
        )
    await send(server, "k@localhost", "a@localhost", "from k")


async def test_messages_come_oldest_first_with_all_their_fields(serve):
    server = await serve(MODULES)
    b1 = await server.online("b", "b1")
    await conversation(server)

    answer = await server.api.get("/messages/A@LOCALHOST%2Fres")

    assert answer.status == 200
    assert [message["body"] for message in answer.json] == ["m0", "m1", "m2", "m3", "m4", "m5", "from k"]
    assert all(set(message) == {"sender", "timestamp", "message_id", "body"} for message in answer.json)
    second = answer.json[1]
    received = next(message for message in await b1.collect() if message.get("type") == "chat")
    assert body_of(received) == "m1"
    assert (second["sender"], second["message_id"]) == ("a@localhost", received.get("id"))
    assert second["timestamp"] == YEAR_2033 + 10


async def test_a_client_is_archived_as_sender_under_its_full_jid(serve):
    server = await serve(MODULES)
    b1 = await server.online("b", "b1")
    a1 = await server.online("a", "a1")
    a1.send("<message to='b@localhost' type='chat'><body>hi</body></message>")
    await b1.expect("message")

    answer = await server.api.get("/messages/b@localhost")

    (message,) = answer.json
    assert (message["sender"], message["message_id"], message["body"]) == ("a@localhost/a1", "", "hi")
    assert await bodies(server, "a@localhost/b@localhost") == ["hi"]
    assert await bodies(server, "b@localhost/a@localhost%2Fa1") == ["hi"]
    assert await bodies(server, "b@localhost/a@localhost%2Fother") == []


async def test_with_whom_how_many_and_until_when(serve):
    server = await serve(MODULES)
    await conversation(server)
    third = YEAR_2033 + 20

    assert await bodies(server, "b@localhost/a@localhost") == ["m0", "m1", "m2", "m3", "m4", "m5"]
    assert await bodies(server, "a@localhost/k@localhost") == ["from k"]
    assert await bodies(server, "a@localhost/stranger@localhost") == []
    assert await bodies(server, "a@localhost?limit=2") == ["m5", "from k"]
    assert await bodies(server, "a@localhost?limit=0") == []
    assert await bodies(server, "a@localhost?limit=500&before=0") == ["m0", "m1", "m2", "m3", "m4", "m5", "from k"]
    assert await bodies(server, f"a@localhost?before={third}") == ["m0", "m1", "m2"]
    assert await bodies(server, f"a@localhost?before={third - 1}") == ["m0", "m1"]
    assert await bodies(server, f"a@localhost?before={third}&limit=2") == ["m1", "m2"]
    assert await bodies(server, f"a@localhost/b@localhost?before={third}&limit=1") == ["m2"]
    assert await bodies(server, "a@localhost?before=%2B05") == []
    assert await bodies(server, "a@localhost?before=-1") == []
    assert await bodies(server, "a@localhost?before=253402300799&limit=1") == ["from k"]


@pytest.mark.parametrize(("fraction", "shown"), [(0.4, 0), (0.6, 1)])
async def test_a_message_is_there_before_the_second_it_shows(serve, fraction, shown):
    server = await serve(MODULES)
    await send(server, "a@localhost", "b@localhost", "hi", at=YEAR_2033 + fraction)
    server.clock.advance(60)

    (message,) = (await server.api.get("/messages/a@localhost")).json

    assert message["timestamp"] == YEAR_2033 + shown
    assert await bodies(server, f"a@localhost?before={message['timestamp']}") == ["hi"]
    assert await bodies(server, f"a@localhost?before={message['timestamp'] - 1}") == []


async def test_message_without_body_has_an_empty_one(serve):
    server = await serve(MODULES)
    await server.register("b")
    answer = await server.api.post(
        "/stanzas",
        {"stanza": "<message from='a@localhost' to='b@localhost' id='s1'><store xmlns='urn:xmpp:hints'/></message>"},
    )
    assert answer.status == 204

    (message,) = (await server.api.get("/messages/b@localhost")).json

    assert (message["message_id"], message["body"]) == ("s1", "")


async def test_unregistered_users_and_domains_may_have_an_archive(serve):
    server = await serve(MODULES)
    await send(server, "ghost@localhost", "b@localhost", "boo")

    assert await bodies(server, "ghost@localhost") == ["boo"]
    assert await bodies(server, "nobody@localhost") == []
    assert (await server.api.get("/messages/localhost")).status == 200


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("a@localhost?limit=501", 400, "message_limit_too_high"),
        ("a@localhost/b@localhost?limit=501", 400, "message_limit_too_high"),
        ("a@localhost?limit=-1", 400, "Invalid limit: -1"),
        ("a@localhost?limit=abc", 400, "For limit expected integer, got abc"),
        ("a@localhost?before=253402300800", 400, "Invalid before: 253402300800"),
        ("a@localhost?before=2000000000000", 400, "Invalid before: 2000000000000"),
        ("@noway", 400, "Invalid jid: @noway"),
        ("a@localhost/@noway", 400, "Invalid jid: @noway"),
        ("a@nosuch.example", 404, "domain not found"),
    ],
)
async def test_refused_question(serve, path, status, text):
    server = await serve(MODULES)

    answer = await server.api.get(f"/messages/{path}")

    assert (answer.status, answer.text) == (status, text)


async def test_without_an_archive_that_is_said(serve):
    server = await serve("[modules.mod_commands]")

    answer = await server.api.get("/messages/a@localhost")

    assert (answer.status, answer.text) == (404, "message archive is not enabled")
