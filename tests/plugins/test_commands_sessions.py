"""Sessions over the admin API (admin-api, section 6.6, 6.7, 7.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.shorthand import seen

MODULES = "[modules.mod_commands]\n"


async def test_sessions_are_listed_sorted_available_or_not(serve):
    server = await serve(MODULES, hosts=("localhost", "other.example"))
    await server.online("b", "one")
    await server.client("a", "Res Two")
    await server.online("a", "one")
    await server.online("a", "elsewhere", domain="other.example")

    answer = await server.api.get("/sessions/localhost")

    assert answer.status == 200
    assert answer.json == ["a@localhost/Res Two", "a@localhost/one", "b@localhost/one"]
    assert (await server.api.get("/sessions/LOCALHOST")).json == answer.json
    assert (await server.api.get("/sessions/other.example")).json == ["a@other.example/elsewhere"]


@pytest.mark.parametrize("host", ["localhost", "nosuch.example", "not%20a%20domain"])
async def test_there_may_be_no_sessions(serve, host):
    server = await serve(MODULES)

    answer = await server.api.get(f"/sessions/{host}")

    assert (answer.status, answer.json) == (200, [])


async def test_kicked_client_is_told_and_gone_when_the_answer_comes(serve):
    server = await serve(MODULES)
    one, two = await server.online("k", "one"), await server.online("k", "two")
    await one.collect()

    answer = await server.api.delete("/sessions/localhost/k/one")

    assert (answer.status, answer.body) == (204, b"")
    assert (await server.api.get("/sessions/localhost")).json == ["k@localhost/two"]
    error = await one.stream_error()
    assert error.find(ns.STREAM_ERRORS, "conflict") is not None
    text = error.find(ns.STREAM_ERRORS, "text")
    assert text is not None
    assert (text.text, text.get("xml:lang")) == ("kicked", "en")
    (gone,) = [stanza for stanza in await two.collect() if stanza.get("type") == "unavailable"]
    assert gone.get("from") == "k@localhost/one"
    assert gone.children == []
    again = await server.api.delete("/sessions/localhost/k/one")
    assert (again.status, again.text) == (404, "no active session")


async def test_contacts_see_the_kicked_client_go(serve):
    server = await serve(MODULES + "[modules.mod_roster]\n")
    k1, k2, b1 = [await server.online(user, resource) for user, resource in (("k", "1"), ("k", "2"), ("b", "1"))]
    await server.api.put("/contacts/k@localhost/b@localhost/manage", {"action": "connect"})
    for client in (k1, k2, b1):
        await seen(client)

    assert (await server.api.delete("/sessions/localhost/k/1")).status == 204

    for watcher in (k2, b1):
        gone = await watcher.expect("presence", type="unavailable", from_="k@localhost/1")
        assert gone.children == []
        await watcher.expect_nothing()


async def test_kick_speaks_the_language_of_the_clients_stream(serve):
    server = await serve(MODULES)
    client = await server.client("k", "one", xml_lang="pl")

    await server.api.delete("/sessions/LOCALHOST/K/one")

    text = (await client.stream_error()).find(ns.STREAM_ERRORS, "text")
    assert text is not None
    assert text.get("xml:lang") == "pl"


async def test_nobody_hears_of_the_kick_of_a_session_without_presence(serve):
    server = await serve(MODULES)
    silent, two = await server.client("k", "one"), await server.online("k", "two")

    assert (await server.api.delete("/sessions/localhost/k/one")).status == 204

    await silent.stream_error()
    await two.expect_nothing()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("localhost/nobody/one", 404, "no active session"),
        ("localhost/k/two", 404, "no active session"),
        ("nosuch.example/k/one", 404, "no active session"),
        ("localhost/%40k/one", 400, "Invalid jid: @k@localhost/one"),
        ("localhost/k/" + "x" * 1024, 400, "Invalid jid: k@localhost/" + "x" * 1024),
    ],
)
async def test_refused_kick(serve, path, status, text):
    server = await serve(MODULES)
    client = await server.client("k", "one")

    answer = await server.api.delete(f"/sessions/{path}")

    assert (answer.status, answer.text) == (status, text)
    await client.expect_nothing()
