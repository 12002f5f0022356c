"""Messages over the admin API (admin-api, section 6.14) and what clients get of them (7, 7.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import element
from tests.plugins.shorthand import body_of, forwarded, seen, shown, stanza_ids

COMMANDS = "[modules.mod_commands]\n"
ARCHIVE = "[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n"
OFFLINE = "[modules.mod_offline]\n"
CARBONS = "[modules.mod_carboncopy]\n"


async def post(server, caller, to, body="hi"):
    answer = await server.api.post("/messages", {"caller": caller, "to": to, "body": body})
    assert (answer.status, answer.body) == (204, b"")


async def test_bare_jid_reaches_all_resources_of_the_highest_priority(serve):
    server = await serve(COMMANDS)
    await server.register("a")
    b1, b2 = await server.online("b", "b1"), await server.online("b", "b2")
    low = await server.online("b", "low", priority=-1)
    await b1.collect(), await b2.collect(), await low.collect()

    await post(server, "a@localhost", "b@localhost")

    one = await b1.expect("message", type="chat", from_="a@localhost", to="b@localhost")
    assert len(one.get("id")) == 16
    assert one.children == [element(ns.CLIENT, "body", "hi")]
    assert await b2.next() == one
    await low.expect_nothing()


async def test_full_jid_reaches_that_resource_only(serve):
    server = await serve(COMMANDS)
    b1, b2 = await server.online("b", "b1"), await server.online("b", "b2")
    await b1.collect(), await b2.collect()

    await post(server, "a@localhost/x", "b@localhost/b1")

    await b1.expect("message", from_="a@localhost/x", to="b@localhost/b1")
    await b2.expect_nothing()


async def test_full_jid_without_presence_gets_it(serve):
    server = await serve(COMMANDS + OFFLINE)
    silent = await server.client("b", "b1")

    await post(server, "a@localhost", "b@localhost/b1", "direct")
    await post(server, "a@localhost", "b@localhost", "stored")

    assert body_of(await silent.expect("message")) == "direct"
    await silent.expect_nothing()
    silent.send("<presence/>")
    assert body_of(await silent.expect("message")) == "stored"


async def test_absent_resource_is_treated_as_the_bare_jid_but_stays_in_the_address(serve):
    server = await serve(COMMANDS)
    b1, b2 = await server.online("b", "b1"), await server.online("b", "b2")
    await b1.collect(), await b2.collect()

    await post(server, "a@localhost", "b@localhost/nope")

    await b1.expect("message", to="b@localhost/nope")
    await b2.expect("message", to="b@localhost/nope")


async def test_addresses_are_prepared(serve):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    await post(server, "A@LOCALHOST", "B@localhost")

    await b1.expect("message", from_="a@localhost", to="b@localhost")


@pytest.mark.parametrize("body", ["<b>&\"'zażółć 😀 a\tb\nc", "", " ", "x" * 100_000])
async def test_body_arrives_as_it_was_given(serve, body):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    await post(server, "a@localhost", "b@localhost", body)

    assert body_of(await b1.expect("message")) == body


@pytest.mark.parametrize("character", ["\u0001", "\u000b", "\u001f", "\ufffe", "\uffff"])
async def test_characters_that_xml_cannot_carry_are_refused(serve, character):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    answer = await server.api.post("/messages", {"caller": "a@localhost", "to": "b@localhost", "body": f"x{character}"})

    assert (answer.status, answer.text) == (400, "Invalid body: character not allowed in XML")
    await b1.expect_nothing()


async def test_message_to_oneself_arrives_once(serve):
    server = await serve(COMMANDS)
    a1 = await server.online("a", "a1")

    await post(server, "a@localhost", "a@localhost")

    await a1.expect("message", from_="a@localhost", to="a@localhost")
    await a1.expect_nothing()


@pytest.mark.parametrize("caller", ["a@localhost/a1", "a@localhost"])
async def test_unknown_recipient_bounces_to_the_caller_as_given(serve, caller):
    server = await serve(COMMANDS)
    a1 = await server.online("a", "a1")

    await post(server, caller, "nobody@localhost", "lost")

    bounce = await a1.expect("message", type="error", from_="nobody@localhost", to=caller)
    assert len(bounce.get("id")) == 16
    assert body_of(bounce) == "lost"
    error = bounce.find(ns.CLIENT, "error")
    assert error is not None
    assert (error.get("type"), error.get("code")) == ("cancel", "503")
    assert error.find(ns.STANZA_ERRORS, "service-unavailable") is not None
    assert error.child_text(ns.STANZA_ERRORS, "text") == "User not found"


async def test_caller_need_not_be_registered(serve):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    await post(server, "ghost@localhost", "b@localhost/b1")
    await post(server, "localhost", "b@localhost/b1")

    await b1.expect("message", from_="ghost@localhost")
    await b1.expect("message", from_="localhost")


@pytest.mark.parametrize("to", ["x@nosuch.example", "localhost", "nosuch.example", "b@localhost/", "ghost@localhost"])
async def test_recipient_may_be_anybody(serve, to):
    server = await serve(COMMANDS)

    await post(server, "a@localhost", to)


@pytest.mark.parametrize(
    ("caller", "to", "status", "text"),
    [
        ("@noway", "b@localhost", 400, "Invalid jid: @noway"),
        ("a@localhost", "@noway", 400, "Invalid jid: @noway"),
        ("@noway", "@nope", 400, "Invalid jid: @noway; Invalid jid: @nope"),
        ("", "b@localhost", 400, "Invalid jid: "),
        ("a@localhost", "a@b@localhost", 400, "Invalid jid: a@b@localhost"),
        ("a@localhost", "a b@c", 400, "Invalid jid: a b@c"),
        ("a@localhost", "@żółć", 400, "Invalid jid: @żółć"),
        ("a@localhost", "b@localhost/" + "x" * 1024, 400, "Invalid jid: b@localhost/" + "x" * 1024),
        ("a@nosuch.example", "b@localhost", 404, "domain not found"),
    ],
)
async def test_refused_message(serve, caller, to, status, text):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    answer = await server.api.post("/messages", {"caller": caller, "to": to, "body": "hi"})

    assert (answer.status, answer.text) == (status, text)
    await b1.expect_nothing()


async def test_offline_messages_come_in_order_of_sending(serve):
    server = await serve(COMMANDS + OFFLINE + ARCHIVE)
    await server.register("e")
    for number in range(3):
        await post(server, "a@localhost", "e@localhost", f"m{number}")

    e1 = await server.client("e", "e1")
    e1.send("<presence/>")

    for number in range(3):
        message = await e1.expect("message", type="chat", from_="a@localhost", to="e@localhost")
        assert body_of(message) == f"m{number}"
        assert [child.name for child in message.elements()] == ["body", "stanza-id", "delay"]
        delay = message.find(ns.DELAY, "delay")
        assert delay is not None
        assert (delay.get("from"), delay.text) == ("localhost", "Offline Storage")
    await e1.expect("presence", from_="e@localhost/e1")


async def test_both_archives_have_it_when_the_answer_comes(serve):
    server = await serve(COMMANDS + ARCHIVE)
    b1, b2 = await server.online("b", "b1"), await server.online("b", "b2")
    await b1.collect(), await b2.collect()

    await post(server, "a@localhost", "b@localhost", "hi")

    one, two = await b1.expect("message"), await b2.expect("message")
    assert stanza_ids(one) == stanza_ids(two) == ["b@localhost"]
    assert one == two
    for owner, other in (("a@localhost", "b@localhost"), ("b@localhost", "a@localhost")):
        (archived,) = (await server.api.get(f"/messages/{owner}/{other}")).json
        assert (archived["sender"], archived["body"]) == ("a@localhost", "hi")
        assert archived["message_id"] == one.get("id")


async def test_bare_caller_with_carbons_on_everywhere(serve):
    server = await serve(COMMANDS + ARCHIVE + CARBONS)
    a1, a2, b1, b2 = [await online_with_carbons(server, name) for name in ("a1", "a2", "b1", "b2")]
    for client in (a1, a2, b1, b2):
        await client.collect()

    await post(server, "a@localhost", "b@localhost")

    for client in (b1, b2):
        message = await client.expect("message", type="chat")
        assert shown(message) == "M"
        assert stanza_ids(message) == ["b@localhost"]
        await client.expect_nothing()
    for client in (a1, a2):
        copy = await client.expect("message", type="chat", from_="a@localhost", to=str(client.jid))
        assert shown(copy) == "sent"
        assert stanza_ids(forwarded(copy)) == ["a@localhost"]
        await client.expect_nothing()


async def test_full_caller_with_carbons_on_everywhere(serve):
    server = await serve(COMMANDS + ARCHIVE + CARBONS)
    a1, a2, b1, b2 = [await online_with_carbons(server, name) for name in ("a1", "a2", "b1", "b2")]
    for client in (a1, a2, b1, b2):
        await client.collect()

    await post(server, "a@localhost/a1", "b@localhost/b1")

    assert await seen(a1) == []
    assert await seen(a2) == ["sent"]
    assert await seen(b1) == ["M"]
    assert await seen(b2) == ["received"]


async def online_with_carbons(server, resource):
    client = await server.online(resource[0], resource)
    await client.collect()
    assert (await client.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>")).get("type") == "result"
    return client
