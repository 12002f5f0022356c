"""Message carbons (XEP-0280; xmpp-behaviour, section 5)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import element
from tests.plugins.answers import refusal
from tests.plugins.problems import problems
from tests.plugins.shorthand import body_of, forwarded, seen, shown

MODULES = "[modules.mod_carboncopy]\n"
CHAT = "<message to='{to}' type='chat' id='m'><body>hi</body></message>"


async def enable(client, version=ns.CARBONS2):
    await client.collect()
    answer = await client.ask("set", f"<enable xmlns='{version}'/>")
    assert (answer.get("type"), answer.children) == ("result", [])


async def online(server, *resources, carbons=True):
    """Clients named ``a1``, ``b2`` ..., available, carbons on."""
    clients = [await server.online(name[0], name) for name in resources]
    for client in clients:
        if carbons:
            await enable(client)
    for client in clients:
        await client.collect()
    return clients


async def test_sent_copies_go_to_the_senders_other_resources(serve):
    server = await serve(MODULES)
    a1, a2, b1 = await online(server, "a1", "a2", "b1")

    a1.send(CHAT.format(to="b@localhost"))

    copy = await a2.expect("message", type="chat", from_="a@localhost", to="a@localhost/a2")
    assert list(copy.elements()) == [copy.find(ns.CARBONS2, "sent")]
    inner = forwarded(copy)
    assert (inner.ns, inner.attrs) == (
        ns.CLIENT,
        {"from": "a@localhost/a1", "to": "b@localhost", "type": "chat", "id": "m"},
    )
    assert inner.children == [element(ns.CLIENT, "body", "hi")]
    assert await seen(b1) == ["M"]
    assert await seen(a1) == await seen(a2) == []


async def test_received_copies_go_to_those_a_full_jid_left_out(serve):
    server = await serve(MODULES)
    a1, b1, b2 = await online(server, "a1", "b1", "b2")

    a1.send(CHAT.format(to="b@localhost/b1"))

    assert await seen(b1) == ["M"]
    copy = await b2.expect("message", type="chat", from_="b@localhost", to="b@localhost/b2")
    assert shown(copy) == "received"
    assert forwarded(copy).attrs == {"from": "a@localhost/a1", "to": "b@localhost/b1", "type": "chat", "id": "m"}
    assert await seen(b2) == await seen(a1) == []


async def test_low_priority_gets_a_received_copy_and_nobody_gets_it_twice(serve):
    server = await serve(MODULES)
    a1, b1, b2 = await online(server, "a1", "b1", "b2")
    low = await server.online("b", "low", priority=-5)
    await enable(low)
    for client in (b1, b2):
        await client.collect()

    a1.send(CHAT.format(to="b@localhost"))
    await a1.collect()

    assert [await seen(client) for client in (b1, b2, low)] == [["M"], ["M"], ["received"]]


async def test_single_resource_gets_no_copies(serve):
    server = await serve(MODULES)
    a1, b1 = await online(server, "a1", "b1")

    a1.send(CHAT.format(to="b@localhost"))
    await a1.collect()

    assert await seen(b1) == ["M"]
    assert await seen(a1) == []


async def test_resource_that_did_not_ask_gets_no_copies(serve):
    server = await serve(MODULES)
    a1, a2 = await online(server, "a1", "a2", carbons=False)
    await enable(a1)
    b1, b2 = await online(server, "b1", "b2", carbons=False)
    await enable(b1)

    a1.send(CHAT.format(to="b@localhost/b1"))
    await a1.collect()

    assert await seen(b1) == ["M"]
    assert await seen(a2) == await seen(b2) == []


async def test_first_version_has_its_own_form(serve):
    server = await serve(MODULES)
    a1, a2 = await online(server, "a1", "a2", carbons=False)
    await enable(a2, ns.CARBONS1)
    (b1,) = await online(server, "b1")

    a1.send(CHAT.format(to="b@localhost"))

    copy = await a2.expect("message", type="chat", from_="a@localhost", to="a@localhost/a2")
    sent, wrapper = copy.elements()
    assert sent == element(ns.CARBONS1, "sent")
    assert (wrapper.ns, wrapper.name) == (ns.FORWARD, "forwarded")
    assert wrapper.find(ns.CLIENT, "message") is not None
    await b1.expect("message")


async def test_copies_can_be_switched_off_and_on(serve):
    server = await serve(MODULES)
    a1, a2, _ = await online(server, "a1", "a2", "b1")

    for _ in range(2):
        assert (await a2.ask("set", f"<disable xmlns='{ns.CARBONS2}'/>")).get("type") == "result"
    a1.send(CHAT.format(to="b@localhost"))
    await a1.collect()
    assert await seen(a2) == []

    for _ in range(2):
        await enable(a2)
    a1.send(CHAT.format(to="b@localhost"))
    await a1.collect()
    assert await seen(a2) == ["sent"]


async def test_unavailable_switches_copies_off(serve):
    server = await serve(MODULES)
    a1, a2, _ = await online(server, "a1", "a2", "b1")

    a2.send("<presence type='unavailable'/>")
    a2.send("<presence/>")
    await a2.collect()
    a1.send(CHAT.format(to="b@localhost"))
    await a1.collect()

    assert "sent" not in await seen(a2)


async def test_reconnected_resource_has_copies_off(serve):
    server = await serve(MODULES)
    a1, a2, _ = await online(server, "a1", "a2", "b1")
    await a2.close()
    (again,) = await online(server, "a2", carbons=False)
    await a1.collect()

    a1.send(CHAT.format(to="b@localhost"))
    await a1.collect()

    assert await seen(again) == []


async def test_message_to_oneself_is_not_doubled(serve):
    server = await serve(MODULES)
    a1, a2 = await online(server, "a1", "a2")
    low = await server.online("a", "low", priority=-1)
    await enable(low)
    for client in (a1, a2):
        await client.collect()

    a1.send(CHAT.format(to="a@localhost"))
    assert await seen(a1) == ["M"]
    assert await seen(a2) == ["M"]
    assert await seen(low) == ["sent"]

    a1.send(CHAT.format(to="a@localhost/a2"))
    assert await seen(a1) == []
    assert await seen(a2) == ["M"]
    assert await seen(low) == ["sent"]


ELIGIBLE = {
    "chat without body": ("<message to='{to}' type='chat'><x xmlns='urn:x'/></message>", True, True),
    "normal with body": ("<message to='{to}'><body>hi</body></message>", True, True),
    "normal with body, named": ("<message to='{to}' type='normal'><body>hi</body></message>", True, True),
    "normal with receipt": (f"<message to='{{to}}'><received xmlns='{ns.RECEIPTS}' id='x'/></message>", True, True),
    "normal with chat state": (f"<message to='{{to}}'><active xmlns='{ns.CHAT_STATES}'/></message>", True, True),
    "normal with something else": ("<message to='{to}'><x xmlns='urn:x'/></message>", False, False),
    "headline": ("<message to='{to}' type='headline'><body>hi</body></message>", False, False),
    "groupchat": ("<message to='{to}' type='groupchat'><body>hi</body></message>", False, False),
    "error": ("<message to='{to}' type='error'><body>hi</body></message>", False, False),
    "direct invitation": (f"<message to='{{to}}'><x xmlns='{ns.CONFERENCE}' jid='r@muc'/></message>", False, True),
    "mediated invitation": (f"<message to='{{to}}'><x xmlns='{ns.MUC_USER}'><invite/></x></message>", False, True),
    "room's private message": (f"<message to='{{to}}'><x xmlns='{ns.MUC_USER}'/></message>", False, True),
    "private": (f"<message to='{{to}}' type='chat'><body/><private xmlns='{ns.CARBONS2}'/></message>", False, False),
    "no-copy": (f"<message to='{{to}}' type='chat'><body/><no-copy xmlns='{ns.HINTS}'/></message>", False, False),
    "a copy": (f"<message to='{{to}}' type='chat'><received xmlns='{ns.CARBONS2}'/></message>", False, False),
}


@pytest.mark.parametrize(("text", "sent", "received"), list(ELIGIBLE.values()), ids=list(ELIGIBLE))
async def test_of_what_copies_are_made(serve, text, sent, received):
    server = await serve(MODULES)
    a1, a2, b1, b2 = await online(server, "a1", "a2", "b1", "b2")

    a1.send(text.format(to="b@localhost/b1"))
    await a1.collect()

    original = await b1.expect("message")
    assert await seen(a2) == ["sent"] * sent
    assert await seen(b2) == ["received"] * received
    if "private" in text:
        assert original.find(ns.CARBONS2, "private") is not None  # not stripped


async def test_copy_of_a_message_without_type_is_normal_and_the_inner_one_stays_without(serve):
    server = await serve(MODULES)
    a1, a2, _ = await online(server, "a1", "a2", "b1")

    a1.send("<message to='b@localhost'><body>hi</body></message>")

    copy = await a2.expect("message", type="normal")
    assert "type" not in forwarded(copy).attrs


async def test_sent_copy_has_the_id_of_the_senders_archive(serve):
    server = await serve(MODULES + "[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n")
    a1, a2, b1, b2 = await online(server, "a1", "a2", "b1", "b2")

    a1.send(CHAT.format(to="b@localhost/b1"))

    sent, delivered, received = forwarded(await a2.next()), await b1.next(), forwarded(await b2.next())
    (own,) = sent.elements(ns.STANZA_ID, "stanza-id")
    assert own.get("by") == "a@localhost"
    (theirs,) = delivered.elements(ns.STANZA_ID, "stanza-id")
    assert theirs.get("by") == "b@localhost"
    assert list(received.elements(ns.STANZA_ID, "stanza-id")) == [theirs]
    assert body_of(received) == "hi"


async def test_bounce_is_not_copied(serve):
    server = await serve(MODULES)
    a1, a2 = await online(server, "a1", "a2")

    a1.send(CHAT.format(to="nobody@localhost"))

    assert shown(await a1.next()) == "error"
    assert await seen(a2) == ["sent"]


async def test_only_the_own_account_can_be_asked(serve):
    server = await serve(MODULES)
    a1, _ = await online(server, "a1", "b1", carbons=False)

    for to in ("b@localhost", "a@localhost"):
        answer = await a1.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>", to=to)
        assert answer.get("type") == ("result" if to == "a@localhost" else "error")
    assert refusal(await a1.ask("get", f"<enable xmlns='{ns.CARBONS2}'/>")) == "cancel/service-unavailable"


async def test_features_come_and_go_with_the_module(serve):
    server = await serve(MODULES)
    features = {ns.CARBONS1, ns.CARBONS2, "urn:xmpp:carbons:rules:0"}

    assert features <= set(server.app.host("localhost").features())
    await server.stop_module("mod_carboncopy")
    assert features.isdisjoint(server.app.host("localhost").features())


def test_options_are_checked():
    assert problems(MODULES) == []
    assert problems(MODULES + "x = 1\n") == ["modules.mod_carboncopy.x"]
    assert problems(MODULES + 'iqdisc.type = "parallel"\n') == []
