"""Rooms made, entered and left (xmpp-behaviour, sections 7.2 and 7.3)."""

from __future__ import annotations

import pytest

from mim.clock import parse_stamp
from mim.xmpp import ns
from tests.plugins.muc.rooms import (
    ROOM,
    admin,
    answered,
    codes,
    configured,
    form,
    instant,
    join,
    joined,
    say,
    seen,
    shown,
    with_options,
)

CREATED = "P boss owner/moderator jid=owner@localhost/r1 110,201"


async def test_creator_gets_self_presence_and_subject_and_the_room_is_locked(server):
    owner, other = await server.online("owner"), await server.online("other")
    assert [shown(s) for s in await joined(owner, "boss")] == [CREATED, "S"]

    join(other, "o")
    back = await other.expect("presence", type="error", from_=f"{ROOM}/o")
    assert shown(back) == "E cancel/item-not-found"
    assert back.find(ns.CLIENT, "error").child_text(ns.STANZA_ERRORS, "text") == "This room is locked"
    say(other, "hello?")
    assert await seen(other) == ["E cancel/item-not-found"]
    info = await answered(owner, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROOM)
    assert info.get("type") == "result"

    await instant(owner)
    await joined(other, "o")


async def test_without_x_the_room_is_open_at_once(server):
    owner, other = await server.online("owner"), await server.online("other")
    owner.send(f"<presence to='{ROOM}/boss'/>")
    assert [shown(await owner.next()) for _ in range(2)] == [CREATED, "S"]
    await joined(other, "o")


async def test_cancelled_form_of_a_locked_room_ends_it(server):
    owner = await server.online("owner")
    await joined(owner, "boss")
    assert (await form(owner, "cancel")).get("type") == "result"
    assert [shown(stanza) for stanza in owner.before] == ["-P boss none/none"]
    say(owner, "gone?")
    assert shown(await owner.expect("message", type="error")) == "E cancel/item-not-found"


async def test_cancelled_form_of_an_open_room_changes_nothing(owner):
    assert (await form(owner, "cancel")).get("type") == "result"
    say(owner, "still here")
    assert await seen(owner) == ["M boss still here"]


async def test_locked_room_ends_when_its_owner_leaves(server):
    owner, other = await server.online("owner"), await server.online("other")
    await joined(owner, "boss")
    owner.send(f"<presence type='unavailable' to='{ROOM}/boss'/>")
    assert await seen(owner) == ["-P boss owner/none jid=owner@localhost/r1 110"]
    assert codes((await joined(other, "mine"))[0]) == ["110", "201"]


async def test_newcomer_sees_others_himself_history_subject_in_this_order(server, owner):
    owner.send(f"<message to='{ROOM}' type='groupchat'><subject>Tea</subject></message>")
    for number in range(3):
        say(owner, f"m{number}", id=f"m{number}")
    before = server.clock.now()
    assert await seen(owner) == ["S Tea", "M boss m0", "M boss m1", "M boss m2"]

    guest = await server.online("guest")
    got = await joined(guest, "joe", history="<history maxstanzas='2'/>")

    assert [shown(stanza) for stanza in got] == [
        "P boss owner/moderator",
        "P joe none/participant 110",
        "M boss m1",
        "M boss m2",
        "S Tea",
    ]
    delay = got[2].find(ns.DELAY, "delay")
    assert delay.get("from") == ROOM
    assert parse_stamp(delay.get("stamp")) >= before.replace(year=before.year - 1)
    assert got[4].get("from") == ROOM
    assert await seen(owner) == ["P joe none/participant jid=guest@localhost/r1"]


async def test_subject_in_the_history_is_not_told_twice(server, owner):
    owner.send(f"<message to='{ROOM}' type='groupchat'><subject>Tea</subject></message>")
    say(owner, "hi")
    guest = await server.online("guest")
    join(guest, "joe")
    assert await seen(guest) == ["P boss owner/moderator", "P joe none/participant 110", "S Tea", "M boss hi"]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("<history maxstanzas='0'/>", []),
        ("<history maxchars='0'/>", []),
        ("<history seconds='30'/>", ["M boss late"]),
        ("<history maxstanzas='1'/>", ["M boss late"]),
        ("<history maxstanzas='x'/>", ["M boss early", "M boss late"]),
        ("", ["M boss early", "M boss late"]),
    ],
)
async def test_history_is_limited_as_asked(server, owner, history, expected):
    say(owner, "early")
    await owner.collect()
    server.clock.advance(60)
    say(owner, "late")
    await owner.collect()
    guest = await server.online("guest")
    got = await joined(guest, "joe", history=history)
    assert [shown(stanza) for stanza in got][2:-1] == expected


async def test_non_anonymous_room_says_so_and_shows_jids(server, owner):
    await configured(owner, whois="anyone")
    await owner.collect()
    guest = await server.online("guest")
    got = [shown(stanza) for stanza in await joined(guest, "joe")]
    assert got[:2] == [
        "P boss owner/moderator jid=owner@localhost/r1",
        "P joe none/participant jid=guest@localhost/r1 110,100",
    ]


# --- refusals -----------------------------------------------------------------------------------------------------


async def refused(client, nick="joe", **how) -> str:
    join(client, nick, **how)
    back = await client.expect("presence", type="error")
    assert back.get("from") == (f"{ROOM}/{nick}" if nick else ROOM)
    return shown(back)


async def test_no_nick(server, owner):
    guest = await server.online("guest")
    guest.send(f"<presence to='{ROOM}'><x xmlns='{ns.MUC}'/></presence>")
    back = await guest.expect("presence", type="error")
    assert shown(back) == "E modify/jid-malformed"
    assert back.find(ns.CLIENT, "error").child_text(ns.STANZA_ERRORS, "text") == "No nickname"


async def test_banned(server, owner):
    guest = await server.online("guest")
    await admin(owner, "<item affiliation='outcast' jid='guest@localhost'/>")
    assert await refused(guest) == "E auth/forbidden"


async def test_members_only(server, owner):
    guest = await server.online("guest")
    await configured(owner, membersonly="1")
    assert await refused(guest) == "E auth/registration-required"


async def test_password(server, owner):
    guest = await server.online("guest")
    await configured(owner, passwordprotectedroom="1", roomsecret="cauldron")
    assert await refused(guest) == "E auth/not-authorized"
    assert await refused(guest, password="broom") == "E auth/not-authorized"
    await joined(guest, "joe", password="cauldron")


async def test_nick_in_use(server, guest):
    third = await server.online("third")
    assert await refused(third) == "E cancel/conflict"


async def test_room_full_but_not_for_its_owners(server, owner):
    await configured(owner, maxusers="1")
    guest = await server.online("guest")
    assert await refused(guest) == "E wait/service-unavailable"
    second = await server.online("owner", "r2")
    await joined(second, "me too")


async def test_too_many_rooms(serve):
    server = await serve(with_options("max_user_conferences = 2"), admin=None)
    guest = await server.online("guest")
    for name in ("a", "b"):
        await joined(guest, "g", f"{name}@conference.localhost")
    join(guest, "g", "c@conference.localhost")
    assert shown(await guest.expect("presence", type="error")) == "E wait/service-unavailable"


async def test_creation_denied(serve):
    server = await serve(with_options('access_create = "none"'), admin=None)
    guest = await server.online("guest")
    join(guest, "g")
    back = await guest.expect("presence", type="error")
    assert shown(back) == "E cancel/not-allowed"
    text = back.find(ns.CLIENT, "error").child_text(ns.STANZA_ERRORS, "text")
    assert text.startswith("Room creation is denied by service policy")


async def test_long_room_id_is_denied(serve):
    server = await serve(with_options("max_room_id = 5"), admin=None)
    guest = await server.online("guest")
    join(guest, "g", "toolong@conference.localhost")
    assert shown(await guest.expect("presence", type="error")) == "E cancel/not-allowed"
    await joined(guest, "g", "short@conference.localhost")


async def test_message_to_no_room(server):
    guest = await server.online("guest")
    say(guest, "anybody?")
    back = await guest.expect("message", type="error")
    assert shown(back) == "E cancel/item-not-found"
    assert back.find(ns.CLIENT, "error").child_text(ns.STANZA_ERRORS, "text") == "Conference room does not exist"


# --- several clients of one user ----------------------------------------------------------------------------------


async def test_several_clients_under_one_nick(server, owner, guest):
    await configured(owner, allowmultisessions="1")
    second = await server.online("guest", "r2")
    await guest.collect()
    await joined(second, "joe")
    assert await seen(owner) == []  # others see no second join
    say(owner, "both?")
    assert await seen(guest) == ["M boss both?"]
    assert await seen(second) == ["M boss both?"]
    second.send(f"<presence type='unavailable' to='{ROOM}/joe'/>")
    assert await seen(second) == ["-P joe none/none 110"]
    assert await seen(owner) == ["M boss both?"]
    guest.send(f"<presence type='unavailable' to='{ROOM}/joe'/>")
    await guest.collect()
    assert await seen(owner) == ["-P joe none/none jid=guest@localhost/r1"]


# --- leaving ------------------------------------------------------------------------------------------------------


async def test_leaving_is_seen_with_its_status(owner, guest):
    guest.send(f"<presence type='unavailable' to='{ROOM}/joe'><status>tea time</status></presence>")
    own = await guest.expect("presence", type="unavailable")
    assert shown(own) == "-P joe none/none 110"
    (told,) = await owner.collect()
    assert told.child_text(ns.CLIENT, "status") == "tea time"
    assert shown(told) == "-P joe none/none jid=guest@localhost/r1"


async def test_lost_connection_leaves(owner, guest):
    await guest.drop()
    gone = await owner.expect("presence", type="unavailable", from_=f"{ROOM}/joe")
    assert shown(gone) == "-P joe none/none jid=guest@localhost/r1"


async def test_error_from_an_occupant_removes_him(owner, guest):
    guest.send(f"<message type='error' to='{ROOM}/boss'><error type='cancel'/></message>")
    assert shown(await owner.expect("presence", type="unavailable", from_=f"{ROOM}/joe")).startswith("-P joe none/none")


async def test_temporary_room_ends_with_its_last_occupant(server, owner, guest):
    for client, nick in ((guest, "joe"), (owner, "boss")):
        client.send(f"<presence type='unavailable' to='{ROOM}/{nick}'/>")
        await client.collect()
    say(guest, "anybody?")
    assert shown(await guest.expect("message", type="error")) == "E cancel/item-not-found"
    third = await server.online("third")
    assert codes((await joined(third, "t"))[0]) == ["110", "201"]


async def test_newcomers_see_everybody_as_he_is_now(server, owner, guest):
    third = await server.online("third")
    for change, expected in (
        ("", "P joe none/participant"),
        ("<show>away</show>", "P joe none/participant"),
        ("visitor", "P joe none/visitor"),
    ):
        if change == "visitor":
            await admin(owner, "<item role='visitor' nick='joe'/>")
        elif change:
            guest.send(f"<presence to='{ROOM}/joe'>{change}</presence>")
        await guest.collect()
        got = await joined(third, "t")
        assert shown(got[1]) == expected
        assert (got[1].child_text(ns.CLIENT, "show") == "away") == ("away" in change)
        if change == "<show>away</show>":
            guest.send(f"<presence to='{ROOM}/joe'/>")
            await guest.collect()
        third.send(f"<presence type='unavailable' to='{ROOM}/t'/>")
        await third.collect()
