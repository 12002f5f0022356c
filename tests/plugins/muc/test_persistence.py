"""Rooms that outlive their occupants, a restart, a kill; rooms that sleep and wake (xmpp-behaviour, section 7.6)."""

from __future__ import annotations

import asyncio

import pytest

from mim.xmpp import ns
from tests.client import Client
from tests.harness import PASSWORD
from tests.plugins.muc.rooms import (
    MODULES,
    OWNER,
    ROOM,
    SERVICE,
    admin,
    answered,
    codes,
    configured,
    item_of,
    joined,
    say,
    seen,
    shown,
    with_options,
)

REGISTER = "[modules.mod_register]\nip_access = []\n"


async def leave(client, nick: str, room: str = ROOM) -> None:
    client.send(f"<presence type='unavailable' to='{room}/{nick}'/>")
    await client.collect()


def awake(server) -> set[str]:
    """The rooms in memory."""
    module = server.app.modules.find(server.app.host("localhost"), "mod_muc")
    return {str(jid) for jid in module._context.rooms}


async def persistent(client, room: str = ROOM, nick: str = "boss") -> None:
    await joined(client, nick, room)
    assert (await configured(client, room, persistentroom="1", roomname="Tea")).get("type") == "result"


async def connected(port: int, user: str) -> Client:
    client = Client(port)
    await client.connect()
    await client.login(user, PASSWORD, "r1")
    return await client.available()


# --- restarts -----------------------------------------------------------------------------------------------------


async def test_room_survives_a_restart(serve, tmp_path):
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    owner, guest = await server.online("owner"), await server.online("guest")
    await persistent(owner)
    await joined(guest, "joe")
    await admin(
        owner,
        "<item affiliation='member' jid='guest@localhost'/>",
        "<item affiliation='outcast' jid='bad@localhost'><reason>rude</reason></item>",
    )
    owner.send(f"<message to='{ROOM}' type='groupchat'><subject>Leaves</subject></message>")
    say(owner, "forgotten tomorrow")
    await owner.collect()
    await guest.collect()
    await server.stop()

    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    guest, bad = await server.online("guest"), await server.online("bad")
    assert [shown(stanza) for stanza in await joined(guest, "joe")] == ["P joe member/participant 110", "S Leaves"]
    bad.send(f"<presence to='{ROOM}/b'><x xmlns='{ns.MUC}'/></presence>")
    assert await seen(bad) == ["E auth/forbidden"]
    owner = await server.online("owner")
    assert shown((await joined(owner, "boss"))[1]).startswith("P boss owner/moderator")


async def test_stop_of_the_service_is_told(serve):
    server = await serve(MODULES, admin=None)
    owner = await server.online("owner")
    await joined(owner, "boss")
    await server.stop_module("mod_muc")
    got = await owner.expect("presence", type="unavailable", from_=f"{ROOM}/boss")
    assert "332" in codes(got)


async def test_what_was_acknowledged_survives_kill(spawn_server):
    first = await spawn_server(MODULES + REGISTER, general='registration_timeout = "infinity"', admin=None)
    port = first.ports["c2s"][0]
    for name in ("owner", "guest"):
        client = Client(port)
        await client.connect()
        await client.open_stream()
        answer = await client.ask(
            "set",
            f"<query xmlns='{ns.REGISTER}'><username>{name}</username><password>{PASSWORD}</password></query>",
            to="localhost",
        )
        assert answer.get("type") == "result", answer
        await client.close()
    owner = await connected(port, "owner")
    await persistent(owner)
    answer = await admin(owner, "<item affiliation='admin' jid='guest@localhost'/>")
    assert answer.get("type") == "result"
    await first.kill()
    await owner.close()

    second = await spawn_server(MODULES, admin=None)
    guest = await connected(second.ports["c2s"][0], "guest")
    got = await joined(guest, "joe")
    assert shown(got[0]).startswith("P joe admin/moderator")
    assert "201" not in codes(got[0])
    await guest.close()


async def test_destroyed_room_stays_gone(serve, tmp_path):
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    owner = await server.online("owner")
    await persistent(owner)
    await answered(owner, "set", f"<query xmlns='{OWNER}'><destroy/></query>", ROOM)
    await server.stop()
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    guest = await server.online("guest")
    assert "201" in codes((await joined(guest, "joe"))[0])


async def test_room_no_longer_persistent_ends_with_its_last_occupant(server):
    owner = await server.online("owner")
    await persistent(owner)
    await configured(owner, persistentroom="0")
    await leave(owner, "boss")
    assert "201" in codes((await joined(owner, "boss"))[0])


async def test_affiliations_of_a_removed_account_are_forgotten(serve):
    server = await serve(MODULES + REGISTER, admin=None)
    owner, guest = await server.online("owner"), await server.online("guest")
    await persistent(owner)
    await admin(owner, "<item affiliation='member' jid='guest@localhost'/>")
    guest.send(f"<iq type='set' id='r'><query xmlns='{ns.REGISTER}'><remove/></query></iq>")
    await guest.expect("iq", type="result")
    await guest.stream_error()
    query = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>"
    # What is in memory is forgotten after the last session has ended, a moment behind its stream error.
    while list(next((await answered(owner, "get", query, ROOM)).elements()).elements()):
        continue
    await leave(owner, "boss")
    assert ROOM not in awake(server)
    assert list(next((await answered(owner, "get", query, ROOM)).elements()).elements()) == []


# --- sleep --------------------------------------------------------------------------------------------------------


async def test_empty_persistent_room_sleeps_and_wakes_with_any_stanza(server):
    owner = await server.online("owner")
    await persistent(owner)
    await leave(owner, "boss")
    assert awake(server) == set()
    info = await answered(owner, "get", f"<query xmlns='{ns.DISCO_INFO}'/>", ROOM)
    assert next(next(info.elements()).elements()).get("name") == "Tea"
    assert awake(server) == set()
    say(owner, "anybody?")
    assert shown(await owner.expect("message", type="error")) == "E modify/not-acceptable"
    await joined(owner, "boss")
    assert awake(server) == {ROOM}


async def test_empty_persistent_room_keeps_its_history(server):
    owner = await server.online("owner")
    await persistent(owner)
    say(owner, "remember")
    await leave(owner, "boss")
    assert [shown(stanza) for stanza in await joined(owner, "boss")][1:] == ["M boss remember", "S"]


async def test_only_so_many_rooms_stay_awake_for_their_history(server, monkeypatch):
    monkeypatch.setattr("mim_plugins.mod_muc.idling.MAX_IDLE_ROOMS", 2)
    owner = await server.online("owner")
    names = [f"r{number}@{SERVICE}" for number in range(4)]
    for name in names:
        await persistent(owner, name)
        say(owner, "hi", name)
        await leave(owner, "boss", name)
    assert awake(server) == set(names[2:])
    await joined(owner, "boss", names[2])
    await persistent(owner, names[0])
    say(owner, "hi", names[0])
    await leave(owner, "boss", names[0])
    assert awake(server) == {names[0], names[2], names[3]}


async def test_stanzas_for_a_room_that_wakes_keep_their_order(server):
    owner, guest = await server.online("owner"), await server.online("guest")
    await persistent(owner)
    await leave(owner, "boss")
    words = [f"w{number}" for number in range(20)]
    guest.send(
        f"<presence to='{ROOM}/joe'><x xmlns='{ns.MUC}'/></presence>"
        + "".join(f"<message to='{ROOM}' type='groupchat'><body>{word}</body></message>" for word in words)
    )
    got = []
    while len(got) < 2 + len(words):
        got.append(shown(await guest.next()))
    assert got == ["P joe none/participant 110", "S", *(f"M joe {word}" for word in words)]


async def test_many_wake_one_room_at_once(server):
    owner = await server.online("owner")
    await persistent(owner)
    await leave(owner, "boss")
    guests = [await server.online(f"u{number}") for number in range(5)]
    await asyncio.gather(*(joined(guest, f"n{number}") for number, guest in enumerate(guests)))
    say(guests[0], "all here")
    for guest in guests:
        assert (await seen(guest))[-1] == "M n0 all here"


async def test_rooms_are_loaded_at_start_if_the_file_says_so(serve, tmp_path):
    server = await serve(MODULES, admin=None, data_dir=tmp_path)
    await persistent(await server.online("owner"))
    await server.stop()
    server = await serve(with_options("load_permanent_rooms_at_startup = true"), admin=None, data_dir=tmp_path)
    assert awake(server) == {ROOM}


# --- hibernation --------------------------------------------------------------------------------------------------

HIBERNATE = with_options("hibernated_room_check_interval = 10_000\nhibernated_room_timeout = 60_000")


async def test_room_with_nobody_but_its_owner_hibernates(serve):
    server = await serve(HIBERNATE, admin=None)
    owner, guest = await server.online("owner"), await server.online("guest")
    await persistent(owner)
    await server.clock.elapse(30)
    assert await seen(owner) == []
    say(owner, "still here")
    assert await seen(owner) == ["M boss still here"]
    await server.clock.elapse(50)
    assert await seen(owner) == []  # used 50 seconds ago
    await server.clock.elapse(20)
    got = await owner.expect("presence", type="unavailable", from_=f"{ROOM}/boss")
    item = got.find(ns.MUC_USER, "x").find(ns.MUC_USER, "item")
    assert item_of(got)["role"] == "none"
    assert item.child_text(ns.MUC_USER, "reason") == "Room hibernation"
    assert "332" in codes(got)
    assert awake(server) == set()
    items = await answered(guest, "get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", SERVICE)
    assert [item.get("name") for item in next(items.elements()).elements()] == ["den"]
    await joined(owner, "boss")
    assert awake(server) == {ROOM}


@pytest.mark.parametrize("fields", [{"persistentroom": "0"}, {}])
async def test_temporary_rooms_and_rooms_with_guests_do_not_hibernate(serve, fields):
    server = await serve(HIBERNATE, admin=None)
    owner, guest = await server.online("owner"), await server.online("guest")
    await persistent(owner)
    if fields:
        await configured(owner, **fields)
    else:
        await joined(guest, "joe")
        await owner.collect()
    for _ in range(2):
        await server.clock.elapse(100)
    assert await seen(owner) == []
    assert awake(server) == {ROOM}
