"""Messages for users who are offline (XEP-0160; xmpp-behaviour, section 4)."""

from __future__ import annotations

import pytest

from mim.clock import parse_stamp
from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.jid import JID

MODULES = "[modules.mod_offline]"
LIMITED = """
[modules.mod_offline]
[[access.max_user_offline_messages]]
  acl = "all"
  value = 2
"""


@pytest.fixture
async def server(serve):
    server = await serve(MODULES, admin=None)
    await server.register("juliet")
    return server


def message(body: str, *, kind: str = "chat", to: str = "juliet@localhost", more: str = "") -> str:
    type_ = f" type='{kind}'" if kind else ""
    text = f"<body>{body}</body>" if body else ""
    return f"<message to='{to}'{type_} id='{body or 'm'}'>{text}{more}</message>"


async def sent(client, *stanzas: str) -> list[Element]:
    """Send stanzas and return what comes back once the server has handled them."""
    for stanza in stanzas:
        client.send(stanza)
    return await client.collect()


def bodies(stanzas: list[Element]) -> list[str | None]:
    return [stanza.child_text(ns.CLIENT, "body") for stanza in stanzas if stanza.name == "message"]


async def waiting(server, user: str = "juliet") -> int:
    await server.app.server.database.flush()
    module = server.app.modules.find(server.app.host("localhost"), "mod_offline")
    return await module._store.count(JID.of(user, "localhost"))


def condition(stanza: Element) -> tuple[str, str, str | None]:
    error = stanza.find(ns.CLIENT, "error")
    return error.get("type"), next(error.elements(ns.STANZA_ERRORS)).name, error.child_text(ns.STANZA_ERRORS, "text")


async def test_stored_messages_come_in_order_stamped_before_the_own_presence(server):
    romeo = await server.online("romeo")
    before = server.clock.now()
    await sent(romeo, *(message(f"m{number}") for number in range(5)))

    juliet = await server.client("juliet")
    juliet.send("<presence/>")
    got = [await juliet.next() for _ in range(6)]

    assert bodies(got[:5]) == ["m0", "m1", "m2", "m3", "m4"]
    assert got[5].name == "presence"
    for stanza in got[:5]:
        assert (stanza.get("from"), stanza.get("to")) == ("romeo@localhost/r1", "juliet@localhost")
        delay = list(stanza.elements())[-1]
        assert (delay.ns, delay.name, delay.text) == (ns.DELAY, "delay", "Offline Storage")
        assert delay.get("from") == "localhost"
        assert before <= parse_stamp(delay.get("stamp")) <= server.clock.now()
        assert delay.get("stamp")[19] == "."


async def test_nothing_comes_again_at_the_second_login(server):
    romeo = await server.online("romeo")
    await sent(romeo, message("once"))
    first = await server.online("juliet", "r1")
    assert bodies(await first.collect()) == ["once"]
    second = await server.online("juliet", "r2")
    assert bodies(await second.collect()) == []
    assert await waiting(server) == 0


async def test_more_than_a_page_comes_whole_and_in_order(server):
    romeo = await server.online("romeo")
    await sent(romeo, *(message(f"m{number}") for number in range(250)))
    juliet = await server.online("juliet")
    assert bodies(await juliet.collect()) == [f"m{number}" for number in range(250)]


async def test_negative_priority_gets_nothing_until_it_becomes_zero(server):
    romeo = await server.online("romeo")
    juliet = await server.online("juliet", priority=-1)
    await sent(romeo, message("later"))
    assert bodies(await juliet.collect()) == []
    juliet.send("<presence><priority>0</priority></presence>")
    assert bodies(await juliet.collect()) == ["later"]


async def test_session_without_presence_counts_as_offline(server):
    romeo, juliet = await server.online("romeo"), await server.client("juliet")
    await sent(romeo, message("waits"))
    await juliet.expect_nothing()
    assert await waiting(server) == 1


async def test_addressee_with_a_resource_keeps_it(server):
    romeo = await server.online("romeo")
    await sent(romeo, message("hi", to="juliet@localhost/balcony"))
    juliet = await server.online("juliet")
    assert (await juliet.expect("message")).get("to") == "juliet@localhost/balcony"


@pytest.mark.parametrize("kind", ["", "normal", "chat"])
async def test_kinds_that_are_kept(server, kind):
    romeo = await server.online("romeo")
    assert await sent(romeo, message("kept", kind=kind)) == []
    juliet = await server.online("juliet")
    assert (await juliet.expect("message")).get("type") == kind


async def test_headline_is_refused_and_not_kept(server):
    romeo = await server.online("romeo")
    (back,) = await sent(romeo, message("news", kind="headline"))
    assert condition(back) == ("cancel", "service-unavailable", None)
    assert await waiting(server) == 0


async def test_error_and_groupchat_vanish(server):
    romeo = await server.online("romeo")
    assert await sent(romeo, message("x", kind="error"), message("y", kind="groupchat")) == []
    assert await waiting(server) == 0


async def test_groupchat_is_kept_when_the_file_says_so(serve):
    server = await serve(f"{MODULES}\nstore_groupchat_messages = true", admin=None)
    romeo = await server.online("romeo")
    await server.register("juliet")
    await sent(romeo, message("group", kind="groupchat"))
    juliet = await server.online("juliet")
    assert bodies(await juliet.collect()) == ["group"]


@pytest.mark.parametrize(
    "more",
    [
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<paused xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
        "",
    ],
)
async def test_what_means_nothing_later_is_not_kept(server, more):
    romeo = await server.online("romeo")
    assert await sent(romeo, message("", more=more)) == []
    assert await waiting(server) == 0


async def test_sender_may_forbid_to_keep_it(server):
    romeo = await server.online("romeo")
    assert await sent(romeo, message("secret", more="<no-store xmlns='urn:xmpp:hints'/>")) == []
    assert await waiting(server) == 0


async def test_receipt_and_invitation_are_kept(server):
    romeo = await server.online("romeo")
    await sent(
        romeo,
        message("", more="<received xmlns='urn:xmpp:receipts' id='1'/>"),
        message("", kind="", more="<x xmlns='jabber:x:conference' jid='room@conference.localhost'/>"),
    )
    assert await waiting(server) == 2


async def test_expired_message_does_not_come(server):
    romeo = await server.online("romeo")
    await sent(
        romeo,
        message("short", more="<x xmlns='jabber:x:expire' seconds='60'/>"),
        message("long", more="<x xmlns='jabber:x:expire' seconds='6000'/>"),
        message("odd", more="<x xmlns='jabber:x:expire' seconds='soon'/>"),
        message("ages", more=f"<x xmlns='jabber:x:expire' seconds='{'9' * 40}'/>"),
    )
    server.clock.advance(61)
    juliet = await server.online("juliet")
    assert bodies(await juliet.collect()) == ["long", "odd", "ages"]
    assert await waiting(server) == 0


async def test_full_queue_refuses_with_the_text_of_the_contract(serve):
    server = await serve(LIMITED, admin=None)
    await server.register("juliet")
    romeo = await server.online("romeo")
    romeo.send("".join(message(f"m{number}") for number in range(4)))
    refused = [await romeo.expect("message", type="error") for _ in range(2)]
    assert [stanza.get("id") for stanza in refused] == ["m2", "m3"]
    text = "Your contact offline message queue is full. The message has been discarded."
    assert [condition(stanza) for stanza in refused] == [("wait", "resource-constraint", text)] * 2

    juliet = await server.online("juliet")
    assert bodies(await juliet.collect()) == ["m0", "m1"]
    juliet.send("<presence type='unavailable'/>")
    await juliet.collect()
    assert await sent(romeo, message("again")) == []


async def test_two_clients_that_come_together_do_not_both_get_it(server):
    romeo = await server.online("romeo")
    await sent(romeo, *(message(f"m{number}") for number in range(150)))
    clients = [await server.client("juliet", f"r{number}") for number in range(3)]
    for client in clients:
        client.send("<presence/>")
    got = [body for client in clients for body in bodies(await client.collect())]
    assert sorted(got) == sorted(f"m{number}" for number in range(150))


async def test_what_comes_while_the_store_is_read_stays_behind(server):
    romeo = await server.online("romeo")
    await sent(romeo, *(message(f"m{number}") for number in range(150)))
    juliet = await server.client("juliet")
    juliet.send("<presence/>")
    romeo.send("".join(message(f"n{number}") for number in range(20)))
    await romeo.collect()
    got = bodies(await juliet.collect())
    assert got[:150] == [f"m{number}" for number in range(150)]
    assert got[150:] == [f"n{number}" for number in range(20)]


async def test_a_client_lost_in_between_loses_nothing(server):
    romeo = await server.online("romeo")
    await sent(romeo, *(message("x" * 50_000) for _ in range(200)))
    lost = await server.client("juliet", "lost")
    lost.stop_reading()
    lost.send("<presence/>")
    await romeo.collect()
    await lost.drop()
    juliet = await server.online("juliet")
    assert len(bodies(await juliet.collect())) == 200


async def test_unknown_user_is_refused(server):
    romeo = await server.online("romeo")
    romeo.send(message("hello?", to="nobody@localhost"))
    back = await romeo.expect("message", type="error")
    assert condition(back) == ("cancel", "service-unavailable", "User not found")


async def test_without_the_module_it_is_refused_and_with_the_stub_dropped(serve):
    for modules, expected in (
        ("", [("cancel", "service-unavailable", "Bounce offline message")]),
        ("[modules.mod_offline_stub]", []),
    ):
        server = await serve(modules, admin=None)
        await server.register("juliet")
        romeo = await server.online("romeo")
        assert [condition(stanza) for stanza in await sent(romeo, message("hi"))] == expected


async def test_the_stub_leaves_it_to_the_store_where_both_run(serve):
    server = await serve("[modules.mod_offline_stub]\n[modules.mod_offline]", admin=None)
    await server.register("juliet")
    await sent(await server.online("romeo"), message("kept"))
    assert await waiting(server) == 1


async def test_a_removed_account_leaves_nothing(server):
    await sent(await server.online("romeo"), message("late"))
    await server.app.server.accounts.remove(JID.parse("juliet@localhost"))
    assert await waiting(server) == 0
    juliet = await server.online("juliet")
    assert bodies(await juliet.collect()) == []


async def test_messages_survive_a_restart(serve, tmp_path):
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    await server.register("juliet")
    await sent(await server.online("romeo"), message("kept"))
    await server.stop()
    again = await serve(MODULES, admin=None, data_dir=tmp_path)
    juliet = await again.online("juliet")
    assert bodies(await juliet.collect()) == ["kept"]


async def test_server_offers_it(serve):
    server = await serve(f"{MODULES}\n[modules.mod_disco]", admin=None)
    romeo = await server.client("romeo")
    answer = await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to="localhost")
    assert "msgoffline" in [feature.get("var") for feature in answer.payload.elements(ns.DISCO_INFO, "feature")]
