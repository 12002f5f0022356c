"""Rooms whose store does not answer: everybody who waits is told, and the next one finds the room as before."""

from __future__ import annotations

import asyncio

import pytest

from mim.capabilities import ChatRooms
from mim.errors import Unavailable
from mim.xmpp import ns
from mim.xmpp.jid import JID
from tests.plugins.muc.rooms import MODULES, SERVICE, configured, join, joined, shown

COMMANDS = "[modules.mod_muc_commands]\n"
ASLEEP = f"asleep@{SERVICE}"
ABOUT = f"<query xmlns='{ns.DISCO_INFO}'/>"


@pytest.fixture
async def server(serve):
    return await serve(MODULES + COMMANDS)


@pytest.fixture
async def owner(server):
    """Owns a persistent room that sleeps."""
    owner = await server.online("owner")
    await joined(owner, "boss", ASLEEP)
    await configured(owner, ASLEEP, persistentroom="1", roomname="Bedroom")
    owner.send(f"<presence type='unavailable' to='{ASLEEP}/boss'/>")
    await owner.collect()
    return owner


@pytest.fixture
def broken_store(server, monkeypatch):
    """A database that cannot read."""

    async def refuse(statement, /, **parameters):
        raise Unavailable("the database does not answer")

    def mend() -> None:
        monkeypatch.undo()

    monkeypatch.setattr(server.app.server.database, "fetch_one", refuse)
    return mend


async def test_clients_are_told_that_a_room_cannot_be_read(owner, broken_store):
    join(owner, "boss", ASLEEP)
    owner.send(f"<message to='{ASLEEP}' type='groupchat'><body>hi</body></message>")
    assert [shown(await owner.next()) for _ in range(2)] == ["E wait/internal-server-error"] * 2


async def test_a_query_is_answered_and_the_stream_goes_on(owner, broken_store):
    answer = await owner.ask("get", ABOUT, ASLEEP)
    assert shown(answer) == "E wait/internal-server-error"
    await owner.expect_nothing()


async def test_the_admin_api_is_told(server, owner, broken_store):
    answer = await server.api.post("/mucs/localhost/asleep/messages", {"from": "owner@localhost", "body": "hi"})
    assert answer.status == 503


async def test_the_room_is_there_again_when_the_store_is(owner, broken_store):
    await owner.ask("get", ABOUT, ASLEEP)

    broken_store()

    info = (await owner.ask("get", ABOUT, ASLEEP)).find(ns.DISCO_INFO, "query")
    assert info.find(ns.DISCO_INFO, "identity").get("name") == "Bedroom"


async def test_a_request_that_is_given_up_while_a_room_wakes_harms_nobody_behind_it(server, owner, monkeypatch):
    database = server.app.server.database
    read, reading, gate = database.fetch_one, asyncio.Event(), asyncio.Event()

    async def slow(statement, /, **parameters):
        reading.set()
        await gate.wait()
        return await read(statement, **parameters)

    monkeypatch.setattr(database, "fetch_one", slow)
    rooms = server.app.host("localhost").find(ChatRooms)
    request = asyncio.create_task(rooms.send_message(JID.parse(ASLEEP), sender=JID.parse("owner@localhost"), body="hi"))
    await reading.wait()
    join(owner, "boss", ASLEEP)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)

    gate.set()

    assert shown(await owner.next()) == "P boss owner/moderator jid=owner@localhost/r1 110"
