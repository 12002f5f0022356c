"""The owner's form: what it holds, what it refuses, what it does (xmpp-behaviour, section 7.2)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.forms import find_form, read_submission
from tests.plugins.muc.rooms import (
    OWNER,
    ROOM,
    admin,
    answered,
    codes,
    configured,
    error_text,
    form,
    item_of,
    join,
    joined,
    seen,
    shown,
    with_options,
)

FIELDS = [
    "muc#roomconfig_roomname",
    "muc#roomconfig_roomdesc",
    "muc#roomconfig_persistentroom",
    "muc#roomconfig_publicroom",
    "public_list",
    "muc#roomconfig_passwordprotectedroom",
    "muc#roomconfig_roomsecret",
    "muc#roomconfig_getmemberlist",
    "muc#roomconfig_maxusers",
    "muc#roomconfig_whois",
    "muc#roomconfig_membersonly",
    "muc#roomconfig_moderatedroom",
    "members_by_default",
    "muc#roomconfig_changesubject",
    "allow_private_messages",
    "allow_query_users",
    "muc#roomconfig_allowinvites",
    "muc#roomconfig_allowmultisessions",
    "muc#roomconfig_allowvisitorstatus",
    "muc#roomconfig_allowvisitornickchange",
]


async def asked(client) -> dict[str, list[str]]:
    """Return the fields of the form with their values, in order."""
    answer = await answered(client, "get", f"<query xmlns='{OWNER}'/>", ROOM)
    node = find_form(next(answer.elements()), "http://jabber.org/protocol/muc#roomconfig")
    assert node is not None, answer
    assert node.get("type") == "form"
    said = read_submission(node)
    return {field: list(said.list(field)) for field in said.values}


async def test_form_holds_every_field_and_the_defaults(owner):
    got = await asked(owner)
    assert list(got) == FIELDS
    assert {field: values[0] for field, values in got.items() if values and values[0] in ("0", "1")} == {
        "muc#roomconfig_persistentroom": "0",
        "muc#roomconfig_publicroom": "1",
        "public_list": "1",
        "muc#roomconfig_passwordprotectedroom": "0",
        "muc#roomconfig_membersonly": "0",
        "muc#roomconfig_moderatedroom": "1",
        "members_by_default": "1",
        "muc#roomconfig_changesubject": "1",
        "allow_private_messages": "1",
        "allow_query_users": "1",
        "muc#roomconfig_allowinvites": "0",
        "muc#roomconfig_allowmultisessions": "0",
        "muc#roomconfig_allowvisitorstatus": "1",
        "muc#roomconfig_allowvisitornickchange": "1",
    }
    assert got["muc#roomconfig_maxusers"] == ["200"]
    assert got["muc#roomconfig_whois"] == ["moderators"]


async def test_default_room_of_the_file(serve):
    options = """[modules.mod_muc.default_room]
      title = "Tea"
      public = false
      members_by_default = false
      max_users = 7
      subject = "Leaves"
      subject_author = "boss"
      [[modules.mod_muc.default_room.affiliations]]
        user = "guest"
        server = "localhost"
        resource = ""
        affiliation = "admin"
    """
    server = await serve(with_options(options), admin=None)
    owner = await server.online("owner")
    assert shown((await joined(owner, "boss"))[-1]) == "S Leaves"
    got = await asked(owner)
    assert got["muc#roomconfig_roomname"] == ["Tea"]
    assert got["muc#roomconfig_publicroom"] == ["0"]
    assert got["muc#roomconfig_maxusers"] == ["7"]
    await form(owner, "submit")
    guest, third = await server.online("guest"), await server.online("third")
    assert shown((await joined(guest, "joe"))[1]).startswith("P joe admin/moderator")
    assert shown((await joined(third, "t"))[2]) == "P t none/visitor 110"


async def test_reserved_room_opens_with_its_configuration(server):
    owner, guest = await server.online("owner"), await server.online("guest")
    await joined(owner, "boss")
    answer = await configured(owner, roomname="Tea", roomdesc="leaves", maxusers="20", changesubject="false")
    assert answer.get("type") == "result"
    got = await asked(owner)
    assert got["muc#roomconfig_roomname"] == ["Tea"]
    assert got["muc#roomconfig_roomdesc"] == ["leaves"]
    assert got["muc#roomconfig_maxusers"] == ["20"]
    assert got["muc#roomconfig_changesubject"] == ["0"]
    await joined(guest, "joe")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"nonsense": "1"}, "E modify/bad-request"),
        ({"publicroom": "maybe"}, "E modify/bad-request"),
        ({"whois": "me"}, "E modify/bad-request"),
        ({"maxusers": "many"}, "E modify/bad-request"),
        ({"maxusers": "100000"}, "E modify/bad-request"),
        ({"getmemberlist": ["king"]}, "E modify/bad-request"),
        ({"passwordprotectedroom": "1", "roomsecret": ""}, "E modify/not-acceptable"),
        ({"enablelogging": "1"}, "E modify/not-acceptable"),
    ],
)
async def test_form_is_refused_whole(owner, fields, expected):
    before = await asked(owner)
    assert shown(await configured(owner, roomname="New", **fields)) == expected
    assert await asked(owner) == before
    assert owner.before == []


async def test_limits_of_name_and_description(serve):
    server = await serve(with_options("max_room_name = 5\nmax_room_desc = 6"), admin=None)
    owner = await server.online("owner")
    await joined(owner, "boss")
    assert shown(await configured(owner, roomname="longer")) == "E modify/not-acceptable"
    assert shown(await configured(owner, roomdesc="longest")) == "E modify/not-acceptable"
    assert (await configured(owner, roomname="short", roomdesc="medium")).get("type") == "result"


async def test_persistence_only_for_whom_it_is_permitted(serve):
    server = await serve(with_options('access_persistent = "none"'), admin=None)
    owner = await server.online("owner")
    await joined(owner, "boss")
    assert "muc#roomconfig_persistentroom" not in await asked(owner)
    assert shown(await configured(owner, persistentroom="1")) == "E modify/not-acceptable"


async def test_only_owners_see_and_submit_the_form(owner, guest):
    await admin(owner, "<item affiliation='admin' jid='guest@localhost'/>")
    await guest.collect()
    for answer in (await answered(guest, "get", f"<query xmlns='{OWNER}'/>", ROOM), await form(guest, "submit")):
        assert shown(answer) == "E auth/forbidden"
        assert error_text(answer) == "Owner privileges required"


async def test_administrator_of_all_rooms_is_as_an_owner(serve):
    server = await serve(
        with_options('access_admin = "muc_admin"'),
        admin=None,
        more='[[acl.boss]]\nuser = "root"\n[[access.muc_admin]]\nacl = "boss"\nvalue = "allow"\n',
    )
    owner, root = await server.online("owner"), await server.online("root")
    await joined(owner, "boss")
    await configured(owner, membersonly="1")
    assert shown((await joined(root, "root"))[1]).startswith("P root none/moderator")
    assert (await configured(root, roomname="Taken")).get("type") == "result"
    root.send("<message to='conference.localhost'><body>all of you</body></message>")
    got = await root.expect("message", type="groupchat", from_=ROOM)
    assert got.child_text(ns.CLIENT, "body") == "all of you"


# --- what follows from a change -----------------------------------------------------------------------------------


async def test_members_only_switched_on_removes_others(owner, guest):
    answer = await configured(owner, membersonly="1")
    assert answer.get("type") == "result"
    assert [shown(stanza) for stanza in owner.before] == ["-P joe none/none jid=guest@localhost/r1 322"]
    assert await seen(guest) == ["-P joe none/none 110,322"]
    join(guest, "joe")
    assert await seen(guest) == ["E auth/registration-required"]


async def test_change_of_anonymity_is_told(owner, guest):
    for whois, code in (("anyone", "172"), ("moderators", "173")):
        await configured(owner, whois=whois)
        (told,) = owner.before  # before the result
        assert (told.get("type"), told.get("from"), codes(told)) == ("groupchat", ROOM, [code])
        assert [codes(stanza) for stanza in await guest.collect()] == [[code]]


async def test_configuration_without_a_change_tells_nothing(owner, guest):
    await configured(owner, whois="moderators")
    assert owner.before == []
    assert await seen(guest) == []


async def test_jids_are_shown_once_the_room_is_non_anonymous(owner, guest):
    await configured(owner, whois="anyone")
    await guest.collect()
    owner.send(f"<presence to='{ROOM}/boss'/>")
    assert item_of((await guest.collect())[0])["jid"] == "owner@localhost/r1"
