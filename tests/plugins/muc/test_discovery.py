"""What the service and its rooms say of themselves, and registered nicknames (xmpp-behaviour, section 7.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.forms import find_form, read_submission
from tests.plugins.muc.rooms import (
    MODULES,
    OWNER,
    ROOM,
    SERVICE,
    answered,
    configured,
    error_text,
    instant,
    join,
    joined,
    seen,
    shown,
    with_options,
)

RSM = "http://jabber.org/protocol/rsm"


async def info(client, to: str) -> Element:
    answer = await answered(client, "get", f"<query xmlns='{ns.DISCO_INFO}'/>", to)
    assert answer.get("type") == "result", answer
    return next(answer.elements())


def features(query: Element) -> set[str]:
    return {feature.get("var") for feature in query.elements(ns.DISCO_INFO, "feature")}


async def items(client, to: str, paging: str = "") -> list[str]:
    """``jid name`` of each item; a page's first, last and count behind them."""
    query = f"<query xmlns='{ns.DISCO_ITEMS}'>{paging}</query>"
    answer = await answered(client, "get", query, to)
    if answer.get("type") == "error":
        return [shown(answer)]
    payload = next(answer.elements())
    got = [f"{item.get('jid')} {item.get('name')}" for item in payload.elements(ns.DISCO_ITEMS, "item")]
    page = payload.find(RSM, "set")
    return got if page is None else [*got, " ".join(f"{part.name}={part.text}" for part in page.elements())]


async def test_server_lists_the_service(server):
    client = await server.online("guest")
    assert any(item.startswith(f"{SERVICE} ") for item in await items(client, "localhost"))


async def test_service_says_what_it_can(server):
    query = await info(await server.online("guest"), SERVICE)
    assert dict(query.find(ns.DISCO_INFO, "identity").attrs) == {
        "category": "conference",
        "type": "text",
        "name": "Chatrooms",
    }
    assert features(query) == {
        ns.DISCO_INFO,
        ns.DISCO_ITEMS,
        ns.MUC,
        "http://jabber.org/protocol/muc#unique",
        "jabber:iq:register",
        RSM,
        "vcard-temp",
    }


async def test_service_has_another_name_if_the_file_says_so(serve):
    server = await serve(with_options('host = "rooms.@HOST@"'), admin=None)
    client = await server.online("guest")
    assert await items(client, "rooms.localhost") == []
    await joined(client, "joe", "den@rooms.localhost")


async def test_public_rooms_are_listed_with_title_and_occupants(server, guest):
    third = await server.online("third")
    await joined(third, "t", f"attic@{SERVICE}")
    await configured(third, f"attic@{SERVICE}", roomname="Top")
    fourth = await server.online("fourth")
    assert await items(fourth, SERVICE) == [f"attic@{SERVICE} Top (1)", f"{ROOM} den (2)"]


async def test_hidden_rooms_are_listed_to_occupants_only(server, owner):
    await configured(owner, publicroom="0")
    assert await items(owner, SERVICE) == [f"{ROOM} den (private, 1)"]
    assert await items(await server.online("third"), SERVICE) == []


async def test_sleeping_rooms_are_listed_with_their_node(server, owner):
    await configured(owner, persistentroom="1", roomname="Tea")
    assert await items(owner, SERVICE) == [f"{ROOM} Tea (1)"]
    owner.send(f"<presence type='unavailable' to='{ROOM}/boss'/>")
    await owner.collect()
    assert await items(owner, SERVICE) == [f"{ROOM} den"]


async def test_list_of_rooms_comes_in_pages(server):
    client = await server.online("guest")
    for name in "abcde":
        room = f"{name}@{SERVICE}"
        await joined(client, "g", room)
        await instant(client, room)

    async def page(paging: str) -> list[str]:
        got = await items(client, SERVICE, f"<set xmlns='{RSM}'>{paging}</set>")
        return [line.split("@")[0] if "=" not in line else line for line in got]

    first, last = f"a@{SERVICE}", f"b@{SERVICE}"
    assert await page("<max>2</max>") == ["a", "b", f"first={first} last={last} count=5"]
    assert (await page(f"<max>2</max><after>{last}</after>"))[:2] == ["c", "d"]
    assert (await page(f"<max>2</max><before>d@{SERVICE}</before>"))[:2] == ["b", "c"]
    assert (await page("<max>2</max><before/>"))[:2] == ["d", "e"]
    assert (await page("<max>2</max><index>1</index>"))[:2] == ["b", "c"]
    assert await page("<max>2</max><index>9</index>") == ["count=5"]


async def test_room_says_what_it_is(server, owner):
    query = await info(owner, ROOM)
    assert query.find(ns.DISCO_INFO, "identity").get("name") == "den"
    assert {
        ns.MUC,
        "muc_public",
        "muc_temporary",
        "muc_open",
        "muc_semianonymous",
        "muc_moderated",
        "muc_unsecured",
    } <= features(query)
    await configured(
        owner,
        roomname="Tea",
        roomdesc="leaves",
        publicroom="0",
        persistentroom="1",
        membersonly="1",
        whois="anyone",
        moderatedroom="0",
        passwordprotectedroom="1",
        roomsecret="x",
    )
    query = await info(owner, ROOM)
    assert query.find(ns.DISCO_INFO, "identity").get("name") == "Tea"
    assert {
        "muc_hidden",
        "muc_persistent",
        "muc_membersonly",
        "muc_nonanonymous",
        "muc_unmoderated",
        "muc_passwordprotected",
    } <= features(query)
    said = read_submission(find_form(query, "http://jabber.org/protocol/muc#roominfo"))
    assert said.get("muc#roominfo_description") == "leaves"
    assert said.get("muc#roominfo_occupants") == "1"


async def test_occupants_are_listed_if_public_or_to_those_inside(server, owner, guest):
    third = await server.online("third")
    expected = [f"{ROOM}/boss boss", f"{ROOM}/joe joe"]
    assert await items(third, ROOM) == expected
    await configured(owner, _public_list="0")
    assert await items(third, ROOM) == ["E auth/forbidden"]
    assert await items(guest, ROOM) == expected


async def test_unique_names_differ(server):
    client = await server.online("guest")
    names = set()
    for _ in range(3):
        answer = await answered(client, "get", "<unique xmlns='http://jabber.org/protocol/muc#unique'/>", SERVICE)
        names.add(next(answer.elements()).text)
    assert len(names) == 3
    assert all(int(name, 16) for name in names)


async def test_service_has_a_vcard(server):
    answer = await answered(await server.online("guest"), "get", "<vCard xmlns='vcard-temp'/>", SERVICE)
    assert next(answer.elements()).name == "vCard"


@pytest.mark.parametrize(
    ("to", "kind", "payload", "expected"),
    [
        (SERVICE, "get", "<x xmlns='urn:test'/>", "E cancel/feature-not-implemented"),
        (f"{SERVICE}/x", "get", f"<query xmlns='{ns.DISCO_INFO}'/>", "E cancel/item-not-found"),
        (ROOM, "get", "<x xmlns='urn:test'/>", "E cancel/feature-not-implemented"),
        (f"no@{SERVICE}", "get", f"<query xmlns='{ns.DISCO_INFO}'/>", "E cancel/item-not-found"),
        (f"no@{SERVICE}", "set", f"<query xmlns='{OWNER}'/>", "E cancel/item-not-found"),
    ],
)
async def test_queries_that_have_no_answer(owner, to, kind, payload, expected):
    assert shown(await answered(owner, kind, payload, to)) == expected


async def test_messages_to_the_service_are_for_administrators(owner):
    owner.send(f"<message to='{SERVICE}'><body>all</body></message>")
    assert await seen(owner) == ["E auth/forbidden"]


async def test_service_only_for_whom_access_allows(serve):
    server = await serve(with_options('access = "none"'), admin=None)
    client = await server.online("guest")
    join(client, "g")
    assert await seen(client) == ["E auth/forbidden"]


# --- nicknames ----------------------------------------------------------------------------------------------------


async def register(client, nick: str) -> Element:
    fields = (
        f"<field var='FORM_TYPE'><value>{ns.REGISTER}</value></field><field var='nick'><value>{nick}</value></field>"
    )
    return await answered(
        client,
        "set",
        f"<query xmlns='{ns.REGISTER}'><x xmlns='jabber:x:data' type='submit'>{fields}</x></query>",
        SERVICE,
    )


async def test_nickname_is_registered_shown_and_given_up(server):
    client = await server.online("guest")
    ask = f"<query xmlns='{ns.REGISTER}'/>"
    empty = next((await answered(client, "get", ask, SERVICE)).elements())
    assert empty.find(ns.REGISTER, "registered") is None
    assert list(read_submission(find_form(empty)).values)[-1:] == ["nick"]
    assert (await register(client, "joe")).get("type") == "result"
    full = next((await answered(client, "get", ask, SERVICE)).elements())
    assert full.find(ns.REGISTER, "registered") is not None
    assert read_submission(find_form(full)).get("nick") == "joe"
    for _ in range(2):
        gone = await answered(client, "set", f"<query xmlns='{ns.REGISTER}'><remove/></query>", SERVICE)
        assert gone.get("type") == "result"
    other = await server.online("other")
    assert (await register(other, "joe")).get("type") == "result"


async def test_registered_nickname_is_its_owners_alone(server, owner):
    guest, third = await server.online("guest"), await server.online("third")
    await register(guest, "joe")
    taken = await register(third, "joe")
    assert shown(taken) == "E cancel/conflict"
    assert error_text(taken) == "That nickname is registered by another person"
    join(third, "joe")
    assert await seen(third) == ["E cancel/conflict"]
    join(third, "joe", f"new@{SERVICE}")
    assert shown(await third.expect("presence", type="error")) == "E cancel/conflict"
    await joined(third, "max")
    third.send(f"<presence to='{ROOM}/joe'/>")
    assert (await seen(third))[-1] == "E cancel/conflict"
    await joined(guest, "joe")


async def test_empty_nickname_is_refused(server):
    assert shown(await register(await server.online("guest"), "")) == "E modify/not-acceptable"


async def test_registered_nickname_survives_a_restart(serve, tmp_path):
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    await register(await server.online("guest"), "joe")
    await server.stop()
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    assert shown(await register(await server.online("third"), "joe")) == "E cancel/conflict"
