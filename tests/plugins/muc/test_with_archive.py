"""Rooms with the archive of mod_mam_meta (xmpp-behaviour, section 6: room archive)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.plugins.muc.rooms import MODULES, OWNER, ROOM, admin, answered, configured, instant, joined, say, shown

MAM = "urn:xmpp:mam:2"
ARCHIVE = "[modules.mod_mam_meta]\n[modules.mod_mam_meta.muc]\n"


@pytest.fixture
async def server(serve):
    return await serve(MODULES + ARCHIVE + "[modules.mod_muc_commands]\n")


@pytest.fixture
async def owner(server):
    owner = await server.online("owner")
    await joined(owner, "boss")
    await instant(owner)
    return owner


async def archived(client, room: str = ROOM) -> list[Element] | str:
    """Return the archived messages, or the error."""
    answer = await answered(client, "set", f"<query xmlns='{MAM}'/>", room)
    if answer.get("type") == "error":
        return shown(answer)
    got = []
    for stanza in client.before:
        result = stanza.find(MAM, "result")
        if result is not None:
            got.append(result.find("urn:xmpp:forward:0", "forwarded").find(ns.CLIENT, "message"))
    return got


def bodies(messages: list[Element]) -> list[str]:
    return [message.child_text(ns.CLIENT, "body") for message in messages]


async def test_what_is_said_is_archived_with_one_id_for_all(server, owner):
    guest = await server.online("guest")
    await joined(guest, "joe")
    await owner.collect()
    owner.send(f"<message to='{ROOM}' type='groupchat'><subject>Tea</subject></message>")
    say(guest, "one")
    await server.api.post("/mucs/localhost/den/messages", {"from": "guest@localhost", "body": "two"})
    ids = [
        [s.find("urn:xmpp:sid:0", "stanza-id").get("id") for s in await client.collect() if shown(s).startswith("M")]
        for client in (owner, guest)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert bodies(await archived(owner)) == ["one", "two"]
    assert [message.get("from") for message in await archived(guest)] == [f"{ROOM}/joe"] * 2


async def test_real_jids_are_for_those_who_may_see_them(server, owner):
    guest, other = await server.online("guest"), await server.online("other")
    await joined(guest, "joe")
    await joined(other, "o")
    say(guest, "one")
    await guest.collect()

    async def jid_shown(client) -> str | None:
        (message,) = await archived(client)
        x = message.find(ns.MUC_USER, "x")
        return None if x is None else x.find(ns.MUC_USER, "item").get("jid")

    assert await jid_shown(owner) == "guest@localhost/r1"
    assert await jid_shown(other) is None


async def test_archive_is_closed_to_whom_the_room_is(server, owner):
    guest = await server.online("guest")
    say(owner, "one")
    assert bodies(await archived(guest)) == ["one"]
    await configured(owner, membersonly="1")
    assert await archived(guest) == "E cancel/not-allowed"
    await admin(owner, "<item affiliation='member' jid='guest@localhost'/>")
    assert bodies(await archived(guest)) == ["one"]
    await admin(owner, "<item affiliation='outcast' jid='guest@localhost'/>")
    assert await archived(guest) == "E cancel/not-allowed"


async def test_archive_of_a_sleeping_room_answers_and_a_destroyed_one_is_gone(server, owner):
    await configured(owner, persistentroom="1")
    say(owner, "one")
    owner.send(f"<presence type='unavailable' to='{ROOM}/boss'/>")
    await owner.collect()
    assert bodies(await archived(owner)) == ["one"]
    await joined(owner, "boss")
    await answered(owner, "set", f"<query xmlns='{OWNER}'><destroy/></query>", ROOM)
    await joined(owner, "boss")
    assert await archived(owner) == []


async def test_service_and_rooms_announce_the_archive(server, owner):
    for to in (ROOM, "conference.localhost"):
        answer = await answered(owner, "get", f"<query xmlns='{ns.DISCO_INFO}'/>", to)
        assert MAM in {feature.get("var") for feature in next(answer.elements()).elements(ns.DISCO_INFO, "feature")}
