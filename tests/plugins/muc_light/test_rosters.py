"""contract/muc-light, section 11: rooms in their occupants' rosters, beside the contacts that mod_roster keeps."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.muc_light.rooms import (
    NS,
    ROOM,
    SERVICE,
    change,
    configure,
    create,
    gets,
    next_version,
    online,
    options,
    result,
)

MODULES = f"""
[modules.mod_roster]
[modules.mod_disco]
{options(rooms_in_rosters=True)}
"""
VERSIONED = MODULES.replace("[modules.mod_roster]", "[modules.mod_roster]\nversioning = true")
STORED = VERSIONED.replace("versioning = true", "versioning = true\nstore_current_id = true")
HTTP = 'host = "_"\npath = "/api"'


def room_item(room: str, name: str, version: str) -> str:
    return (
        f"<item jid='{room}' name='{name}' subscription='to'><group>{NS}</group><version>{version}</version></item>"
    )


async def roster(client, version: str | None = None):
    """Return the answer's <query/>, None when there is none."""
    ver = "" if version is None else f" ver='{version}'"
    answer = await client.ask("get", f"<query xmlns='{ns.ROSTER}'{ver}/>")
    assert answer.get("type") == "result", answer
    return answer.payload


def send_iq_home(client, payload: str) -> None:
    client.send(f"<iq type='set' id='r1'>{payload}</iq>")


async def contact(client, jid: str) -> None:
    send_iq_home(client, f"<query xmlns='{ns.ROSTER}'><item jid='{jid}'/></query>")
    await client.expect("iq", type="set")
    await client.expect("iq", type="result", id="r1")


async def test_rooms_come_first_then_contacts(serve):
    server = await serve(MODULES)
    ann, ben = await online(server, "ann", "ben")
    await contact(ben, "aaa@localhost")
    den = await create(ann, ben, fields="<roomname>Den</roomname>")
    bar = await create(ben, room=f"bar@{SERVICE}")

    ben.send(f"<iq type='get' id='g1'><query xmlns='{ns.ROSTER}'/></iq>")

    await gets(
        ben,
        f"<iq type='result' id='g1' from='ben@localhost' to='{ben.jid}'><query xmlns='{ns.ROSTER}'>"
        + room_item(f"bar@{SERVICE}", "Untitled", bar)
        + room_item(ROOM, "Den", den)
        + "<item jid='aaa@localhost' subscription='none'/></query></iq>",
    )


async def test_changes_of_rooms_are_not_pushed(serve):
    server = await serve(MODULES)
    ann, ben = await online(server, "ann", "ben")
    await roster(ben)
    await create(ann, ben)

    id = configure(ann, "<roomname>New</roomname>")
    await next_version(ann)
    await result(ann, id)
    await ben.expect("message")
    change(ann, {"ben": "none"})
    await ben.expect("message")

    await ben.expect_nothing()
    assert list((await roster(ben)).elements()) == []


async def test_a_room_that_was_put_on_the_roster_by_hand_stands_there_once(serve):
    server = await serve(MODULES)
    (ann,) = await online(server, "ann")
    await create(ann)
    await contact(ann, ROOM)

    items = list((await roster(ann)).elements(ns.ROSTER, "item"))

    assert [(item.get("jid"), item.get("subscription")) for item in items] == [(ROOM, "to")]


@pytest.mark.parametrize("section", [VERSIONED, STORED])
async def test_a_version_is_current_only_while_the_rooms_are(serve, section):
    server = await serve(section)
    ann, ben = await online(server, "ann", "ben")
    await contact(ben, "cat@localhost")
    empty = (await roster(ben, "")).get("ver")
    assert await roster(ben, empty) is None

    await create(ann, ben)
    with_room = (await roster(ben, empty)).get("ver")
    assert with_room != empty
    assert await roster(ben, with_room) is None

    configure(ann, "<subject>tea</subject>")
    await ben.expect("message")
    assert (await roster(ben, with_room)).get("ver") != with_room

    change(ann, {"ben": "none"})
    await ben.expect("message")
    assert (await roster(ben, with_room)).get("ver") == empty
    assert await roster(ben, empty) is None


@pytest.mark.parametrize("section", [VERSIONED, STORED])
async def test_the_version_of_a_push_does_not_hide_a_change_of_rooms(serve, section):
    server = await serve(section)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    await roster(ben, "")
    configure(ann, "<subject>tea</subject>")
    await ben.expect("message")

    send_iq_home(ben, f"<query xmlns='{ns.ROSTER}'><item jid='cat@localhost'/></query>")
    push = await ben.expect("iq", type="set")
    await ben.expect("iq", type="result", id="r1")

    assert push.payload is not None
    assert await roster(ben, push.payload.get("ver")) is not None


async def test_who_was_invited_while_offline_finds_the_room_in_his_roster(serve):
    server = await serve(MODULES)
    (ann,) = await online(server, "ann")
    await server.register("cat")
    await create(ann, fields="<roomname>Den</roomname>")
    change(ann, {"cat": "member"})
    version = await next_version(ann)
    await ann.expect("iq", type="result")

    cat = await server.client("cat")
    cat.send(f"<iq type='get' id='g1'><query xmlns='{ns.ROSTER}'/></iq><presence/>")

    await gets(
        cat,
        f"<iq type='result' id='g1' from='cat@localhost' to='{cat.jid}'><query xmlns='{ns.ROSTER}'>"
        f"{room_item(ROOM, 'Den', version)}</query></iq>",
        f"<presence from='{cat.jid}' to='{cat.jid}'/>",
    )
    await cat.expect_nothing()


async def test_rooms_are_no_subscriptions(serve):
    server = await serve(MODULES)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ben.send("<presence><status>here</status></presence>")

    await ben.expect("presence", from_=str(ben.jid))
    await ben.expect_nothing()
    await ann.expect_nothing()
    answer = await ann.ask("get", f"<query xmlns='{ns.DISCO_INFO}'/>", "ann@localhost")
    assert answer.get("type") == "result"


async def test_the_admin_api_lists_them_among_the_contacts(serve):
    server = await serve(f"[modules.mod_commands]\n{MODULES}", admin=HTTP)
    (ann,) = await online(server, "ann")
    await contact(ann, "ben@localhost")
    await contact(ann, "zoe@localhost")
    await create(ann)

    answer = await server.api.get("/contacts/ann@localhost")

    assert answer.json == [
        {"jid": "ben@localhost", "subscription": "none", "ask": "none"},
        {"jid": ROOM, "subscription": "to", "ask": "none"},
        {"jid": "zoe@localhost", "subscription": "none", "ask": "none"},
    ]


async def test_the_server_lists_the_service_and_clients_find_their_rooms_through_it(serve):
    server = await serve(MODULES)
    (ann,) = await online(server, "ann")
    await create(ann)

    answer = await ann.ask("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", "localhost")

    assert answer.payload is not None
    assert [item.attrs for item in answer.payload.elements()] == [{"jid": SERVICE, "node": NS}]
