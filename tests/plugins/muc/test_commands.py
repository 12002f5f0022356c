"""Rooms that the admin API and clients share (contract/admin-api, sections 6.17-6.20 and 7.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.muc.rooms import (
    MODULES,
    ROOM,
    SERVICE,
    admin,
    codes,
    configured,
    instant,
    item_of,
    join,
    joined,
    say,
    seen,
    shown,
    with_options,
)

COMMANDS = "[modules.mod_muc_commands]\n"
MUCS = "/mucs/localhost"
KICKED = "Kicked through HTTP Administration API."


@pytest.fixture
async def server(serve):
    return await serve(MODULES + COMMANDS)


@pytest.fixture
async def o(server):
    """Owns r, made over REST; his client o1 has read what it was told."""
    client = await server.online("o", "o1")
    await create(server)
    await client.collect()
    return client


@pytest.fixture
async def m(server, o):
    """Is in r as joe."""
    client = await server.online("m", "m1")
    await joined(client, "joe", R)
    await o.collect()
    return client


R = f"r@{SERVICE}"


async def create(server, owner: str = "o@localhost", name: str = "r", nick: str = "boss"):
    return await server.api.post(MUCS, {"name": name, "owner": owner, "nick": nick})


async def speak(server, sender: str, body: str = "hi", name: str = "r") -> tuple[int, str]:
    answer = await server.api.post(f"{MUCS}/{name}/messages", {"from": sender, "body": body})
    return answer.status, answer.text.strip('"')


async def invite(server, sender: str, recipient: str, reason: str = "tea", name: str = "r") -> tuple[int, str]:
    body = {"sender": sender, "recipient": recipient, "reason": reason}
    answer = await server.api.post(f"{MUCS}/{name}/participants", body)
    return answer.status, answer.text.strip('"')


async def kick(server, nick: str, name: str = "r") -> tuple[int, str]:
    answer = await server.api.delete(f"{MUCS}/{name}/{nick}")
    return answer.status, answer.text.strip('"')


# --- 6.17 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["o@localhost", "o@localhost/o1", "o@localhost/other"])
async def test_creation_puts_the_owner_inside_by_his_bare_jid(server, owner):
    client = await server.online("o", "o1")
    answer = await create(server, owner)
    assert (answer.status, answer.text.strip('"')) == (201, "r")
    assert answer.headers["Location"].endswith("/mucs/localhost/r")
    presence, subject = await client.collect()
    assert shown(presence) == "P boss owner/moderator jid=o@localhost 110,201"
    assert presence.get("to") == "o@localhost/o1"
    assert (subject.get("from"), subject.get("to"), subject.get("type")) == (R, "o@localhost", "groupchat")
    assert [child.name for child in subject.elements()] == ["subject", "body"]


async def test_every_client_of_the_owner_is_told(server):
    first, second = await server.online("o", "o1"), await server.online("o", "o2")
    await first.collect()
    await second.collect()
    await create(server)
    for client in (first, second):
        assert await seen(client) == ["P boss owner/moderator jid=o@localhost 110,201", "S"]


async def test_again_by_the_owner_tells_only_where_he_is(server, o):
    assert (await create(server)).status == 201
    assert await seen(o) == ["P boss owner/moderator jid=o@localhost 110"]


async def test_again_opens_what_the_owners_client_has_not_opened_yet(server):
    o = await server.online("o", "o1")
    await joined(o, "boss", R)
    assert (await create(server)).status == 201
    assert await seen(o) == ["P boss owner/moderator jid=o@localhost/o1 110"]
    m = await server.online("m")
    assert shown((await joined(m, "joe", R))[0]) == "P boss owner/moderator"


async def test_again_puts_an_owner_inside_who_is_not(server, m):
    o = await server.online("o", "o1")
    await joined(o, "boss", R)
    await configured(o, R, persistentroom="1")
    o.send(f"<presence type='unavailable' to='{R}/boss'/>")
    await o.collect()
    await m.collect()
    assert (await create(server)).status == 201
    joe, boss = "P joe none/participant jid=m@localhost/m1", "P boss owner/moderator jid=o@localhost 110"
    assert await seen(o) == [joe, boss, "S"]
    assert await seen(m) == ["P boss owner/moderator"]
    assert await speak(server, "o@localhost") == (204, "")


async def test_again_under_a_nick_that_somebody_else_has_changes_nothing(server, m):
    o = await server.online("o", "o1")
    await joined(o, "boss", R)
    await configured(o, R, persistentroom="1")
    o.send(f"<presence type='unavailable' to='{R}/boss'/>")
    await o.collect()
    await m.collect()
    assert (await create(server, nick="joe")).status == 201
    assert await seen(o) == []
    assert await seen(m) == []


async def test_rooms_of_rest_are_none_of_those_a_user_may_be_in(serve):
    server = await serve(with_options("max_user_conferences = 2") + COMMANDS)
    o = await server.online("o", "o1")
    for number in range(4):
        assert (await create(server, name=f"r{number}")).status == 201
    await o.collect()
    for room in ("r0", "own"):
        assert "E" not in [shown(stanza)[0] for stanza in await joined(o, "boss", f"{room}@{SERVICE}")]
    join(o, "boss", f"third@{SERVICE}")
    assert shown(await o.next()) == "E wait/service-unavailable"
    o.send(f"<presence type='unavailable' to='r0@{SERVICE}/boss'/>")
    await o.collect()
    assert shown((await joined(o, "boss", f"third@{SERVICE}"))[-1]) == "S"


async def test_room_of_somebody_else(server, o):
    p = await server.online("p")
    answer = await create(server, "p@localhost", nick="p")
    assert (answer.status, answer.text.strip('"')) == (403, "Room already exists")
    assert await seen(p) == []
    assert await seen(o) == []


async def test_creation_denied(serve):
    server = await serve(with_options("max_room_id = 3") + COMMANDS)
    assert (await create(server, "o@elsewhere.example")).status == 403
    assert (await create(server, name="toolong")).status == 403
    assert (await create(server, name="fit")).status == 201


@pytest.mark.parametrize("change", [{"owner": "@@"}, {"name": ""}, {"name": "a b"}, {"nick": ""}])
async def test_creation_with_something_invalid(server, change):
    assert (await create(server, **change)).status == 400


async def test_unknown_domain(server):
    body = {"name": "r", "owner": "o@localhost", "nick": "boss"}
    assert (await server.api.post("/mucs/nowhere.example", body)).status == 404


async def test_unregistered_owner_may_have_a_room(server):
    assert (await create(server, "ghost@localhost")).status == 201


async def test_clients_see_the_owner_inside(server, o):
    m = await server.online("m", "m1")
    got = [shown(stanza) for stanza in await joined(m, "joe", R)]
    assert got == ["P boss owner/moderator", "P joe none/participant 110", "S"]
    assert await seen(o) == ["P joe none/participant jid=m@localhost/m1"]


async def test_owner_stays_when_he_logs_off_and_his_client_takes_the_place(server, o, m):
    await o.close()
    assert await seen(m) == []
    again = await server.online("o", "o2")
    got = [shown(stanza) for stanza in await joined(again, "boss", R)]
    assert got[:2] == [
        "P joe none/participant jid=m@localhost/m1",
        "P boss owner/moderator jid=o@localhost/o2 110",
    ]
    assert await seen(m) == ["P boss owner/moderator"]
    say(again, "one of me", R)
    assert await seen(again) == ["M boss one of me"]
    again.send(f"<presence type='unavailable' to='{R}/boss'/>")
    await again.collect()
    assert "-P boss owner/none" in (await seen(m))[-1]


async def test_permanent_room_of_rest_survives_a_restart(serve, tmp_path):
    text = with_options("[modules.mod_muc.default_room]\npersistent = true") + COMMANDS
    server = await serve(text, data_dir=tmp_path)
    await create(server)
    await server.stop()
    server = await serve(text, data_dir=tmp_path)
    assert (await invite(server, "o@localhost", "n@localhost"))[0] == 204  # known on disk only, and yet there
    o = await server.online("o", "o1")
    assert shown((await joined(o, "boss", R))[0]).startswith("P boss owner/moderator")


# --- 6.18 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["tea", ""])
async def test_invitation(server, o, reason):
    n = await server.online("n", "n1")
    assert (await invite(server, "o@localhost", "n@localhost", reason))[0] == 204
    (got,) = await n.collect()
    assert dict(got.attrs) == {"from": "o@localhost", "to": "n@localhost"}
    (x,) = got.elements()
    assert (x.ns, x.name, dict(x.attrs)) == (ns.CONFERENCE, "x", {"jid": R, "reason": reason})
    assert await seen(o) == []


async def test_invitation_refused(server, o):
    assert (await invite(server, "@@", "n@localhost", name="none"))[0] == 400
    assert (await invite(server, "o@localhost", "@@"))[0] == 400
    assert await invite(server, "o@localhost", "n@localhost", name="none") == (404, "room does not exist")
    assert (await invite(server, "o@localhost", "n@localhost", name="R"))[0] == 204
    assert (await invite(server, "outsider@localhost", "n@localhost"))[0] == 204


@pytest.mark.parametrize(
    "fields", [{"membersonly": "1"}, {"passwordprotectedroom": "1", "roomsecret": "x"}, {"outcast": "1"}]
)
async def test_invitation_by_whom_the_room_shuts_out(server, o, fields):
    if "outcast" in fields:
        await admin(o, "<item affiliation='outcast' jid='p@localhost'/>", room=R)
    else:
        await configured(o, R, **fields)
    assert await invite(server, "p@localhost", "n@localhost") == (403, "room is locked")
    assert (await invite(server, "o@localhost", "n@localhost"))[0] == 204


async def test_bare_sender_whose_client_is_in_a_password_room(server, o, m):
    await configured(o, R, passwordprotectedroom="1", roomsecret="x")
    assert (await invite(server, "m@localhost", "n@localhost"))[0] == 204


# --- 6.19 ---------------------------------------------------------------------------------------------------------


async def test_message_from_the_bare_owner(server, o, m):
    assert (await speak(server, "o@localhost"))[0] == 204
    got = await m.expect("message", type="groupchat", from_=f"{R}/boss", to="m@localhost/m1")
    assert [child.name for child in got.elements()] == ["body"]
    await o.expect("message", type="groupchat", from_=f"{R}/boss", to="o@localhost")


@pytest.mark.parametrize("sender", ["m@localhost/m1", "m@localhost"])
async def test_message_from_an_occupants_client(server, o, m, sender):
    assert (await speak(server, sender))[0] == 204
    for client in (m, o):
        await client.expect("message", type="groupchat", from_=f"{R}/joe")


async def test_message_from_an_absent_resource_is_the_bare_occupants(server, o, m):
    assert (await speak(server, "o@localhost/other"))[0] == 204
    assert await seen(m) == ["M boss hi"]


async def test_message_refused(server, o, m):
    n = await server.online("n", "n1")
    assert (await speak(server, "@@"))[0] == 400
    assert await speak(server, "o@localhost", name="none") == (404, "room does not exist")
    for sender in ("n@localhost/n1", "n@localhost", "m@localhost/other"):
        assert await speak(server, sender) == (403, "given user does not occupy this room")
    await admin(o, "<item role='visitor' nick='joe'/>", room=R)
    await m.collect()
    assert await speak(server, "m@localhost/m1") == (403, "visitors are not allowed to send messages")
    for client in (n, m):
        assert await seen(client) == []


async def test_message_is_in_the_history(server, o):
    await speak(server, "o@localhost", "before you came")
    n = await server.online("n")
    assert "M boss before you came" in [shown(stanza) for stanza in await joined(n, "n", R)]


# --- 6.20 ---------------------------------------------------------------------------------------------------------


async def test_kick(server, o, m):
    assert (await kick(server, "joe"))[0] == 204
    (own,), (told,) = await m.collect(), await o.collect()
    for got in (own, told):
        item = got.find(ns.MUC_USER, "x").find(ns.MUC_USER, "item")
        assert (item_of(got)["affiliation"], item_of(got)["role"]) == ("none", "none")
        assert item.child_text(ns.MUC_USER, "reason") == KICKED
        assert "307" in codes(got)
    assert "jid" not in item_of(own)
    assert item_of(told)["jid"] == "m@localhost/m1"
    await joined(m, "joe", R)


async def test_kick_refused(server, o, m):
    assert await kick(server, "joe", name="none") == (404, "room does not exist")
    assert await kick(server, "Joe") == (404, "no occupant with this nick")
    assert await kick(server, "boss") == (403, "not allowed")
    assert await seen(m) == []
    assert await seen(o) == []


async def test_kick_where_no_moderator_is(server):
    owner, guest = await server.online("owner"), await server.online("guest")
    await joined(owner, "boss")
    await instant(owner)
    await joined(guest, "joe")
    owner.send(f"<presence type='unavailable' to='{ROOM}/boss'/>")
    await owner.collect()
    assert await kick(server, "joe", name="den") == (404, "room has no moderator")


async def test_room_of_a_client_obeys_the_api(server):
    owner, guest = await server.online("owner"), await server.online("guest")
    await joined(owner, "boss")
    await instant(owner)
    await joined(guest, "joe")
    await owner.collect()
    await speak(server, "guest@localhost", name="den")
    assert await seen(owner) == ["M joe hi"]
    await kick(server, "joe", name="den")
    assert (await seen(owner))[-1].endswith("307")
    join(guest, "joe")
    assert (await seen(guest))[-2:] == ["M joe hi", "S"]
