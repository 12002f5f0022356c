"""contract/muc-light, section 9."""

from __future__ import annotations

import pytest

from mim.xmpp.stanza import FanOut
from tests.plugins.muc_light.rooms import (
    MODULE,
    ROOM,
    SERVICE,
    create,
    error,
    fields,
    gets,
    online,
    send_iq,
)


def copy(to: str, id: str, content: str, sender: str = "ann", more: str = "") -> str:
    return (
        f"<message type='groupchat' id='{id}' from='{ROOM}/{sender}@localhost' to='{to}@localhost'{more}>"
        f"{content}</message>"
    )


async def test_everybody_gets_a_copy_the_sender_included(serve):
    server = await serve(MODULE)
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)
    content = "<body>hi &amp; bye</body><thread>t1</thread><x xmlns='urn:other' a='1'><y/></x>"

    ben.send(f"<message type='groupchat' id='m1' to='{ROOM}'>{content}</message>")

    for name, client in (("ann", ann), ("ben", ben)):
        await gets(client, copy(name, "m1", content, "ben"))
    await dan.expect_nothing()


@pytest.mark.parametrize(
    "content",
    [
        "<subject>tea</subject>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='m0'/>",
        "<received xmlns='urn:xmpp:receipts' id='m0'/>",
        "",
    ],
)
async def test_whatever_it_holds_is_copied(serve, content):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'>{content}</message>")

    await gets(ann, copy("ann", "m1", content))
    await gets(ben, copy("ben", "m1", content))
    assert (await fields(ann))["subject"] == ""


async def test_an_id_is_made_where_there_is_none_and_is_the_same_for_all(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(f"<message type='groupchat' to='{ROOM}'><body>hi</body></message>")

    id = (await ann.next()).get("id")
    assert id
    assert (await ben.next()).get("id") == id


async def test_only_what_a_room_may_say_passes(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(
        f"<message type='groupchat' id='m1' to='{ROOM}' xml:lang='de' other='x'><body>hi</body>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='DEN@{SERVICE}' id='1'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='elsewhere@example.com' id='2'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='a@b@c' id='3'/></message>"
    )

    kept = (
        "<stanza-id xmlns='urn:xmpp:sid:0' by='elsewhere@example.com' id='2'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='a@b@c' id='3'/>"
    )
    await gets(ben, copy("ben", "m1", f"<body>hi</body>{kept}", more=" xml:lang='de'"))


async def test_a_copy_goes_to_all_clients_of_the_highest_priority(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    low = await server.online("ben", "low", priority=0)
    high = await server.online("ben", "high", priority=5)
    other = await server.online("ben", "other", priority=5)
    for client in (low, high, other):
        await client.collect()  # each other's presence
    await create(ann)
    send_iq(ann, "set", "<query xmlns='urn:xmpp:muclight:0#affiliations'>"
            "<user affiliation='member'>ben@localhost</user></query>")  # fmt: skip
    for client in (high, other):
        assert (await client.next()).get("to") == "ben@localhost"

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    for client in (high, other):
        await gets(client, copy("ben", "m1", "<body>hi</body>"))
    await low.expect_nothing()


async def test_who_is_offline_or_unknown_or_elsewhere_causes_no_bounce(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await server.register("ben")
    send_iq(
        ann,
        "set",
        "<query xmlns='urn:xmpp:muclight:0#create'><occupants>"
        + "".join(
            f"<user affiliation='member'>{jid}</user>"
            for jid in ("ben@localhost", "ghost@localhost", "far@elsewhere.example", f"other@{SERVICE}")
        )
        + "</occupants></query>",
    )
    await ann.expect("message")
    await ann.expect("iq", type="result")

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    await gets(ann, copy("ann", "m1", "<body>hi</body>"))
    await ann.expect_nothing()


@pytest.mark.parametrize("room", [ROOM, f"nowhere@{SERVICE}"])
async def test_outsiders_are_refused(serve, room):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    dan.send(f"<message type='groupchat' id='m1' to='{room}'><body>hi</body></message>")

    got = await error(dan, "item-not-found", "cancel", "")
    assert got.get("id") == "m1"
    assert got.get("from") == room
    assert got.child_text("jabber:client", "body") == "hi"
    await ann.expect_nothing()


@pytest.mark.parametrize("type", ["chat", "normal", "headline", ""])
async def test_only_groupchat_is_a_way_to_speak_in_a_room(serve, type):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    attribute = f" type='{type}'" if type else ""
    ann.send(f"<message{attribute} id='m1' to='{ROOM}'><body>hi</body></message>")

    await error(ann, "bad-request", "modify")
    await ben.expect_nothing()


async def test_errors_are_ignored(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(f"<message type='error' id='m1' to='{ROOM}'><body>hi</body></message>")
    ann.send(f"<iq type='error' id='m2' to='{ROOM}'/>")
    ann.send(f"<iq type='result' id='m3' to='{ROOM}'/>")
    ann.send(f"<presence type='error' to='{ROOM}'/>")

    await ann.expect_nothing()
    await ben.expect_nothing()


@pytest.mark.parametrize(
    "stanza",
    [
        "<message type='groupchat' id='s' to='{to}'><body>hi</body></message>",
        "<message type='chat' id='s' to='{to}'><body>hi</body></message>",
        "<iq type='get' id='s' to='{to}'><query xmlns='urn:xmpp:muclight:0#info'/></iq>",
        "<presence id='s' to='{to}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
    ],
)
async def test_an_occupant_is_not_addressed_through_the_room(serve, stanza):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(stanza.format(to=f"{ROOM}/ben@localhost"))

    await error(ann, "bad-request", "modify", "Resource expected to be empty")
    await ben.expect_nothing()


async def test_presence_to_the_room_means_nothing(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    for type in ("", " type='unavailable'", " type='subscribe'", " type='probe'"):
        ann.send(f"<presence{type} to='{ROOM}'/><presence{type} to='{SERVICE}'/>")
    ann.send(f"<presence type='unavailable' to='{ROOM}/ann@localhost'/>")

    await ann.expect_nothing()
    await ben.expect_nothing()


@pytest.mark.parametrize(
    "stanza",
    [
        f"<message type='groupchat' id='s' to='{SERVICE}'><body>hi</body></message>",
        f"<iq type='get' id='s' to='{SERVICE}'><query xmlns='urn:other'/></iq>",
        f"<iq type='set' id='s' to='{SERVICE}'><query xmlns='urn:xmpp:muclight:0#destroy'/></iq>",
        f"<iq type='set' id='s' to='{SERVICE}'><ping xmlns='urn:xmpp:ping'/></iq>",
        f"<iq type='get' id='s' to='{ROOM}'><query xmlns='urn:other'/></iq>",
        f"<iq type='get' id='s' to='{ROOM}'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
        f"<iq type='get' id='s' to='{ROOM}'><query xmlns='urn:xmpp:muclight:0#blocking'/></iq>",
    ],
)
async def test_what_is_not_offered_is_not_implemented(serve, stanza):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann)

    ann.send(stanza)

    got = await error(ann, "feature-not-implemented", "cancel", "")
    assert got.get("id") == "s"


async def test_an_iq_holds_one_request(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann)

    for to in (SERVICE, ROOM):
        for payload in ("", "<a xmlns='urn:a'/><b xmlns='urn:b'/>"):
            send_iq(ann, "get", payload, to)
            await error(ann, "bad-request", "modify")


async def test_the_service_answers_pings(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")

    answer = await ann.ask("get", "<ping xmlns='urn:xmpp:ping'/>", SERVICE)

    assert answer.get("type") == "result"


# --- the way of a message through the server ------------------------------------------------------------------


async def test_a_message_asks_the_database_nothing_once_the_room_is_in_memory(serve, monkeypatch):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    asked: list[object] = []
    monkeypatch.setattr(server.app.server.database, "fetch_all", lambda *args, **more: asked.append(args))
    monkeypatch.setattr(server.app.server.database, "submit", lambda *args: asked.append(args))

    for number in range(3):
        ann.send(f"<message type='groupchat' id='m{number}' to='{ROOM}'><body>hi</body></message>")
        await gets(ben, copy("ben", f"m{number}", "<body>hi</body>"))

    assert asked == []


async def test_a_message_is_serialised_once_for_all_occupants(serve, monkeypatch):
    server = await serve(MODULE)
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await create(ann, ben, cat)
    made: list[FanOut] = []
    build = FanOut.__init__
    monkeypatch.setattr(FanOut, "__init__", lambda self, stanza: made.append(self) or build(self, stanza))

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    for name, client in (("ann", ann), ("ben", ben), ("cat", cat)):
        await gets(client, copy(name, "m1", "<body>hi</body>"))
    assert len(made) == 1


async def test_messages_that_come_while_the_room_is_loaded_keep_their_order(serve, tmp_path):
    server = await serve(MODULE, data_dir=tmp_path)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    await server.stop()
    again = await serve(MODULE, data_dir=tmp_path)
    ann, ben = await online(again, "ann", "ben")
    dan = await again.online("dan")

    ann.send("".join(f"<message type='groupchat' id='a{n}' to='{ROOM}'><body>{n}</body></message>" for n in range(9)))
    dan.send(f"<message type='groupchat' id='d' to='{ROOM}'><body>no</body></message>")

    await error(dan, "item-not-found", "cancel")
    assert [stanza.get("id") for stanza in await ben.collect()] == [f"a{n}" for n in range(9)]


async def test_a_room_of_a_thousand_reaches_everybody(serve):
    server = await serve(MODULE)
    ann, ben, zoe = await online(server, "ann", "ben", "zoe")
    crowd = "".join(f"<user affiliation='member'>u{n}@localhost</user>" for n in range(1000))
    members = f"{crowd}<user affiliation='member'>ben@localhost</user><user affiliation='member'>zoe@localhost</user>"
    send_iq(ann, "set", f"<query xmlns='urn:xmpp:muclight:0#create'><occupants>{members}</occupants></query>")
    await ann.expect("message")
    await ann.expect("iq", type="result")
    await ben.expect("message")
    await zoe.expect("message")

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    for name, client in (("ann", ann), ("ben", ben), ("zoe", zoe)):
        await gets(client, copy(name, "m1", "<body>hi</body>"))
    await ann.expect_nothing()


@pytest.mark.parametrize(
    ("settings", "waits"),
    [
        # seconds to wait before a message, and how often rooms have been loaded by then
        ("", ((300, 0), (10_000, 0))),
        ("cache_affs = {}", ((200, 0), (200, 1))),
        ("cache_affs.time_to_live = 1\ncache_affs.number_of_segments = 2", ((30, 0), (150, 1), (0, 1), (240, 2))),
        ('cache_affs.strategy = "lru"', ((200, 0), (200, 0), (200, 0), (361, 1))),
        ('cache_affs.time_to_live = "infinity"', ((10_000, 0),)),
        ('cache_affs.module = "mod_cache_users"\ncache_affs.time_to_live = 1', ((57_000, 0), (29_400, 1))),
    ],
)
async def test_rooms_that_were_not_used_for_long_leave_the_memory_and_come_back(serve, settings, waits):
    server = await serve(f"{MODULE}\n{settings}")
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    loaded: list[object] = []
    database = server.app.server.database
    fetch = database.fetch_all

    async def counted(statement, /, **parameters):
        loaded.append(statement)
        return await fetch(statement, **parameters)

    database.fetch_all = counted  # type: ignore[method-assign]
    for seconds, loads in waits:
        server.clock.advance(seconds)
        ann.send(f"<message type='groupchat' id='m' to='{ROOM}'><body>hi</body></message>")
        await gets(ben, copy("ben", "m", "<body>hi</body>"))
        assert len(loaded) == loads


