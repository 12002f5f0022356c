"""contract/muc-light, section 11: discovery and rosters."""

from __future__ import annotations

import pytest

from mim.errors import Conflict
from mim.xmpp import ns
from mim.xmpp.jid import JID
from tests.plugins.muc_light.rooms import (
    MODULE,
    NS,
    ROOM,
    SERVICE,
    change,
    create,
    error,
    gets,
    online,
    options,
    send_iq,
    version_of,
    xml,
)

INFO = ns.DISCO_INFO
ITEMS = ns.DISCO_ITEMS


@pytest.mark.parametrize(
    ("section", "name", "feature"),
    [
        (MODULE, "MUC Light (modern)", NS),
        (options(legacy_mode=True), "MUC Light (legacy)", "http://jabber.org/protocol/muc"),
    ],
)
async def test_the_service_tells_what_it_is(serve, section, name, feature):
    server = await serve(section)
    (ann,) = await online(server, "ann")

    for node in ("", f" node='{feature}'"):
        id = send_iq(ann, "get", f"<query xmlns='{INFO}'{node}/>", SERVICE)
        await gets(
            ann,
            f"<iq type='result' id='{id}' from='{SERVICE}' to='{ann.jid}'><query xmlns='{INFO}'{node}>"
            f"<identity category='conference' type='text' name='{name}'/><feature var='{feature}'/></query></iq>",
        )
    send_iq(ann, "get", f"<query xmlns='{INFO}' node='other'/>", SERVICE)
    await error(ann, "item-not-found", "cancel")


async def test_a_room_tells_what_it_is_to_anybody(serve):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    id = send_iq(dan, "get", f"<query xmlns='{INFO}'/>")

    await gets(
        dan,
        f"<iq type='result' id='{id}' from='{ROOM}' to='{dan.jid}'><query xmlns='{INFO}'>"
        f"<identity category='conference' type='text' name='MUC Light (modern)'/><feature var='{NS}'/></query></iq>",
    )
    send_iq(dan, "get", f"<query xmlns='{INFO}'/>", f"nowhere@{SERVICE}")
    await error(dan, "item-not-found", "cancel")


async def test_the_service_stands_in_the_list_of_its_server_only(serve):
    server = await serve(MODULE, hosts=("localhost", "other.example"))

    for domain in ("localhost", "other.example"):
        (list_items,) = server.app.host(domain).hooks.server_items
        assert list(list_items(domain)) == [
            xml(f"<item xmlns='{ITEMS}' jid='muclight.{domain}' node='{NS}'/>")
        ]
        assert list(list_items("elsewhere.example")) == []


@pytest.mark.parametrize("node", [NS, "http://jabber.org/protocol/muc"])
async def test_in_legacy_mode_it_stands_there_as_a_muc(serve, node):
    server = await serve(options(legacy_mode=node != NS))

    (list_items,) = server.app.host("localhost").hooks.server_items
    (item,) = list_items("localhost")
    assert item.get("node") == node


async def test_a_name_that_is_taken_keeps_the_server_from_starting(serve):
    with pytest.raises(Conflict, match=r"mod_muc_light: rooms\.example\.com is served already"):
        await serve(options(host="rooms.example.com"), hosts=("localhost", "other.example"))


async def test_the_services_name_is_the_administrators_choice(serve):
    server = await serve(options(host="rooms.@HOST@"))
    (ann,) = await online(server, "ann")

    await create(ann, room="den@rooms.localhost")

    assert await version_of(ann, "den@rooms.localhost")


# --- the list of rooms ----------------------------------------------------------------------------------------


async def ask(client, page: str = "") -> tuple[list[str], str | None]:
    """Return the nodes of the rooms in the answer, and its <set/> in short: ``first@index..last of count``."""
    answer = await client.ask("get", f"<query xmlns='{ITEMS}'>{page}</query>", SERVICE)
    assert answer.get("type") == "result", answer
    query = answer.payload
    assert query is not None
    rooms = [item.get("jid").partition("@")[0] for item in query.elements(ITEMS, "item")]
    shown = query.find(ns.RSM, "set")
    if shown is None:
        return rooms, None
    first, last = shown.find(ns.RSM, "first"), shown.find(ns.RSM, "last")
    count = shown.child_text(ns.RSM, "count")
    if first is None or last is None:
        return rooms, f"of {count}"
    names = [text.partition("@")[0] for text in (first.text, last.text)]
    return rooms, f"{names[0]}@{first.get('index')}..{names[1]} of {count}"


def page(content: str) -> str:
    return f"<set xmlns='{ns.RSM}'>{content}</set>"


async def test_everybody_sees_the_rooms_he_is_in_sorted_by_jid(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    den = await create(ann, ben, fields="<roomname>Den</roomname>")
    bar = await create(ben, room=f"bar@{SERVICE}", fields="<roomname>Bar &amp; Grill</roomname>")

    id = send_iq(ben, "get", f"<query xmlns='{ITEMS}'/>", SERVICE)

    await gets(
        ben,
        f"<iq type='result' id='{id}' from='{SERVICE}' to='{ben.jid}'><query xmlns='{ITEMS}'>"
        f"<item jid='bar@{SERVICE}' name='Bar &amp; Grill' version='{bar}'/>"
        f"<item jid='{ROOM}' name='Den' version='{den}'/>"
        + page(f"<first index='0'>bar@{SERVICE}</first><last>{ROOM}</last><count>2</count>")
        + "</query></iq>",
    )
    assert await ask(ann) == (["den"], "den@0..den of 1")


async def test_who_is_in_no_room_gets_an_empty_list(serve):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    assert await ask(dan) == ([], None)
    assert await ask(dan, page("<max>5</max>")) == ([], None)


async def test_a_room_without_a_name_shows_its_node_and_legacy_mode_no_version(serve):
    server = await serve(options(legacy_mode=True) + "\nconfig_schema = []")
    (ann,) = await online(server, "ann")
    ann.send(f"<presence to='{ROOM}/ann@localhost'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await ann.expect("presence")

    answer = await ann.ask("get", f"<query xmlns='{ITEMS}'/>", SERVICE)

    assert answer.payload is not None
    assert next(answer.payload.elements()).attrs == {"jid": ROOM, "name": "den"}


NODES = [f"r{number:02}" for number in range(12)]


@pytest.mark.parametrize(
    ("asked", "rooms", "shown"),
    [
        ("", NODES[:10], "r00@0..r09 of 12"),
        (page(""), NODES[:10], "r00@0..r09 of 12"),
        (page("<max>100</max>"), NODES[:10], "r00@0..r09 of 12"),
        (page("<max>3</max>"), NODES[:3], "r00@0..r02 of 12"),
        (page("<max>0</max>"), [], "of 12"),
        (page(f"<max>3</max><after>r02@{SERVICE}</after>"), NODES[3:6], "r03@3..r05 of 12"),
        (page(f"<after>r02@{SERVICE}</after>"), NODES[3:], "r03@3..r11 of 12"),
        (page(f"<after>r11@{SERVICE}</after>"), [], "of 12"),
        (page(f"<max>3</max><before>r05@{SERVICE}</before>"), NODES[2:5], "r02@2..r04 of 12"),
        (page("<max>3</max><before/>"), NODES[9:], "r09@9..r11 of 12"),
        (page("<max>3</max><index>4</index>"), NODES[4:7], "r04@4..r06 of 12"),
        (page("<max>3</max><index>11</index>"), NODES[11:], "r11@11..r11 of 12"),
    ],
)
async def test_long_lists_come_in_pages(serve, asked, rooms, shown):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    for node in NODES:
        await create(ann, room=f"{node}@{SERVICE}")

    assert await ask(ann, asked) == (rooms, shown)


@pytest.mark.parametrize(
    "asked",
    [
        f"<after>nowhere@{SERVICE}</after>",
        f"<before>nowhere@{SERVICE}</before>",
        "<index>1</index>",
        "<index>-1</index>",
        "<max>-1</max>",
        "<max>all</max>",
    ],
)
async def test_a_page_that_does_not_exist_is_not_found(serve, asked):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann)

    send_iq(ann, "get", f"<query xmlns='{ITEMS}'>{page(asked)}</query>", SERVICE)

    await error(ann, "item-not-found", "cancel")


async def test_rooms_per_page_caps_every_answer(serve):
    server = await serve(options(rooms_per_page=2))
    (ann,) = await online(server, "ann")
    for node in NODES[:3]:
        await create(ann, room=f"{node}@{SERVICE}")

    assert await ask(ann) == (NODES[:2], "r00@0..r01 of 3")


async def test_without_a_cap_the_list_is_whole_and_paged_on_demand_only(serve):
    server = await serve(options(rooms_per_page="infinity"))
    (ann,) = await online(server, "ann")
    for node in NODES:
        await create(ann, room=f"{node}@{SERVICE}")

    assert await ask(ann) == (NODES, None)
    assert await ask(ann, page("<max>1</max>")) == (NODES[:1], "r00@0..r00 of 12")


# --- rosters --------------------------------------------------------------------------------------------------


async def items(server, name: str) -> list[object]:
    (question,) = server.app.host("localhost").hooks.roster_extra_items
    return list(await question(JID(name, "localhost")))


async def test_rooms_stand_in_rosters_where_they_shall(serve):
    server = await serve(options(rooms_in_rosters=True))
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben, fields="<roomname>Den</roomname>")
    await create(ben, room=f"bar@{SERVICE}")
    change(ann, {"cat": "member"})
    await ann.collect()
    await ben.collect()

    version, bar = await version_of(ann), await version_of(ben, f"bar@{SERVICE}")
    den = f"<group>{NS}</group><version>{version}</version>"
    assert await items(server, "ben") == [
        xml(
            f"<item xmlns='{ns.ROSTER}' jid='bar@{SERVICE}' name='Untitled' subscription='to'>"
            f"<group>{NS}</group><version>{bar}</version></item>"
        ),
        xml(f"<item xmlns='{ns.ROSTER}' jid='{ROOM}' name='Den' subscription='to'>{den}</item>"),
    ]
    assert len(await items(server, "cat")) == 1
    assert await items(server, "dan") == []


async def test_rooms_stay_out_of_rosters_by_default(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann)

    assert await items(server, "ann") == []
