"""Any stanza over the admin API (admin-api, section 6.15) and what clients get of it (7, 7.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import serialize
from tests.plugins.shorthand import forwarded, seen, shown, stanza_ids

COMMANDS = "[modules.mod_commands]\n"
ROSTER = "[modules.mod_roster]\n"
ARCHIVE = "[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n"
CARBONS = "[modules.mod_carboncopy]\n"
VERSION = "[modules.mod_version]\n"


async def post(server, stanza):
    answer = await server.api.post("/stanzas", {"stanza": stanza})
    assert (answer.status, answer.body) == (204, b"")


async def test_message_arrives_as_given(serve):
    server = await serve(COMMANDS + ARCHIVE)
    b1 = await server.online("b", "b1")

    await post(
        server,
        "<message from='A@localhost/a1' to='b@LOCALHOST' type='chat' id='m1' more='x'>"
        "<body>hi</body><thing xmlns='urn:t' a='1'><inner/></thing></message>",
    )

    message = await b1.expect("message", from_="a@localhost/a1", to="b@localhost", type="chat", id="m1", more="x")
    assert [child.name for child in message.elements()] == ["body", "thing", "stanza-id"]
    assert serialize(list(message.elements())[1], ns.CLIENT) == "<thing xmlns='urn:t' a='1'><inner/></thing>"
    assert stanza_ids(message) == ["b@localhost"]


async def test_no_id_and_no_type_are_added(serve):
    server = await serve(COMMANDS + ARCHIVE + CARBONS)
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    for client in (a1, b1):
        await client.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>")

    await post(server, "<message from='a@localhost' to='b@localhost'><body>hi</body></message>")

    message = await b1.expect("message")
    assert {"id", "type"}.isdisjoint(message.attrs)
    copy = await a1.expect("message", type="normal")
    assert shown(copy) == "sent"
    assert {"id", "type"}.isdisjoint(forwarded(copy).attrs)


async def test_headline_is_neither_archived_nor_copied(serve):
    server = await serve(COMMANDS + ARCHIVE + CARBONS)
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    await a1.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>")

    await post(server, "<message from='a@localhost' to='b@localhost' type='headline' id='h'><body>x</body></message>")

    message = await b1.expect("message", type="headline", id="h")
    assert stanza_ids(message) == []
    await a1.expect_nothing()
    assert (await server.api.get("/messages/b@localhost")).json == []


async def test_chat_state_is_copied_but_not_archived(serve):
    server = await serve(COMMANDS + ARCHIVE + CARBONS)
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    await a1.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>")

    await post(
        server, f"<message from='a@localhost' to='b@localhost' type='chat'><active xmlns='{ns.CHAT_STATES}'/></message>"
    )

    assert stanza_ids(await b1.expect("message")) == []
    assert await seen(a1) == ["sent"]


async def test_comments_go_and_cdata_becomes_text(serve):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    await post(
        server,
        " <?xml version='1.0'?> <!-- c --><message from='a@localhost' to='b@localhost'>"
        "<!-- c --><body><![CDATA[<x>&]]></body></message> ",
    )

    assert serialize(await b1.expect("message"), ns.CLIENT).endswith("<body>&lt;x&gt;&amp;</body></message>")


async def test_presence_reaches_each_available_resource_under_its_full_jid(serve):
    server = await serve(COMMANDS + ROSTER)
    b1, b2 = await server.online("b", "b1"), await server.online("b", "b2")
    silent = await server.client("b", "b3")
    await b1.collect(), await b2.collect()

    await post(server, "<presence from='a@localhost/a1' to='b@localhost'><show>away</show></presence>")

    await b1.expect("presence", from_="a@localhost/a1", to="b@localhost/b1")
    await b2.expect("presence", from_="a@localhost/a1", to="b@localhost/b2")
    await silent.expect_nothing()


async def test_subscription_request_changes_the_recipients_side_only(serve):
    server = await serve(COMMANDS + ROSTER)
    b1 = await server.online("b", "b1")

    await post(server, "<presence from='a@localhost' to='b@localhost' type='subscribe'/>")

    assert await seen(b1) == ["P(subscribe) a@localhost"]
    assert (await server.api.get("/contacts/b@localhost")).json == [
        {"jid": "a@localhost", "subscription": "none", "ask": "in"}
    ]
    assert (await server.api.get("/contacts/a@localhost")).json == []


async def test_answer_to_an_iq_goes_to_the_sender_if_he_is_online(serve):
    server = await serve(COMMANDS + VERSION)
    a1 = await server.online("a", "a1")

    query = f"<query xmlns='{ns.VERSION}'/>"
    await post(server, f"<iq type='get' id='v1' from='a@localhost/a1' to='localhost'>{query}</iq>")
    await post(server, f"<iq type='get' id='v2' from='a@localhost/no' to='localhost'>{query}</iq>")
    await post(server, f"<iq type='get' id='v3' from='a@localhost' to='localhost'>{query}</iq>")

    await a1.expect("iq", type="result", id="v1", from_="localhost", to="a@localhost/a1")
    await a1.expect_nothing()


async def test_roster_item_can_be_set_for_a_client(serve):
    server = await serve(COMMANDS + ROSTER)
    a1 = await server.online("a", "a1")

    await post(
        server,
        "<iq type='set' id='r1' from='a@localhost/a1' to='a@localhost'>"
        f"<query xmlns='{ns.ROSTER}'><item jid='b@localhost' name='B'/></query></iq>",
    )

    assert await seen(a1) == ["push(none) b@localhost", "result"]


async def test_iq_to_an_absent_resource_is_answered_with_its_payload(serve):
    server = await serve(COMMANDS)
    await server.register("e")
    a1 = await server.online("a", "a1")

    await post(server, "<iq type='get' id='u' from='a@localhost/a1' to='e@localhost/x'><query xmlns='urn:u'/></iq>")

    answer = await a1.expect("iq", type="error", id="u", from_="e@localhost/x", to="a@localhost/a1")
    assert answer.find("urn:u", "query") is not None
    error = answer.find(ns.CLIENT, "error")
    assert error is not None
    assert (error.get("type"), error.get("code")) == ("cancel", "503")
    assert error.find(ns.STANZA_ERRORS, "service-unavailable") is not None


async def test_error_message_is_delivered_to_a_bare_jid(serve):
    server = await serve(COMMANDS)
    b1 = await server.online("b", "b1")

    await post(server, "<message from='a@localhost' to='b@localhost' type='error'><body>x</body></message>")

    await b1.expect("message", type="error")


async def test_unknown_domain_bounces_to_the_sender(serve):
    server = await serve(COMMANDS)
    a1 = await server.online("a", "a1")

    await post(server, "<message from='a@localhost/a1' to='b@nosuch.example' id='m'><body>x</body></message>")

    await a1.expect("message", type="error", id="m", from_="b@nosuch.example")


GOOD = "<message from='alice@localhost' to='bob@localhost'>"


@pytest.mark.parametrize(
    ("stanza", "status", "text"),
    [
        (GOOD + "<body>the body</body></message", 400, 'Malformed stanza: "expected >"'),
        (GOOD[:-1] + "/", 400, 'Malformed stanza: "expected >"'),
        (GOOD + "<body>the body", 400, 'Malformed stanza: "unexpected end of data"'),
        (GOOD + "<body>x</bodi></message>", 400, 'Malformed stanza: "mismatched tag"'),
        (GOOD + "</message>" + GOOD + "</message>", 400, 'Malformed stanza: "more than one root element"'),
        (GOOD + "<body>&foo;</body></message>", 400, 'Malformed stanza: "undefined entity"'),
        (GOOD + "<body>a & b</body></message>", 400, 'Malformed stanza: "not well-formed (invalid token)"'),
        (GOOD + "<body>\u0001</body></message>", 400, 'Malformed stanza: "not well-formed (invalid token)"'),
        (GOOD + "<x:y/></message>", 400, 'Malformed stanza: "unbound prefix"'),
        (GOOD[:-1] + " to='x@localhost'/>", 400, 'Malformed stanza: "duplicate attribute"'),
        ("<!DOCTYPE x>" + GOOD + "</message>", 400, 'Malformed stanza: "not well-formed (invalid token)"'),
        ("", 400, 'Malformed stanza: "no root element"'),
        ("<", 400, 'Malformed stanza: "unexpected end of data"'),
        ("hello", 400, 'Malformed stanza: "unexpected end of data"'),
        (GOOD.replace("message", "MESSAGE") + "</MESSAGE>", 400, 'Malformed stanza: "unexpected element"'),
        (GOOD.replace("message", "a") + "</a>", 400, 'Malformed stanza: "unexpected element"'),
        (GOOD.replace(" from", " xmlns='urn:x' from") + "</message>", 400, 'Malformed stanza: "unexpected element"'),
        (
            "<iq from='alice@localhost/r' to='localhost'/>",
            400,
            'Malformed stanza: "an iq is of type get, set, result or error"',
        ),
        (
            "<iq type='put' from='alice@localhost/r' to='localhost'/>",
            400,
            'Malformed stanza: "an iq is of type get, set, result or error"',
        ),
        ("<message from='alice@localhost'/>", 400, "both from and to are required"),
        ("<message to='alice@localhost'/>", 400, "both from and to are required"),
        ("<a/>", 400, "both from and to are required"),
        ("<message from='@x' to='bob@localhost'/>", 400, "Invalid jid: @x"),
        ("<message from='@x' to='@y'/>", 400, "Invalid jid: @x; Invalid jid: @y"),
        ("<message from='alice@localhost' to=''/>", 400, "Invalid jid: "),
        ("<message from='alice@nosuch.example' to='bob@localhost'/>", 404, "domain not found"),
    ],
)
async def test_refused_stanza(serve, stanza, status, text):
    server = await serve(COMMANDS)
    bob = await server.online("bob", "r")

    answer = await server.api.post("/stanzas", {"stanza": stanza})

    assert (answer.status, answer.text) == (status, text)
    await bob.expect_nothing()
